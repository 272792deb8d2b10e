"""Addresses of schedulers and workers: encrypted, or on a private network, or refused."""

from __future__ import annotations

import ipaddress
import socket
from dataclasses import dataclass
from urllib.parse import urlsplit

from classifier.errors import InvalidConfig

#: Where a scheduler listens unless its address says otherwise.
PORT = 8786
#: Networks that no stranger reaches from outside: RFC 1918, RFC 4193, link-local addresses and this machine's own.
_PRIVATE = tuple(
    map(
        ipaddress.ip_network,
        (
            "127.0.0.0/8",
            "10.0.0.0/8",
            "172.16.0.0/12",
            "192.168.0.0/16",
            "169.254.0.0/16",
            "::1/128",
            "fc00::/7",
            "fe80::/10",
        ),
    )
)


@dataclass(frozen=True, slots=True)
class Address:
    """Where a scheduler is, or where a process listens.

    Parameters
    ----------
    scheme : {"tls", "tcp"}
        With or without encryption.
    host : str
        Name or address, without brackets.
    port : int
        0: any free one.
    """

    scheme: str
    host: str
    port: int

    def __str__(self) -> str:
        return f"{self.scheme}://{self.bracketed}:{self.port}"

    @property
    def bracketed(self) -> str:
        """The host as addresses have it."""
        return f"[{self.host}]" if ":" in self.host else self.host


def parse(text: str) -> Address:
    """Read ``tls://HOST:PORT`` or ``tcp://HOST:PORT``; without a port, the usual one.

    Raises
    ------
    InvalidConfig
        If it is neither.
    """
    try:
        parts = urlsplit(text)
        address = Address(parts.scheme, parts.hostname or "", PORT if parts.port is None else parts.port)
    except ValueError:
        address = Address("", "", 0)
    if address.scheme not in ("tls", "tcp") or not address.host or parts.path not in ("", "/"):
        raise InvalidConfig(f"the scheduler's address {text!r} is none: write tls://HOST:{PORT} or tcp://HOST:{PORT}")
    return address


def check(address: Address) -> None:
    """Refuse an unencrypted address that is not on a private network.

    Raises
    ------
    InvalidConfig
        If strangers could reach it, or the host's name has no address.
    """
    if address.scheme == "tls":
        return
    for found in _resolved(address.host):
        if not any(found in network for network in _PRIVATE):
            which = "every network of this machine" if found.is_unspecified else f"{found}, a public address"
            raise InvalidConfig(
                f"{address} means {which}, and whoever reaches it could read and change what crosses: use tls:// with "
                "EARMARK_CLUSTER_CA, EARMARK_CLUSTER_CERT and EARMARK_CLUSTER_KEY, or an address of a private network"
            )


def local_towards(address: Address) -> str:
    """Return the address of this machine from which it reaches another; nothing is sent.

    Raises
    ------
    InvalidConfig
        If it cannot be reached.
    """
    try:
        family, kind, protocol, _, target = socket.getaddrinfo(address.host, address.port, type=socket.SOCK_DGRAM)[0]
        with socket.socket(family, kind, protocol) as probe:
            probe.connect(target)
            return str(probe.getsockname()[0])
    except OSError as error:
        raise InvalidConfig(f"{address} cannot be reached: {error.strerror or error}") from None


def _resolved(host: str) -> list[ipaddress.IPv4Address | ipaddress.IPv6Address]:
    try:
        found = {item[4][0] for item in socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)}
    except OSError:
        raise InvalidConfig(f"{host!r} has no address: check the name") from None
    return [ipaddress.ip_address(str(text).partition("%")[0]) for text in sorted(map(str, found))]
