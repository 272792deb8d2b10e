"""Write the table of identified kinds of files in docs/formats.md::

    python -m tests.tools.phone_formats

Its rows are the files that the tests make, each identified by ``tests/api/test_api_tags.py``.
"""

from __future__ import annotations

import re
from pathlib import Path

from tests.data_audio import FORMATS
from tests.rare_audio import AMR_WB, HE_AAC

DOCUMENT = Path(__file__).parents[2] / "docs" / "formats.md"
_PLACE = re.compile(
    r"(<!-- table identified, written by tests/tools/phone_formats\.py -->\n).*?(<!-- end -->)", re.DOTALL
)
#: What is to be said of a row.
_NOTES = {
    "amr-wb": "where the library libvo-amrwbenc is installed: FFmpeg has no encoder",
    "he-aac": "announced as HE-AAC, without spectral band replication: no free encoder writes it",
    "fragmented": "as a recorder gives it out",
    "live": "as a recorder gives it out",
}


def table() -> str:
    """Return the table."""
    rows = [(kind, form.container, form.named, form.rate, form.channels) for kind, form in FORMATS.items()]
    rows += [(kind, r.container, r.codec, r.rate, r.channels) for kind, r in (("he-aac", HE_AAC), ("amr-wb", AMR_WB))]
    lines = ["| file | container | codec | Hz | channels | |", "| --- | --- | --- | ---: | ---: | --- |"]
    lines += [
        f"| {kind} | {container} | {codec} | {rate} | {channels} | {_NOTES.get(kind, '')} |"
        for kind, container, codec, rate, channels in sorted(rows)
    ]
    return "\n".join(lines)


def current(text: str) -> str:
    """Return the document with the table as it should be."""
    return _PLACE.sub(lambda match: f"{match[1]}\n{table()}\n\n{match[2]}", text)


if __name__ == "__main__":
    DOCUMENT.write_text(current(DOCUMENT.read_text("utf-8")), "utf-8")
