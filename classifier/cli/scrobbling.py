"""``earmark listen --listenbrainz`` and ``--lastfm``: what plays and what was played, told to listening histories."""

from __future__ import annotations

import json
import queue
import threading
import time
from collections.abc import Callable
from pathlib import Path

from classifier.errors import EarmarkError, FileMissing, InvalidParameter, Unavailable
from classifier.listening.playing import Playing
from classifier.listening.segments import Event
from classifier.players.lastfm import LastFm
from classifier.players.listenbrainz import ListenBrainz
from classifier.players.scrobbles import NotAllowed, Pending, Plays, Refused, Scrobble, Service
from classifier.results import Track

#: Seconds until a service that was away is asked again: at first, and at most; and for the last plays at the end.
_FIRST_S, _MOST_S, _END_S = 5.0, 600.0, 20.0


class Scrobbler:
    """Tells a service; plays that it does not take now wait in a file, also beyond this process.

    Parameters
    ----------
    service : Service
        Whom.
    pending : Pending
        Plays that it has not been told, of earlier runs too.
    track_of : callable
        ``track_of(track_id)`` returns a track.
    note : callable
        Takes what is worth telling a person.
    """

    def __init__(
        self, service: Service, pending: Pending, track_of: Callable[[str], Track], note: Callable[[str], None]
    ) -> None:
        self._service = service
        self._pending = pending
        self._track_of = track_of
        self._note = note
        self._plays, self._playing = Plays(), Playing()
        self._said: str | None = None
        self._inbox: queue.Queue[Scrobble | None] = queue.Queue()
        self._thread = threading.Thread(target=self._run, name=service.name, daemon=True)
        self._thread.start()

    def take(self, event: Event) -> None:
        """Tell what is playing if it is another now, and keep a play once it counts."""
        segment = event.segment
        if self._playing.take(event) and (current := self._playing.current) and current.track_id:
            self._put(self._track_of(current.track_id), None)
        if event.kind == "closed" and segment.kind == "track" and segment.track_id:
            track = self._track_of(segment.track_id)
            start_s = self._plays.take(event, track.duration_s)
            if start_s is not None:
                self._put(track, round(time.time() - (event.at_s - start_s)))

    def close(self) -> None:
        """Wait until all plays are told or kept."""
        self._inbox.put(None)
        self._thread.join(_END_S)

    def _put(self, track: Track, began: int | None) -> None:
        scrobble = Scrobble.of(track, began)
        if scrobble is not None:
            self._inbox.put(scrobble)
        elif began is not None:
            self._note(f"{track.title!r} has no artist: {self._service.name} is not told")

    def _run(self) -> None:
        wait_s, again = _FIRST_S, time.monotonic()
        while True:
            try:
                item = self._inbox.get(timeout=max(0.0, again - time.monotonic()))
            except queue.Empty:
                item = None
                is_end = False
            else:
                is_end = item is None
            try:
                if item is not None and item.began is None:
                    self._service.playing(item)
                    continue
                if item is not None:
                    self._pending.add(item)
                    if time.monotonic() < again and wait_s > _FIRST_S:
                        continue  # it was away a moment ago
                refused = self._pending.send(self._service)
                wait_s = _FIRST_S
                again = time.monotonic() + _MOST_S
                if refused:
                    self._note(f"{self._service.name} refused {refused} plays; they are dropped")
                elif self._said:
                    self._note(f"{self._service.name} is back")
                self._said = None
            except (Unavailable, NotAllowed, Refused, FileMissing) as error:
                if item is None or item.began is not None:  # what is playing now is of no use later
                    self._say(error)
                    wait_s = min(_MOST_S, 2 * wait_s)
                    again = time.monotonic() + wait_s
            if is_end:
                if waiting := self._pending.count():
                    self._note(f"{waiting} plays wait for {self._service.name}: the next 'earmark listen' tells them")
                return

    def _say(self, error: EarmarkError) -> None:
        if self._said != str(error):
            self._said = str(error)
            self._note(f"{error}; plays are kept")


def listenbrainz(path: Path, address: str) -> ListenBrainz:
    """Build from a file that holds a user's token and nothing else.

    Raises
    ------
    FileMissing, InvalidParameter
        If there is no token.
    """
    token = _read(path).strip()
    if not token or not token.isascii() or any(not 32 < ord(c) < 127 for c in token):
        raise InvalidParameter(f"{str(path)!r} holds no token: put the one of your ListenBrainz profile into it, alone")
    return ListenBrainz(token, address)


def lastfm(path: Path, address: str, *, allowed: bool = True) -> LastFm:
    """Build from a JSON file with ``api_key``, ``secret`` and, once a person has allowed it, ``session``.

    Parameters
    ----------
    path : Path
        The file.
    address : str
        Of the server.
    allowed : bool
        Whether there has to be a session.

    Raises
    ------
    FileMissing, InvalidParameter
        If something of it is not there.
    """
    values = lastfm_values(path)
    if allowed and not values.get("session"):
        raise InvalidParameter(f"{str(path)!r} holds no session: run 'earmark lastfm {path}' once")
    return LastFm(values["api_key"], values["secret"], values.get("session", ""), address)


def lastfm_values(path: Path) -> dict[str, str]:
    """Return what a file says about Last.fm; errors as of :func:`lastfm`."""
    try:
        values = json.loads(_read(path))
        good = isinstance(values, dict) and all(isinstance(values.get(name), str) for name in ("api_key", "secret"))
    except ValueError:
        good = False
    if not good:
        raise InvalidParameter(
            f'{str(path)!r} is no file for Last.fm: write {{"api_key": "…", "secret": "…"}}, with those of an '
            "application from https://www.last.fm/api/account/create"
        )
    return {name: str(value) for name, value in values.items()}


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise FileMissing(f"{str(path)!r} cannot be read ({error}): name a file that is there") from None
