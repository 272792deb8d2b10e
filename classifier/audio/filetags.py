"""Tags of an audio file, cleaned for display: names in lower case, values readable and limited in length."""

from __future__ import annotations

import re
from collections.abc import Mapping

from classifier.text import clean

MAX_TAGS = 50
#: Tags that Earmark itself uses; kept before all others if there are too many.
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

    They are cleaned like all text from outside (:func:`~classifier.text.clean`). ``isrc`` (``TSRC`` in ID3) is kept
    only if it is well formed, without hyphens.

    Parameters
    ----------
    raw : mapping of str to str
        As FFmpeg gives them; bytes that are not UTF-8 come as surrogates.

    Returns
    -------
    dict of str to str
        At most :data:`MAX_TAGS`, none empty.
    """
    tags: dict[str, str] = {}
    for name, value in raw.items():
        key = clean(name, 64).lower()
        key = "isrc" if key == "tsrc" else key
        text = clean(value)
        if key and text and key not in _TECHNICAL:
            tags.setdefault(key, text)
    if "isrc" in tags:
        code = re.sub(r"[-\s]", "", tags.pop("isrc")).upper()
        if _ISRC.fullmatch(code):
            tags["isrc"] = code
    order = [name for name in FIRST if name in tags] + [name for name in tags if name not in FIRST]
    return {name: tags[name] for name in order[:MAX_TAGS]}
