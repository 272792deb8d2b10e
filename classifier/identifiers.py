"""Identifiers of recordings: which there are, what form they have, and how the tags of files spell them.

Conventions
-----------
- ``isrc``: International Standard Recording Code, twelve letters and digits without hyphens (ISO 3901).
- ``recording_mbid``, ``release_mbid`` and ``artist_mbids``: MusicBrainz ids, UUIDs in small letters; those of several
  artists are joined by ``"; "``.
- ``acoustid``: the AcoustID of a recording, a UUID too.
- Names of tags are compared by their letters alone: ID3's ``TXXX:MusicBrainz Album Id``, Vorbis'
  ``MUSICBRAINZ_ALBUMID``, MP4's ``----:com.apple.iTunes:MusicBrainz Album Id`` and ASF's ``MusicBrainz/Album Id`` are
  one. Source: MusicBrainz Picard, "Tag Mapping".
"""

from __future__ import annotations

import re

#: Every identifier, and what people call it.
IDENTIFIERS = {
    "isrc": "ISRC",
    "recording_mbid": "MusicBrainz recording",
    "release_mbid": "MusicBrainz release",
    "artist_mbids": "MusicBrainz artist",
    "acoustid": "AcoustID",
}
#: Those that one recording has for itself.
UNIQUE = ("isrc", "recording_mbid", "acoustid")
#: Most ids of artists kept of one track.
MAX_ARTISTS = 12

_TAGS = {
    "isrc": "isrc",
    "tsrc": "isrc",
    "wmisrc": "isrc",
    "musicbrainztrackid": "recording_mbid",
    "musicbrainzrecordingid": "recording_mbid",
    "musicbrainzalbumid": "release_mbid",
    "musicbrainzreleaseid": "release_mbid",
    "musicbrainzartistid": "artist_mbids",
    "acoustidid": "acoustid",
    "acoustid": "acoustid",
}
_ISRC = re.compile(r"[A-Z]{2}[A-Z0-9]{3}[0-9]{7}")
_UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
#: Addresses of both databases, which people copy together with the id.
_ADDRESS = re.compile(r"https?://(?:www\.)?(?:musicbrainz|acoustid)\.org/(?:[a-z]+/)?")


def of_tag(name: str) -> str | None:
    """Return which identifier a tag of this name holds; None if it holds none.

    Examples
    --------
    >>> of_tag("TXXX:MusicBrainz Album Id"), of_tag("TSRC"), of_tag("TIT2")
    ('release_mbid', 'isrc', None)
    """
    plain = re.sub(r"[^a-z]", "", name.lower().rpartition(":")[2])
    return _TAGS.get(plain)


def found_in(name: str, text: str) -> str | None:
    """Return what can be read of an identifier in somebody's text; None if nothing has the right form.

    Parameters
    ----------
    name : str
        One of :data:`IDENTIFIERS`.
    text : str
        One or several values, such as a tag holds them. All artists count, of everything else the first.

    Examples
    --------
    >>> found_in("isrc", "unknown; GB-AYE-06-01498")
    'GBAYE0601498'
    """
    good = [value for part in _parts(name, text) if (value := _formed(name, part))]
    if name == "artist_mbids":
        return "; ".join(list(dict.fromkeys(good))[:MAX_ARTISTS]) or None
    return good[0] if good else None


def normalised(name: str, text: str) -> str | None:
    """Return an identifier in its proper form; None if it is anything else, in whole or in part.

    Parameters
    ----------
    name : str
        One of :data:`IDENTIFIERS`.
    text : str
        As a person gives it: with or without hyphens (ISRC), or as the address of a page (MusicBrainz, AcoustID).

    Examples
    --------
    >>> normalised("isrc", "gb-aye-06-01498")
    'GBAYE0601498'
    >>> normalised("isrc", "gb-aye-06") is None
    True
    """
    parts = _parts(name, text)
    most = MAX_ARTISTS if name == "artist_mbids" else 1
    return found_in(name, text) if 0 < len(parts) <= most and all(_formed(name, part) for part in parts) else None


def form_of(name: str) -> str:
    """Return in words what form an identifier has.

    Examples
    --------
    >>> form_of("acoustid")
    'a UUID, such as 8f3471b5-7e6a-48da-86a9-c1c07a0f47ae'
    """
    if name == "isrc":
        return "two letters, three letters or digits and seven digits, such as GBAYE0601498"
    what = "UUIDs separated by semicolons" if name == "artist_mbids" else "a UUID"
    return f"{what}, such as 8f3471b5-7e6a-48da-86a9-c1c07a0f47ae"


def _parts(name: str, text: str) -> list[str]:
    return [part for part in re.split(r"[;,/\0]" if name == "isrc" else r"[;,\s\0]", text) if part.strip()]


def _formed(name: str, text: str) -> str | None:
    if name == "isrc":
        code = re.sub(r"[-\s]", "", text).upper()
        return code if _ISRC.fullmatch(code) else None
    code = _ADDRESS.sub("", text.strip().lower())
    return code if _UUID.fullmatch(code) else None
