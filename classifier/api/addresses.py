"""Network addresses of callers: which are this machine's own, and which count as one caller."""

from __future__ import annotations

import ipaddress

IPV6_CALLER_BITS = 64
"""Leading bits of an IPv6 address that identify one caller: who has one address has the other 2^64 too."""


def is_loopback(address: str | None) -> bool:
    """Return whether an IP address is this machine's own."""
    ip = _parsed(address)
    return address == "localhost" if ip is None else bool(ip.is_loopback)


def caller_of(address: str | None) -> str:
    """Return the name under which an address is counted: the address itself, or its /64 network for IPv6."""
    ip = _parsed(address)
    if isinstance(ip, ipaddress.IPv6Address):
        return str(ipaddress.IPv6Network((ip, IPV6_CALLER_BITS), strict=False))
    return str(address if ip is None else ip)


def _parsed(address: str | None) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        ip = ipaddress.ip_address((address or "").strip("[]").partition("%")[0])
    except ValueError:
        return None
    return getattr(ip, "ipv4_mapped", None) or ip
