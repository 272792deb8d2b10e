"""``earmark import`` and ``earmark playlist``, against a server that answers as Subsonic's documentation says."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from classifier.catalogue import Catalogue
from classifier.demo.songs import Song, compose
from classifier.errors import InvalidParameter
from classifier.players.subsonic import Song as Listed
from classifier.players.subsonic import Subsonic, local_file
from classifier.settings import Settings
from tests.cli.conftest import Earmark
from tests.library import as_wav, phone_snippet
from tests.players.services import Answer, Answering, Asked, serving

MBID = "8f3471b5-7e6a-48da-86a9-c1c07a0f47ae"
PASSWORD = "sésame &?"


class MusicServer:
    """Songs, albums and playlists; two songs an album."""

    def __init__(self, songs: list[Song]) -> None:
        self.files = [as_wav(song.samples, song.sample_rate) for song in songs]
        self.playlists: dict[str, list[str]] = {}
        self.fetched = 0

    def child(self, number: int) -> dict[str, Any]:
        return {
            "id": f"../so-{number}", "title": f"Song {number}", "artist": "Anna", "album": f"Album {number // 2}",
            "path": f"Anna/Song {number}.wav", "musicBrainzId": MBID if number == 0 else "", "isrc": ["GBAYE0601498"],
            "duration": 20, "isDir": False,
        }  # fmt: skip

    def __call__(self, asked: Asked) -> Answer:
        parts = urlsplit(asked.path)
        query = parse_qs(parts.query)
        method = parts.path.removeprefix("/music/rest/").removesuffix(".view")
        salt, token = query["s"][0], query["t"][0]
        assert "p" not in query
        assert len(salt) >= 6
        if token != hashlib.md5((PASSWORD + salt).encode()).hexdigest():
            return self.failed(40, "Wrong username or password.")
        if method == "download":
            self.fetched += 1
            return 200, {"Content-Type": "audio/x-wav"}, self.files[int(query["id"][0].removeprefix("../so-"))]
        return getattr(self, method)(query)  # type: ignore[no-any-return]

    def ok(self, **content: Any) -> Answer:
        return 200, {}, {"subsonic-response": {"status": "ok", "version": "1.16.1", **content}}

    def failed(self, code: int, message: str) -> Answer:
        error = {"code": code, "message": message}
        return 200, {}, {"subsonic-response": {"status": "failed", "version": "1.16.1", "error": error}}

    def getAlbumList2(self, query: dict[str, list[str]]) -> Answer:
        if int(query["offset"][0]):
            return self.ok(albumList2={})
        count = (len(self.files) + 1) // 2
        return self.ok(albumList2={"album": [{"id": f"al-{n}"} for n in range(count)]})

    def getAlbum(self, query: dict[str, list[str]]) -> Answer:
        first = 2 * int(query["id"][0].removeprefix("al-"))
        return self.ok(album={"song": [self.child(n) for n in (first, first + 1) if n < len(self.files)]})

    def getPlaylists(self, query: dict[str, list[str]]) -> Answer:
        return self.ok(playlists={"playlist": [{"id": n, "name": n, "owner": "me"} for n in self.playlists]})

    def getPlaylist(self, query: dict[str, list[str]]) -> Answer:
        return self.ok(playlist={"entry": [{"id": song} for song in self.playlists[query["id"][0]]]})

    def createPlaylist(self, query: dict[str, list[str]]) -> Answer:
        self.playlists[query["name"][0]] = query["songId"]
        return self.ok()

    def updatePlaylist(self, query: dict[str, list[str]]) -> Answer:
        self.playlists[query["playlistId"][0]] += query["songIdToAdd"]
        return self.ok()


@pytest.fixture(scope="module")
def songs() -> list[Song]:
    """Return three songs of the server, and one that it has not got."""
    return [compose(seed, duration_s=16.0) for seed in (41, 42, 43, 44)]


def address(server: Answering) -> str:
    return f"subsonic+http://me@{server.url.removeprefix('http://')}/music"


def test_songs_are_enrolled_and_what_is_heard_goes_into_a_playlist(
    earmark: Earmark, songs: list[Song], tmp_path: Path
) -> None:
    music = MusicServer(songs[:3])
    password = tmp_path / "password"
    password.write_text(PASSWORD + "\n")
    shared = tmp_path / "shared" / "Anna"
    shared.mkdir(parents=True)
    (shared / "Song 1.wav").write_bytes(music.files[1])
    with serving(music) as server:
        done = earmark("import", address(server), "--password-file", password, "--music", tmp_path / "shared")
        assert done.code == 0, done.err
        assert "3 added" in done.err
        assert PASSWORD not in done.err + done.out
        assert music.fetched == 2  # one is read where it lies
        with Catalogue.open(settings=Settings(data_dir=str(earmark.data_dir)), create=False) as catalogue:
            tracks = {track.title: track for track in catalogue.tracks()}
        first = tracks["Song 0"]
        assert (first.artist, first.album, first.recording_mbid) == ("Anna", "Album 0", MBID)
        assert first.metadata["subsonic_id"] == "../so-0"
        again = earmark("import", address(server), "--password-file", password)
        assert "0 songs are not enrolled yet, 3 are" in again.err
        assert music.fetched == 2

        for name, song in (("known", songs[2]), ("other", songs[0]), ("unknown", songs[3])):
            (tmp_path / f"{name}.wav").write_bytes(phone_snippet(song, 5.0, 6.0))
        files = [tmp_path / f"{name}.wav" for name in ("known", "other", "unknown")]
        said = earmark("playlist", address(server), "In bars", *files[::2], "--password-file", password)
        assert said.code == 0, said.err
        assert "not known" in said.out
        assert music.playlists == {"In bars": ["../so-2"]}
        more = earmark("--json", "playlist", address(server), "In bars", *files[:2], "--password-file", password)
        assert [one["song"] for one in more.objects] == ["../so-2", "../so-0"]
        assert music.playlists == {"In bars": ["../so-2", "../so-0"]}

        password.write_text("guess")
        refused = earmark("import", address(server), "--password-file", password)
        assert refused.code != 0
        assert "Wrong username or password" in refused.err


def test_a_song_that_cannot_be_used_stops_no_other(earmark: Earmark, songs: list[Song], tmp_path: Path) -> None:
    music = MusicServer(songs[:2])
    music.files[0] = b"nothing to hear"
    (tmp_path / "password").write_text(PASSWORD)
    with serving(music) as server:
        small = earmark("import", address(server), "--password-file", tmp_path / "password", EARMARK_TRACK_BYTES="1000")
        assert "EARMARK_TRACK_BYTES" in small.err
        done = earmark("--json", "import", address(server), "--password-file", tmp_path / "password")
        assert done.code != 0
        assert [one["status"] for one in done.objects] == ["failed", "added"]


def test_what_is_no_music_server(earmark: Earmark, tmp_path: Path) -> None:
    with serving(lambda asked: (200, {}, b"<html>")) as server:
        done = earmark("import", address(server).replace("me@", "me:pw@"))
        assert done.code != 0
        assert "not as a Subsonic server does" in done.err
        assert "pw" not in done.err


@pytest.mark.parametrize("url", ["http://me:p@h", "subsonic://h", "subsonic://me@h", "subsonic://me:p@h:99999"])
def test_what_is_no_address(url: str) -> None:
    with pytest.raises(InvalidParameter):
        Subsonic(url)


def test_paths_stay_in_the_folder(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "out.wav").write_bytes(b"")
    (tmp_path / "in" / "a.wav").write_bytes(b"")
    for path, there in (("a.wav", True), ("../out.wav", False), (str(tmp_path / "out.wav"), False), ("", False)):
        found = local_file(Listed("1", "", None, None, path, {}), tmp_path / "in")
        assert (found is not None) is there, path
