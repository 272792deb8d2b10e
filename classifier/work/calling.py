"""Posting to addresses that people give, without letting them reach what only this machine can.

The address of every hop is resolved first, all that it resolves to must be public, and the connection goes to one of
these, so that a name cannot point elsewhere a moment later (DNS rebinding). Certificates are checked against the name.
Of redirects only 307 and 308 are followed, since others would turn the request into another one; each is checked anew,
and none leads from TLS to plain text. Proxies of the environment are not used.
"""

from __future__ import annotations

import contextlib
import http.client
import ipaddress
import socket
import ssl
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from urllib.parse import SplitResult, urljoin, urlsplit

from classifier import __version__
from classifier.errors import InvalidParameter

Address = ipaddress.IPv4Address | ipaddress.IPv6Address

DEADLINE_S = 15.0
"""Seconds that one hop may take, resolving its name aside."""
MAX_REDIRECTS = 3
"""Redirects that are followed."""
MAX_URL = 2000
"""Most characters of an address."""
_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")
_GOES_ON = (307, 308)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of a call.

    Parameters
    ----------
    status : int or None
        HTTP status of the answer; None if there was none.
    answer : str
        In words: the status, or what went wrong.
    seconds : float
        How long it took.
    """

    status: int | None
    answer: str
    seconds: float

    @property
    def ok(self) -> bool:
        """Whether the receiver took it."""
        return self.status is not None and 200 <= self.status < 300


class _CallFailed(Exception):
    """The call could not be made; says why."""


def is_public(address: Address) -> bool:
    """Return whether an address belongs to the internet at large, and so does the IPv4 address inside it, if any."""
    if isinstance(address, ipaddress.IPv6Address):
        if address.ipv4_mapped is not None:
            return is_public(address.ipv4_mapped)
        inner = [address.sixtofour, *(address.teredo or ())]
        if address in _NAT64:
            inner.append(ipaddress.IPv4Address(int(address) & 0xFFFFFFFF))
        if not all(is_public(found) for found in inner if found is not None):
            return False
    return address.is_global and not address.is_multicast


def check_address(url: str, *, private: bool) -> SplitResult:
    """Return the parts of an address that may be called, as far as that can be said without resolving its name.

    Parameters
    ----------
    url : str
        The address.
    private : bool
        Whether private addresses may be called, and any without TLS.

    Raises
    ------
    InvalidParameter
        If it may not be called.
    """
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise InvalidParameter(f"{url[:100]!r} is not an address") from None
    if len(url) > MAX_URL or not url.isascii() or any(c <= " " for c in url):
        raise InvalidParameter(f"an address has at most {MAX_URL:,} printable ASCII characters and no spaces")
    if parts.scheme != "https" and not (private and parts.scheme == "http"):
        raise InvalidParameter(f"{url[:100]!r} is not an https:// address")
    if not parts.hostname or port == 0:
        raise InvalidParameter(f"{url[:100]!r} names no host to call")
    if parts.username is not None or parts.password is not None:
        raise InvalidParameter("an address holds no name or password: what it gets is signed")
    if not private:
        with contextlib.suppress(ValueError):
            _check_public(ipaddress.ip_address(parts.hostname.partition("%")[0]), is_public)
    return parts


def _check_public(address: Address, permits: Callable[[Address], bool]) -> None:
    if not permits(address):
        raise InvalidParameter(
            f"{address} is not a public address: whoever runs the service can allow it (EARMARK_WEBHOOKS_PRIVATE)"
        )


def post(
    url: str,
    body: bytes,
    headers: Mapping[str, str],
    *,
    private: bool,
    permits: Callable[[Address], bool] | None = None,
    deadline_s: float = DEADLINE_S,
) -> Outcome:
    """Post a JSON document; never raises for what happens on the way.

    Parameters
    ----------
    url : str
        Where to.
    body : bytes
        The document.
    headers : mapping of str to str
        Besides Content-Type and User-Agent.
    private : bool
        Whether private addresses may be called, and any without TLS.
    permits : callable or None
        Says of an IP address whether it may be called. None: any if ``private``, else :func:`is_public`.
    deadline_s : float > 0
        Seconds that each hop may take.
    """
    started = time.monotonic()
    allowed = permits or ((lambda _: True) if private else is_public)
    sent = {"Content-Type": "application/json", "User-Agent": f"Earmark/{__version__}", **headers}
    status: int | None = None
    try:
        for _ in range(MAX_REDIRECTS + 1):
            parts = check_address(url, private=private)
            addresses = _resolved(parts, allowed)
            status, location = _call(parts, addresses, body, sent, deadline_s)
            if status not in _GOES_ON or not location:
                break
            following = urljoin(url, location)
            if parts.scheme == "https" and urlsplit(following).scheme != "https":
                raise _CallFailed("it redirects from https to an address without TLS")
            url = following
        else:
            raise _CallFailed(f"it redirects more than {MAX_REDIRECTS} times")
        answer = f"{status} {http.client.responses.get(status, '')}".strip()
    except (_CallFailed, InvalidParameter, OSError, http.client.HTTPException, ValueError) as error:
        status, answer = None, _in_words(error)
    return Outcome(status, answer, time.monotonic() - started)


def _in_words(error: Exception) -> str:
    if isinstance(error, (_CallFailed, InvalidParameter)):
        return str(error)
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"its certificate is not valid: {error.verify_message}"
    if isinstance(error, TimeoutError):
        return "it did not answer in time"
    if isinstance(error, OSError) and error.strerror:
        return f"it cannot be reached: {error.strerror}"
    return "what it answers is not HTTP"


def _resolved(parts: SplitResult, permits: Callable[[Address], bool]) -> list[str]:
    """Return the IP addresses of a host, all of which may be called."""
    try:
        found = socket.getaddrinfo(parts.hostname, _port(parts), type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        raise _CallFailed(f"the name {parts.hostname!r} cannot be resolved") from None
    addresses = list(dict.fromkeys(str(entry[4][0]) for entry in found))
    for address in addresses:
        _check_public(ipaddress.ip_address(address.partition("%")[0]), permits)
    return addresses


def _port(parts: SplitResult) -> int:
    return parts.port or (443 if parts.scheme == "https" else 80)


def _call(
    parts: SplitResult, addresses: list[str], body: bytes, headers: Mapping[str, str], deadline_s: float
) -> tuple[int, str | None]:
    """Post once; return the status and where the answer redirects to. Of the answer only its head is read."""
    connection = http.client.HTTPConnection(str(parts.hostname), _port(parts), timeout=deadline_s)
    connection.sock = _connected(addresses, _port(parts), deadline_s)
    late = threading.Event()

    def give_up() -> None:
        late.set()
        with contextlib.suppress(OSError):
            connection.sock.shutdown(socket.SHUT_RDWR)

    # A timeout of the socket begins anew with every byte: this one does not.
    watch = threading.Timer(deadline_s, give_up)
    watch.start()
    try:
        if parts.scheme == "https":
            # The handshake comes after: what the deadline ends is the connection's socket.
            connection.sock = ssl.create_default_context().wrap_socket(
                connection.sock, server_hostname=parts.hostname, do_handshake_on_connect=False
            )
            connection.sock.do_handshake()
        target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        host = parts.netloc  # holds neither name nor password: checked
        connection.request("POST", target, body, {**headers, "Host": host})
        with connection.getresponse() as response:
            if late.is_set():  # a head that breaks off passes for a short one
                raise TimeoutError
            return response.status, response.getheader("Location")
    except (OSError, http.client.HTTPException, ValueError):
        if late.is_set():
            raise TimeoutError from None
        raise
    finally:
        watch.cancel()
        connection.close()


def _connected(addresses: list[str], port: int, deadline_s: float) -> socket.socket:
    """Connect to the first address that answers."""
    deadline = time.monotonic() + deadline_s
    failure: OSError = TimeoutError()
    for address in addresses:
        left = deadline - time.monotonic()
        if left <= 0:
            break
        try:
            return socket.create_connection((address, port), left)
        except OSError as error:
            failure = error
    raise failure
