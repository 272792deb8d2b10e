"""Questions to web services: one request, one JSON answer, bounded in time and size, never sent on elsewhere.

A request carries a person's token, so a redirection is an answer like any other, and not followed.
"""

from __future__ import annotations

import http.client
import json
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlsplit

from classifier import __version__
from classifier.errors import InvalidParameter, Unavailable
from classifier.settings import mask_url

#: What we call ourselves.
AGENT = f"Earmark/{__version__}"
#: Seconds a service may take, and the most bytes of an answer.
TIMEOUT_S, MAX_BYTES = 15.0, 32_000_000


class _Stay(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_: Any) -> None:
        return None


_OPENER = urllib.request.build_opener(_Stay)


def check_address(url: str) -> str:
    """Return an address of a service as it is.

    Raises
    ------
    InvalidParameter
        If it is not one of http or https with a host.
    """
    try:
        parts = urlsplit(url)
        good = parts.scheme in ("http", "https") and bool(parts.hostname) and (parts.port or 1) > 0
    except ValueError:
        good = False
    if not good:
        raise InvalidParameter(
            f"the address is {mask_url(url)!r}: one of a web service begins with http:// or https://"
        )
    return url


def ask(
    url: str, data: bytes | None = None, headers: Mapping[str, str] | None = None
) -> tuple[int, Mapping[str, str], dict[str, Any]]:
    """Send a request and return its status, its headers (lower-case names) and its JSON object; empty if it has none.

    Parameters
    ----------
    url : str
        Of http or https.
    data : bytes, optional
        Sent by POST; without it the method is GET.
    headers : mapping of str to str, optional
        Sent along.

    Raises
    ------
    Unavailable
        If the service does not answer, or answers more than :data:`MAX_BYTES`.
    """
    with open_stream(url, data, headers) as answer:
        status = answer.status
        told = {name.lower(): value for name, value in answer.headers.items()}
        body = answer.read(MAX_BYTES + 1)
    if len(body) > MAX_BYTES:
        raise Unavailable(f"{urlsplit(url).hostname} answers more than {MAX_BYTES:,} bytes: ask for less at once")
    try:
        found = json.loads(body)
    except ValueError:
        found = {}
    return status, told, found if isinstance(found, dict) else {}


@contextmanager
def open_stream(url: str, data: bytes | None = None, headers: Mapping[str, str] | None = None) -> Iterator[Any]:
    """Send a request as :func:`ask` does, and give its answer, to be read in a ``with`` block.

    Raises
    ------
    Unavailable
        If the service does not answer, or breaks off.
    """
    host = urlsplit(url).netloc.rpartition("@")[2]
    request = urllib.request.Request(url, data, {"User-Agent": AGENT, **(headers or {})})
    try:
        try:
            answer = _OPENER.open(request, timeout=TIMEOUT_S)
        except urllib.error.HTTPError as error:
            answer = error
        with answer:
            yield answer
    except (urllib.error.URLError, http.client.HTTPException, ConnectionError, TimeoutError, ValueError) as error:
        reason = getattr(error, "reason", None) or error
        raise Unavailable(f"{host} does not answer ({reason}): check the address and the network") from None
