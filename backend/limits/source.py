"""Where a request comes from, and which networks that address belongs to.

The HTTP server, the API, the page's events and its socket all ask this module, so that they agree.
A text that a client can choose freely never becomes a key of its own. It counts as the direct peer,
or as `UNKNOWN`, which all such callers share.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable
from typing import Literal

UNKNOWN = "unknown"
"""Every address that cannot be read counts as this."""

Header = Literal["x-forwarded-for", "forwarded"]
"""The header to which the proxies in front of us append."""

_V6_PREFIXES = (64, 56, 48)
"""One customer has at least a /64, often a /56; a company often has a /48."""
_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")
_BRACKETED = re.compile(r"\[([^\]]*)\](?::\d{1,5})?")
_V4_WITH_PORT = re.compile(r"([0-9.]+):\d{1,5}")
_LONGEST = 100
_FOR = re.compile(r"(?:^|;)\s*for\s*=\s*(\"[^\"]*\"|[^;,\s]*)", re.IGNORECASE)

Address = ipaddress.IPv4Address | ipaddress.IPv6Address


def networks_of(address: str) -> tuple[str, ...]:
    """Return the networks that an address counts for, the narrowest first.

    An IPv4 address is one of its own: `("1.2.3.4",)`. An IPv6 address is its /64, /56 and /48,
    since whoever has one of those has all addresses in it. Anything else is `(UNKNOWN,)`.
    """
    parsed = read_address(address)
    if parsed is None:
        return (UNKNOWN,)
    if isinstance(parsed, ipaddress.IPv4Address):
        return (str(parsed),)
    return tuple(
        str(ipaddress.IPv6Network((int(parsed), prefix), strict=False)) for prefix in _V6_PREFIXES
    )


def read_address(text: str) -> Address | None:
    """Read an address as proxies write it: with a port, in brackets, quoted, or with a zone id.

    An IPv4 address inside an IPv6 one (mapped, NAT64) is the IPv4 address. Return None if the
    text is no address.
    """
    bare = text.strip().strip('"').strip()
    if not bare or len(bare) > _LONGEST:
        return None
    if (match := _BRACKETED.fullmatch(bare)) or (match := _V4_WITH_PORT.fullmatch(bare)):
        bare = match[1]
    try:
        parsed = ipaddress.ip_address(bare.partition("%")[0])
    except ValueError:
        return None
    if isinstance(parsed, ipaddress.IPv4Address):
        return parsed
    if parsed.ipv4_mapped is not None:
        return parsed.ipv4_mapped
    if parsed in _NAT64:
        return ipaddress.IPv4Address(int(parsed) & 0xFFFFFFFF)
    # Remove the zone id, which is a name that the peer's own machine gave to an interface.
    return ipaddress.IPv6Address(int(parsed))


def client_address(
    peer: str | None, lines: Iterable[str], hops: int, header: Header = "x-forwarded-for"
) -> str:
    """Return the caller's address in its plain form, or `UNKNOWN`.

    `peer` is the other end of the connection; None if there is none (a Unix socket). `lines`
    are the values of `header` in the order in which they came. `hops` is how many proxies in front
    of us append to it: we believe only what they wrote, which is at the end. Whatever the caller
    wrote before that is ignored. If a proxy wrote nothing that is an address, the peer counts.
    """
    direct = _plain(read_address(peer or ""))
    if hops < 1:
        return direct
    entries = [part for line in lines for part in _split(line)]
    if header == "forwarded":
        entries = [found[1] if (found := _FOR.search(entry)) else UNKNOWN for entry in entries]
    if len(entries) < hops:
        return direct
    forwarded = read_address(entries[-hops])
    return direct if forwarded is None else _plain(forwarded)


def _plain(address: Address | None) -> str:
    return UNKNOWN if address is None else str(address)


def _split(line: str) -> list[str]:
    """Split a list header at its commas; empty entries do not count."""
    return [part.strip() for part in line.split(",") if part.strip()]
