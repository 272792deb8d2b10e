"""ListenBrainz, and what speaks its interface (Maloja, self-hosted servers): plays submitted with a user's token.

Source: https://listenbrainz.readthedocs.io/en/latest/users/api/core.html, ``POST /1/submit-listens``, and
https://listenbrainz.readthedocs.io/en/latest/users/json.html, "Payload JSON details".
"""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from typing import Any

from classifier import __version__
from classifier.errors import Unavailable
from classifier.players.scrobbles import NotAllowed, Refused, Scrobble
from classifier.players.web import ask, check_address

#: Where plays go unless another server is named.
ADDRESS = "https://api.listenbrainz.org"


class ListenBrainz:
    """One user's account.

    Parameters
    ----------
    token : str
        From the user's profile page.
    address : str
        Of the server.
    """

    name = "ListenBrainz"
    batch = 100

    def __init__(self, token: str, address: str = ADDRESS) -> None:
        self._token = token
        self._url = check_address(address).rstrip("/") + "/1/submit-listens"
        self._not_before = 0.0

    def playing(self, scrobble: Scrobble) -> None:
        """Tell what is playing now; errors as of :meth:`submit`."""
        self._send("playing_now", [payload(scrobble)])

    def submit(self, scrobbles: Sequence[Scrobble]) -> None:
        """Tell what was played; errors as of :meth:`~classifier.players.scrobbles.Service.submit`."""
        self._send("single" if len(scrobbles) == 1 else "import", [payload(scrobble) for scrobble in scrobbles])

    def _send(self, listen_type: str, listens: list[dict[str, Any]]) -> None:
        if (wait := self._not_before - time.monotonic()) > 0:
            raise Unavailable(f"{self.name} takes no more plays for {wait:.0f} s")
        body = json.dumps({"listen_type": listen_type, "payload": listens}).encode()
        headers = {"Authorization": f"Token {self._token}", "Content-Type": "application/json"}
        status, told, answer = ask(self._url, body, headers)
        if told.get("x-ratelimit-remaining") == "0":
            self._not_before = time.monotonic() + _seconds(told.get("x-ratelimit-reset-in"))
        if status == 200:
            return
        reason = f"{self.name} answers {status} ({answer.get('error') or 'no reason given'})"
        if status in (401, 403):
            raise NotAllowed(f"{reason}: check the token")
        if status == 429 or status >= 500 or 300 <= status < 400:
            raise Unavailable(reason)
        raise Refused(reason)


def payload(scrobble: Scrobble) -> dict[str, Any]:
    """Return one listen of a submission; one that is still playing has no time."""
    info: dict[str, Any] = {
        "media_player": "Earmark",
        "submission_client": "Earmark",
        "submission_client_version": __version__,
        "duration_ms": round(1000 * scrobble.duration_s),
        "isrc": scrobble.isrc,
        "recording_mbid": scrobble.recording_mbid,
        "release_mbid": scrobble.release_mbid,
        "artist_mbids": scrobble.artist_mbids.split("; ") if scrobble.artist_mbids else None,
    }
    metadata = {
        "artist_name": scrobble.artist,
        "track_name": scrobble.title,
        "release_name": scrobble.album,
        "additional_info": {name: value for name, value in info.items() if value},
    }
    listen: dict[str, Any] = {"track_metadata": {name: value for name, value in metadata.items() if value}}
    return listen if scrobble.began is None else {"listened_at": scrobble.began, **listen}


def _seconds(text: str | None) -> float:
    try:
        return min(3600.0, max(0.0, float(text or 0)))
    except ValueError:
        return 0.0
