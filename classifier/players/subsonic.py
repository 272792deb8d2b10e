"""Music servers that speak Subsonic's interface (Navidrome, gonic, Airsonic …): their songs, files and playlists.

A password never travels: each request carries the MD5 digest of the password and a random salt, as the interface says
since version 1.13; so use https wherever others can listen.

Sources: https://www.subsonic.org/pages/api.jsp (ping, getAlbumList2, getAlbum, download, getPlaylists, createPlaylist,
updatePlaylist); https://opensubsonic.netlify.app (``isrc``, ``musicBrainzId``).
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any
from urllib.parse import unquote, urlencode, urlsplit

from classifier.errors import FileMissing, InvalidParameter, Unavailable
from classifier.identifiers import normalised
from classifier.players.scrobbles import NotAllowed, Refused
from classifier.players.web import AGENT, ask, open_stream
from classifier.settings import mask_url

#: What we speak; albums of one request.
VERSION, PAGE = "1.13.0", 500
_SCHEMES = {"subsonic": "https", "subsonic+http": "http"}
_WRONG_PASSWORD = (40, 41, 42, 43, 44, 50)


@dataclass(frozen=True, slots=True)
class Song:
    """A song of a server.

    Parameters
    ----------
    id : str
        The server's own.
    title : str
    artist, album : str or None
    path : str
        Of its file below the server's music folder, if it says so; may be made up.
    ids : dict of str to str
        Identifiers, by :data:`classifier.identifiers.IDENTIFIERS`.
    """

    id: str
    title: str
    artist: str | None
    album: str | None
    path: str
    ids: dict[str, str]

    @classmethod
    def of(cls, child: dict[str, Any]) -> Song:
        """Build from what a server says; fields of the wrong kind are left out."""

        def text(name: str) -> str:
            value = child.get(name)
            return value if isinstance(value, str) else ""

        isrc = child.get("isrc")
        given = {"isrc": "; ".join(map(str, isrc)) if isinstance(isrc, list) else str(isrc or "")}
        given["recording_mbid"] = text("musicBrainzId")
        ids = {name: good for name, value in given.items() if (good := normalised(name, value))}
        return cls(str(child["id"]), text("title"), text("artist") or None, text("album") or None, text("path"), ids)


class Subsonic:
    """One user's account on a server.

    Parameters
    ----------
    url : str
        ``subsonic://USER:PASSWORD@HOST[:PORT][/PATH]``; ``subsonic+http`` where there is no TLS.
    password : str or None
        Instead of one in the address.

    Raises
    ------
    InvalidParameter
        If it is no such address, or there is no password.
    """

    def __init__(self, url: str, password: str | None = None) -> None:
        shown = mask_url(url)
        usage = f"the server is {shown!r}: write subsonic://USER@HOST/PATH, or subsonic+http:// without TLS"
        try:
            parts = urlsplit(url)
            host, port = parts.hostname, parts.port
        except ValueError:
            raise InvalidParameter(usage) from None
        if parts.scheme not in _SCHEMES or not host or not parts.username or parts.query or parts.fragment:
            raise InvalidParameter(usage)
        self._user = unquote(parts.username)
        self._password = password if password is not None else unquote(parts.password or "")
        if not self._password:
            raise InvalidParameter(f"there is no password for {shown!r}: put it into a file and name that")
        where = f"[{host}]" if ":" in host else host
        self.name = where + (f":{port}" if port else "") + parts.path.rstrip("/")
        self._base = f"{_SCHEMES[parts.scheme]}://{self.name}/rest/"

    def songs(self) -> Iterator[Song]:
        """Yield all songs, album by album, each once.

        Raises
        ------
        Unavailable
            If the server does not answer, or not as Subsonic does.
        NotAllowed
            If it does not let us in.
        Refused
            If it does not answer this.
        """
        seen: set[str] = set()
        offset = 0
        while True:
            page = {"type": "alphabeticalByName", "size": str(PAGE), "offset": str(offset)}
            albums = _listed(self._ask("getAlbumList2", page).get("albumList2"), "album")
            for album in albums:
                found = self._ask("getAlbum", {"id": str(album.get("id", ""))}).get("album")
                for child in _listed(found, "song"):
                    if child.get("id") is not None and str(child["id"]) not in seen:
                        seen.add(str(child["id"]))
                        yield Song.of(child)
            if len(albums) < PAGE:
                return
            offset += PAGE

    def fetch(self, song: Song, path: Path, max_bytes: int) -> None:
        """Write a song's file, as the server has it, to a path.

        Raises
        ------
        Unavailable, NotAllowed, Refused
            As :meth:`songs` does; Refused also for a file of more than ``max_bytes``.
        FileMissing
            If the path cannot be written.
        """
        with open_stream(self._url("download", {"id": song.id})) as answer:
            kind = answer.headers.get_content_type()
            if answer.status != 200 or kind in ("application/json", "text/xml", "application/xml"):
                raise Refused(f"{self.name} does not give the file of {song.title!r} (status {answer.status})")
            try:
                with path.open("wb") as file:
                    left = max_bytes
                    while data := answer.read(2**16):
                        left -= len(data)
                        if left < 0:
                            raise Refused(
                                f"the file of {song.title!r} has more than {max_bytes:,} bytes: see EARMARK_TRACK_BYTES"
                            )
                        file.write(data)
            except (ConnectionError, TimeoutError):
                raise  # the stream says so
            except OSError as error:
                raise FileMissing(f"{str(path)!r} cannot be written ({error.strerror})") from None

    def add_to_playlist(self, name: str, song_ids: Sequence[str]) -> int:
        """Add songs to a playlist of the user's, made if there is none of that name; return how many were not in it.

        Raises
        ------
        Unavailable, NotAllowed, Refused
            As :meth:`songs` does.
        """
        playlists = _listed(self._ask("getPlaylists", {}).get("playlists"), "playlist")
        own = (one for one in playlists if one.get("owner", self._user) == self._user)
        found = next((one for one in own if one.get("name") == name), None)
        if found is None:
            new = list(dict.fromkeys(song_ids))
            if new:
                self._ask("createPlaylist", {"name": name, "songId": new})
            return len(new)
        playlist_id = str(found.get("id"))
        entries = _listed(self._ask("getPlaylist", {"id": playlist_id}).get("playlist"), "entry")
        there = {str(entry.get("id")) for entry in entries}
        new = [song_id for song_id in dict.fromkeys(song_ids) if song_id not in there]
        if new:
            self._ask("updatePlaylist", {"playlistId": playlist_id, "songIdToAdd": new})
        return len(new)

    def _url(self, method: str, values: dict[str, Any]) -> str:
        salt = secrets.token_hex(8)
        token = hashlib.md5((self._password + salt).encode(), usedforsecurity=False).hexdigest()
        own = {"u": self._user, "t": token, "s": salt, "v": VERSION, "c": AGENT.partition("/")[0], "f": "json"}
        return f"{self._base}{method}.view?{urlencode({**own, **values}, doseq=True)}"

    def _ask(self, method: str, values: dict[str, Any]) -> dict[str, Any]:
        status, _, answer = ask(self._url(method, values))
        found = answer.get("subsonic-response")
        if not isinstance(found, dict):
            raise Unavailable(f"{self.name} answers {status}, and not as a Subsonic server does: check the address")
        if found.get("status") == "ok":
            return found
        error = found.get("error")
        error = error if isinstance(error, dict) else {}
        code, message = error.get("code"), error.get("message") or "no reason given"
        reason = f"{self.name} refuses {method} ({message})"
        raise (NotAllowed if code in _WRONG_PASSWORD else Refused)(reason)


def local_file(song: Song, folder: Path | None) -> Path | None:
    """Return a song's file in a folder that is shared with the server; None if it is not there."""
    parts = PurePosixPath(song.path).parts
    if folder is None or not parts or ".." in parts or parts[0] == "/":
        return None
    path = folder.joinpath(*parts)
    return path if path.is_file() else None


def _listed(found: Any, name: str) -> list[dict[str, Any]]:
    values = found.get(name) if isinstance(found, dict) else None
    return [one for one in values if isinstance(one, dict)] if isinstance(values, list) else []
