"""Plays: which count, what services are told, and that none is lost or told twice."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

import pytest

from classifier.cli.scrobbling import Scrobbler, lastfm, listenbrainz
from classifier.errors import FileMissing, InvalidParameter, Unavailable
from classifier.listening.segments import Event, Segment
from classifier.players.lastfm import LastFm
from classifier.players.listenbrainz import ListenBrainz
from classifier.players.scrobbles import NotAllowed, Pending, Plays, Refused, Scrobble, counts
from classifier.players.web import ask, check_address
from classifier.results import Track
from tests.players.services import Answer, Asked, lastfm_server, serving
from tests.waiting import until

MBID = "8f3471b5-7e6a-48da-86a9-c1c07a0f47ae"


def play(number: int = 1, **more: Any) -> Scrobble:
    values: dict[str, Any] = {"artist": "Björk", "title": f"Title {number}", "album": "A", "duration_s": 200.4, **more}
    return Scrobble(**{"began": 1_700_000_000 + 300 * number, **values})


def track(title: str = "Title 1", artist: str | None = "Björk", duration_s: float = 200.4) -> Track:
    return Track(
        id="t", catalogue="c", title=title, artist=artist, album="A", isrc="GBAYE0601498", source="s",
        duration_s=duration_s, n_windows=1, content_hash="", file_hash="", created="", recording_mbid=MBID,
        artist_mbids=f"{MBID}; {MBID[::-1]}",
    )  # fmt: skip


def segment(
    start_s: float, end_s: float, track_id: str = "t", offset_s: float = 0.0, state: str = "confirmed"
) -> Segment:
    return Segment(
        id=f"{track_id}{start_s}", start_s=start_s, end_s=end_s, kind="track", track_id=track_id, offset_s=offset_s,
        speed=1.0, state=state,
    )  # fmt: skip


def closed(*where: Any) -> Event:
    found = segment(*where, state="closed")
    return Event("closed", found.end_s, found)


@pytest.mark.parametrize(
    ("heard_s", "duration_s", "good"),
    [(15.0, 30.0, False), (15.5, 31.0, True), (15.4, 31.0, False), (239.0, 1000.0, False), (240.0, 1000.0, True)],
)
def test_the_published_rule(heard_s: float, duration_s: float, good: bool) -> None:
    assert counts(heard_s, duration_s) is good


def test_a_play_that_is_talked_over_is_one_play() -> None:
    plays = Plays()
    assert plays.take(closed(10, 60), 200.0) is None
    assert plays.take(closed(70, 125, "t", 60.0), 200.0) == 10  # together more than half
    assert plays.take(closed(130, 200, "t", 120.0), 200.0) is None  # told already
    assert plays.take(closed(210, 330, "t", 0.0), 200.0) == 210  # from the beginning again
    assert plays.take(closed(330, 360, "u"), 40.0) == 330


def listenbrainz_server(asked: Asked) -> Answer:
    assert (asked.method, asked.path) == ("POST", "/1/submit-listens")
    if asked.headers["authorization"] != "Token secret":
        return 401, {}, {"code": 401, "error": "Invalid authorization token."}
    sent = json.loads(asked.body)
    if any("bad" in listen["track_metadata"]["track_name"] for listen in sent["payload"]):
        return 400, {}, {"code": 400, "error": "JSON document is invalid"}
    return 200, {}, {"status": "ok"}


def test_what_listenbrainz_is_told() -> None:
    with serving(listenbrainz_server) as server:
        service = ListenBrainz("secret", server.url)
        one = Scrobble.of(track(), 1_700_000_000)
        now = Scrobble.of(track(), None)
        assert one
        assert now
        service.playing(now)
        service.submit([one])
        service.submit([play(1), play(2)])
        sent = [json.loads(asked.body) for asked in server.asked]
        assert [message["listen_type"] for message in sent] == ["playing_now", "single", "import"]
        assert "listened_at" not in sent[0]["payload"][0]
        listen = sent[1]["payload"][0]
        assert listen["listened_at"] == 1_700_000_000
        metadata = listen["track_metadata"]
        assert (metadata["artist_name"], metadata["track_name"], metadata["release_name"]) == ("Björk", "Title 1", "A")
        info = metadata["additional_info"]
        assert (info["duration_ms"], info["recording_mbid"], info["isrc"]) == (200400, MBID, "GBAYE0601498")
        assert info["artist_mbids"] == [MBID, MBID[::-1]]
        with pytest.raises(NotAllowed, match="401"):
            ListenBrainz("guess", server.url).submit([one])
        with pytest.raises(Refused, match="400"):
            service.submit([play(title="bad")])


def test_a_rate_limit_is_kept_to() -> None:
    limits = {"X-RateLimit-Remaining": "0", "X-RateLimit-Reset-In": "60"}
    with serving(lambda asked: (200, limits, {})) as server:
        service = ListenBrainz("secret", server.url)
        service.submit([play()])
        with pytest.raises(Unavailable, match="no more plays"):
            service.submit([play()])
        assert len(server.asked) == 1


def test_what_lastfm_is_told() -> None:
    with serving(lastfm_server) as server:
        service = LastFm("key", "hush", "sess", server.url)
        service.playing(play(began=None))
        service.submit([play(n) for n in range(12)])  # artist[10] is signed before artist[1]
        now, batch = (dict(parse_qsl(asked.body.decode())) for asked in server.asked)
        assert (now["method"], now["artist"], now["duration"]) == ("track.updateNowPlaying", "Björk", "200")
        assert "timestamp" not in now
        assert (batch["method"], batch["track[11]"], batch["timestamp[0]"]) == (
            "track.scrobble",
            "Title 11",
            "1700000000",
        )
        with pytest.raises(NotAllowed, match="session"):
            LastFm("key", "hush", "old", server.url).submit([play()])


def test_plays_wait_until_they_are_taken(tmp_path: Path) -> None:
    away = True

    def answer(asked: Asked) -> Answer:
        return (503, {}, {}) if away else listenbrainz_server(asked)

    pending = Pending(tmp_path / "x" / "plays.jsonl")
    for number, title in enumerate(("one", "bad", "three", "bad too", "five")):
        pending.add(play(number, title=title))
    with (tmp_path / "x" / "plays.jsonl").open("a") as file:
        file.write('{"artist": "cut of')  # as the power went
    with serving(answer) as server:
        service = ListenBrainz("secret", server.url)
        with pytest.raises(Unavailable):
            pending.send(service)
        assert pending.count() == 5
        away = False
        assert pending.send(service) == 2  # those refused are dropped, and keep nobody back
        assert pending.count() == 0
        taken = [json.loads(a.body)["payload"] for a in server.asked if b"bad" not in a.body and b"single" in a.body]
        assert [p[0]["track_metadata"]["track_name"] for p in taken] == ["one", "three", "five"]


class _Service:
    """Takes everything, or nothing, and remembers."""

    name, batch = "A service", 2

    def __init__(self) -> None:
        self.error: Exception | None = None
        self.now: list[Scrobble] = []
        self.played: list[Scrobble] = []

    def playing(self, scrobble: Scrobble) -> None:
        self.now.append(scrobble)

    def submit(self, scrobbles: Sequence[Scrobble]) -> None:
        if self.error:
            raise self.error
        self.played += scrobbles


def test_from_events_to_plays(tmp_path: Path) -> None:
    service, notes = _Service(), list[str]()
    pending = Pending(tmp_path / "plays.jsonl")
    tracks = {"t": track(), "u": track("Nameless", None), "v": track("Short", duration_s=20.0)}
    scrobbler = Scrobbler(service, pending, tracks.__getitem__, notes.append)
    scrobbler.take(Event("confirmed", 5.0, segment(0, 5)))
    scrobbler.take(closed(0, 150))
    scrobbler.take(closed(150, 300, "u"))
    scrobbler.take(closed(300, 320, "v"))
    until(lambda: service.played)
    scrobbler.close()
    assert [s.title for s in service.now] == ["Title 1"] == [s.title for s in service.played]
    assert notes == ["'Nameless' has no artist: A service is not told"]

    service.error = Unavailable("it is away")
    scrobbler = Scrobbler(service, pending, tracks.__getitem__, notes.append)
    scrobbler.take(closed(0, 150))
    scrobbler.close()
    assert pending.count() == 1
    assert "wait for A service" in notes[-1]
    service.error = None
    Scrobbler(service, pending, tracks.__getitem__, notes.append).close()  # the next run tells it
    assert len(service.played) == 2
    assert pending.count() == 0


def test_a_token_is_not_sent_elsewhere() -> None:
    with serving(lambda asked: (200, {}, {})) as other:
        with serving(lambda asked: (302, {"Location": other.url}, {})) as server:
            status, _, _ = ask(server.url, b"", {"Authorization": "Token secret"})
        assert status == 302
        assert not other.asked


@pytest.mark.parametrize("url", ["ftp://h", "h", "http://", "file:///etc/passwd", "http://h:99999"])
def test_what_is_no_address(url: str) -> None:
    with pytest.raises(InvalidParameter):
        check_address(url)


def test_what_is_no_token(tmp_path: Path) -> None:
    with pytest.raises(FileMissing):
        listenbrainz(tmp_path / "none", "http://h")
    (tmp_path / "two").write_text("one two\n")
    with pytest.raises(InvalidParameter, match="token"):
        listenbrainz(tmp_path / "two", "http://h")
    (tmp_path / "l.json").write_text("[]")
    with pytest.raises(InvalidParameter, match="api_key"):
        lastfm(tmp_path / "l.json", "http://h")
