"""Tags of an audio file, made fit to show: names in lower case, values readable and bounded."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Mapping

MAX_TAGS = 50
MAX_LENGTH = 500
#: Those that Earmark uses itself; the last to go if there are too many.
FIRST = ("title", "artist", "album", "isrc")
#: What muxers and players write about themselves rather than about the music.
_TECHNICAL = frozenset(
    [
        "major_brand",
        "minor_version",
        "compatible_brands",
        "handler_name",
        "vendor_id",
        "encoder",
        "encoded_by",
        "tsse",
        "tlen",
        "duration",
        "language",
        "creation_time",
        "itunsmpb",
        "itunnorm",
        "itunes_cddb_1",
        "replaygain_track_gain",
        "replaygain_track_peak",
        "replaygain_album_gain",
        "replaygain_album_peak",
    ]
)
_ISRC = re.compile(r"[A-Z]{2}[A-Z0-9]{3}[0-9]{7}")


def clean_tags(raw: Mapping[str, str]) -> dict[str, str]:
    """Return tags under lower-case names.

    Control characters go and white space is folded. ``isrc`` (ID3's ``TSRC``) is kept only in its proper form,
    and without hyphens.

    Parameters
    ----------
    raw : mapping of str to str
        As FFmpeg gives them; bytes that are no UTF-8 as surrogates.

    Returns
    -------
    dict of str to str
        At most :data:`MAX_TAGS`, of at most :data:`MAX_LENGTH` characters each; none empty.
    """
    tags: dict[str, str] = {}
    for name, value in raw.items():
        key = readable(name).lower()[:64].rstrip()
        key = "isrc" if key == "tsrc" else key
        text = readable(value)[:MAX_LENGTH].rstrip()
        if key and text and key not in _TECHNICAL:
            tags.setdefault(key, text)
    if "isrc" in tags:
        code = re.sub(r"[-\s]", "", tags.pop("isrc")).upper()
        if _ISRC.fullmatch(code):
            tags["isrc"] = code
    order = [name for name in FIRST if name in tags] + [name for name in tags if name not in FIRST]
    return {name: tags[name] for name in order[:MAX_TAGS]}


def readable(text: str) -> str:
    """Return text without control characters, white space folded; surrogates are read as Windows-1252."""
    with contextlib.suppress(UnicodeEncodeError):
        text.encode()
        return " ".join("".join(c if c.isprintable() else " " for c in text).split())
    # Surrogates stand for bytes that were no UTF-8: old Windows taggers wrote their code page.
    return readable(text.encode("utf-8", "surrogateescape").decode("cp1252", "replace"))
