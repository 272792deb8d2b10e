"""Writing tags into files, beside the sound and never into it.

A file is copied, tags are written into the copy, the copy is read again, and only if it holds the same encoded audio
it takes the place of the file, in one step: whatever fails or dies on the way leaves the file as it was. Names of tags
are those of each container (:mod:`classifier.identifiers` reads them back). Source: MusicBrainz Picard, "Tag Mapping".
"""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import mutagen
from mutagen import MutagenError
from mutagen.apev2 import APEv2
from mutagen.asf import ASFTags
from mutagen.id3 import ID3, TALB, TIT2, TPE1, TSRC, TXXX, UFID
from mutagen.mp4 import MP4FreeForm, MP4Tags

from classifier.errors import InvalidInput

_OWNER = "http://musicbrainz.org"
_FREE = "----:com.apple.iTunes:"
_VORBIS = {
    "title": "title",
    "artist": "artist",
    "album": "album",
    "isrc": "isrc",
    "recording_mbid": "musicbrainz_trackid",
    "release_mbid": "musicbrainz_albumid",
    "artist_mbids": "musicbrainz_artistid",
    "acoustid": "acoustid_id",
}
_APE = {**{name: name.title() for name in ("title", "artist", "album")}, "isrc": "ISRC"}
_MP4 = {
    "title": "\xa9nam",
    "artist": "\xa9ART",
    "album": "\xa9alb",
    "isrc": _FREE + "ISRC",
    "recording_mbid": _FREE + "MusicBrainz Track Id",
    "release_mbid": _FREE + "MusicBrainz Album Id",
    "artist_mbids": _FREE + "MusicBrainz Artist Id",
    "acoustid": _FREE + "Acoustid Id",
}
_ASF = {
    "title": "Title",
    "artist": "Author",
    "album": "WM/AlbumTitle",
    "isrc": "WM/ISRC",
    "recording_mbid": "MusicBrainz/Track Id",
    "release_mbid": "MusicBrainz/Album Id",
    "artist_mbids": "MusicBrainz/Artist Id",
    "acoustid": "Acoustid/Id",
}
_ID3: dict[str, Callable[[str], Any]] = {
    "title": lambda text: TIT2(encoding=3, text=[text]),
    "artist": lambda text: TPE1(encoding=3, text=[text]),
    "album": lambda text: TALB(encoding=3, text=[text]),
    "isrc": lambda text: TSRC(encoding=3, text=[text]),
    "recording_mbid": lambda text: UFID(owner=_OWNER, data=text.encode("ascii")),
    "release_mbid": lambda text: TXXX(encoding=3, desc="MusicBrainz Album Id", text=[text]),
    "artist_mbids": lambda text: TXXX(encoding=3, desc="MusicBrainz Artist Id", text=[text]),
    "acoustid": lambda text: TXXX(encoding=3, desc="Acoustid Id", text=[text]),
}


class TagsNotWritten(InvalidInput):
    """Tags cannot be written into a file of this kind, or not without changing its sound; the file is as it was."""

    name = "tags_not_written"


def write_tags(path: Path, fields: Mapping[str, str], fault: Callable[[Path, Path], str]) -> None:
    """Write fields into a file's tags; all others stay.

    Parameters
    ----------
    path : Path
        The file; a link is followed.
    fields : mapping of str to str
        Title, artist, album and identifiers, in the form in which a track has them.
    fault : callable
        ``fault(before, after)`` says what is wrong with the file that is to take the other's place, such as that it
        does not hold the same encoded audio; empty if nothing is.

    Raises
    ------
    TagsNotWritten
        If the file is of a kind whose tags cannot be written, is write-protected, or ``fault`` finds one.
    """
    target = path.resolve()
    if not os.access(target, os.W_OK):
        raise TagsNotWritten(f"{path.name} is write-protected or gone: nothing was changed")
    copy: Path | None = None
    try:
        # In the same folder, so that it can take the file's place in one step.
        descriptor, name = tempfile.mkstemp(suffix=target.suffix, prefix=".earmark-", dir=target.parent)
        os.close(descriptor)
        copy = Path(name)
        shutil.copy2(target, copy)
        before = target.stat()
        _write(copy, fields)
        if wrong := fault(target, copy):
            raise TagsNotWritten(f"{wrong}: nothing was changed")
        os.utime(copy)
        with contextlib.suppress(PermissionError):
            os.chown(copy, before.st_uid, before.st_gid)
        with open(copy, "rb") as file:
            os.fsync(file.fileno())
        now = target.stat()
        if (now.st_mtime_ns, now.st_size) != (before.st_mtime_ns, before.st_size):
            raise TagsNotWritten(f"{path.name} was changed by somebody else at the same time: try again")
        os.replace(copy, target)
    except OSError as error:
        raise TagsNotWritten(f"{path.name} cannot be written ({error.strerror}): nothing was changed") from None
    finally:
        if copy is not None:
            copy.unlink(missing_ok=True)


def _write(path: Path, fields: Mapping[str, str]) -> None:
    try:
        file = mutagen.File(path)
        if file is None:
            raise TagsNotWritten(f"tags of {path.suffix or 'such'} files cannot be written: nothing was changed")
        if file.tags is None:
            file.add_tags()
        tags = file.tags
        for name, text in fields.items():
            _put(tags, name, text)
        if isinstance(tags, ID3):
            file.save(v2_version=3 if tags.version[:2] == (2, 3) else 4)
        else:
            file.save()
    except (MutagenError, NotImplementedError) as error:
        raise TagsNotWritten(f"tags cannot be written into this file ({error}): nothing was changed") from None


def _put(tags: Any, name: str, text: str) -> None:
    # Several artists are one text, as a track has them: of several values FFmpeg reads the first, but for Vorbis.
    if isinstance(tags, ID3):
        tags.add(_ID3[name](text))
    elif isinstance(tags, MP4Tags):
        key = _MP4[name]
        tags[key] = [MP4FreeForm(text.encode()) if key.startswith(_FREE) else text]
    elif isinstance(tags, ASFTags):
        tags[_ASF[name]] = [text]
    elif isinstance(tags, APEv2):
        tags[_APE.get(name, _VORBIS[name].upper())] = text
    else:
        tags[_VORBIS[name]] = text.split("; ") if name == "artist_mbids" else [text]
