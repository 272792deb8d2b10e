"""Tags of an audio file, cleaned for display: names in lower case, values readable and limited in length."""

from __future__ import annotations

from collections.abc import Mapping

from classifier.identifiers import IDENTIFIERS, found_in, of_tag
from classifier.text import clean

MAX_TAGS = 50
#: Tags that Earmark itself uses; kept before all others if there are too many.
FIRST = ("title", "artist", "album", *IDENTIFIERS)
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


def is_used(name: str) -> bool:
    """Whether a tag of this name, as it stands in a file, is one that Earmark uses itself."""
    return name.lower() in FIRST or of_tag(name) is not None


def clean_tags(raw: Mapping[str, str]) -> dict[str, str]:
    """Return tags under lower-case names.

    They are cleaned like all text from outside (:func:`~classifier.text.clean`). Identifiers go by one name in all
    containers, and are kept only if they are well formed (:mod:`classifier.identifiers`).

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
        identifier = of_tag(name)
        text = clean(value) if identifier is None else found_in(identifier, value)
        key = identifier or key
        if key and text and key not in _TECHNICAL:
            tags.setdefault(key, text)
    order = [name for name in FIRST if name in tags] + [name for name in tags if name not in FIRST]
    return {name: tags[name] for name in order[:MAX_TAGS]}
