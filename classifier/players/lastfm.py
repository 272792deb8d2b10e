"""Last.fm, and what speaks its interface (Libre.fm): plays submitted with a key of an application and a session.

A request is signed by the MD5 digest of its parameters in the order of their names, each name before its value, and
the application's secret.

Sources: https://www.last.fm/api/authspec (sections 4 and 8), https://www.last.fm/api/desktopauth,
https://www.last.fm/api/show/track.scrobble, https://www.last.fm/api/scrobbling (errors).
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import urlencode

from classifier.errors import Unavailable
from classifier.players.scrobbles import NotAllowed, Refused, Scrobble
from classifier.players.web import ask, check_address

#: Where plays go unless another server is named, and where a person allows us to.
ADDRESS, ALLOW = "https://ws.audioscrobbler.com/2.0/", "https://www.last.fm/api/auth/"
#: Error codes after which the same request may succeed later, and those about keys and sessions.
_LATER, _KEYS = (8, 11, 16, 29), (4, 9, 10, 13, 14, 26)


class LastFm:
    """One user's account.

    Parameters
    ----------
    api_key, secret : str
        Of an application, from https://www.last.fm/api/account/create.
    session : str, optional
        The user's, from :meth:`session_for`; without it nothing can be told.
    address : str
        Of the server.
    """

    name = "Last.fm"
    batch = 50

    def __init__(self, api_key: str, secret: str, session: str = "", address: str = ADDRESS) -> None:
        self._key, self._secret, self._session = api_key, secret, session
        self._url = check_address(address)

    def playing(self, scrobble: Scrobble) -> None:
        """Tell what is playing now; errors as of :meth:`submit`."""
        self._ask("track.updateNowPlaying", {**facts(scrobble), "sk": self._session})

    def submit(self, scrobbles: Sequence[Scrobble]) -> None:
        """Tell what was played; errors as of :meth:`~classifier.players.scrobbles.Service.submit`."""
        values = {f"{name}[{i}]": value for i, one in enumerate(scrobbles) for name, value in facts(one).items()}
        self._ask("track.scrobble", {**values, "sk": self._session})

    def token(self) -> str:
        """Return a token for which a person can allow us, at the address of :meth:`allow_address`."""
        return str(self._ask("auth.getToken", {}).get("token", ""))

    def allow_address(self, token: str) -> str:
        """Return the address that a person opens in a browser."""
        return f"{ALLOW}?{urlencode({'api_key': self._key, 'token': token})}"

    def session_for(self, token: str) -> tuple[str, str]:
        """Return the user's name and session once a person has allowed the token; errors as of :meth:`submit`."""
        session = self._ask("auth.getSession", {"token": token}).get("session")
        if not isinstance(session, dict) or not session.get("key"):
            raise Refused(f"{self.name} gives no session: allow it in the browser first")
        return str(session.get("name", "")), str(session["key"])

    def _ask(self, method: str, values: Mapping[str, str]) -> dict[str, Any]:
        signed = {**values, "method": method, "api_key": self._key}
        signed["api_sig"] = signature(signed, self._secret)
        form = urlencode({**signed, "format": "json"}).encode()
        status, _, answer = ask(self._url, form, {"Content-Type": "application/x-www-form-urlencoded"})
        code = answer.get("error")
        if code is None and status == 200:
            return answer
        reason = f"{self.name} answers {status} ({answer.get('message') or 'no reason given'})"
        if code in _KEYS or status in (401, 403):
            raise NotAllowed(f"{reason}: check key, secret and session")
        if code in _LATER or status == 429 or status >= 500:
            raise Unavailable(reason)
        raise Refused(reason)


def facts(scrobble: Scrobble) -> dict[str, str]:
    """Return a play as parameters of a request; one that is still playing has no time."""
    values = {
        "artist": scrobble.artist,
        "track": scrobble.title,
        "album": scrobble.album,
        "mbid": scrobble.recording_mbid,
        "duration": str(round(scrobble.duration_s)),
        "timestamp": None if scrobble.began is None else str(scrobble.began),
    }
    return {name: value for name, value in values.items() if value}


def signature(values: Mapping[str, str], secret: str) -> str:
    """Return the signature of a request's parameters, 32 hexadecimal digits."""
    text = "".join(f"{name}{values[name]}" for name in sorted(values)) + secret
    return hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()
