"""Which addresses we send to: https and public ones, unless a setting allows the others.

This is the one guard of every address that a merchant sets. The name is resolved once and the
connection goes to the very address that was checked, so that a name that points elsewhere a moment
later reaches nothing else. `backend.core.guarded_http` applies it to every connection. Source:
`docs/architecture.md#strangers`.
"""

from __future__ import annotations

import asyncio
import ipaddress
import socket
from dataclasses import dataclass
from urllib.parse import urlsplit, urlunsplit

_TRANSLATED = tuple(ipaddress.IPv6Network(prefix) for prefix in ("64:ff9b::/96", "64:ff9b:1::/48"))
"""NAT64: the last 32 bits are an IPv4 address."""


PRIVATE = "private addresses are not sent to"


class AddressRefused(ValueError):
    """This address is not sent to, now or later."""


class AddressUnknown(OSError):
    """The name could not be resolved now. It may be resolved later."""


@dataclass(frozen=True, slots=True)
class Target:
    """`url` has the address in place of the name; `host` is for the Host header and for TLS."""

    url: str
    host: str
    server_name: str


def check(url: str, *, allow_insecure: bool) -> tuple[str, int]:
    """Return host name and port of `url`. AddressRefused for whatever its text alone shows to be
    wrong."""
    try:
        parts = urlsplit(url)
        port = parts.port or (443 if parts.scheme == "https" else 80)
    except ValueError as error:
        raise AddressRefused("the address cannot be read") from error
    name = parts.hostname
    if not name or parts.username is not None:
        raise AddressRefused("the address has no plain host name")
    if parts.scheme != "https" and not (allow_insecure and parts.scheme == "http"):
        raise AddressRefused("the address must be https")
    if not allow_insecure and is_private_host(name):
        raise AddressRefused(PRIVATE)
    return _ascii(name), port


def is_private_host(name: str) -> bool:
    """Return whether the host's name alone tells that it is not a public one: this machine, or a
    private address written as such. A name may still turn out to be private when it is resolved."""
    bare = name.rstrip(".").lower()
    if bare == "localhost" or bare.endswith(".localhost"):
        return True
    try:
        return not is_public(bare)
    except ValueError:
        return _is_private_number(bare)


def _is_private_number(name: str) -> bool:
    """Return whether a resolver would read the name as a private IPv4 address. Resolvers also read
    `127.1`, `0x7f000001` and `2130706433` as IPv4 addresses."""
    try:
        return not is_public(socket.inet_ntoa(socket.inet_aton(name)))
    except OSError:
        return False


def _ascii(name: str) -> str:
    """Return a name as it is resolved, sent and certified: `bøker.no` is `xn--bker-gra.no`."""
    if name.isascii():
        return name
    try:
        return name.encode("idna").decode()
    except UnicodeError as error:
        raise AddressRefused("the host name is not valid") from error


async def resolve(url: str, *, allow_insecure: bool) -> Target:
    """Check `url` and pin it to one address. AddressRefused or AddressUnknown."""
    name, port = check(url, allow_insecure=allow_insecure)
    parts = urlsplit(url)
    address = (await look_up(name, port, allow_insecure=allow_insecure))[0]
    literal = f"[{address}]" if ":" in address else address
    url = urlunsplit(parts._replace(netloc=f"{literal}:{port}", fragment=""))
    return Target(url, _host(name, parts.port), name)


async def look_up(name: str, port: int, *, allow_insecure: bool) -> list[str]:
    """Return the addresses of a host, in the order in which the resolver prefers them; every one of
    them is checked. AddressRefused or AddressUnknown."""
    try:
        found = await asyncio.get_running_loop().getaddrinfo(name, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise AddressUnknown(f"{name} cannot be resolved") from error
    addresses = list(dict.fromkeys(str(entry[4][0]) for entry in found))
    if not allow_insecure and not all(is_public(address) for address in addresses):
        raise AddressRefused(PRIVATE)
    return addresses


def _host(name: str, port: int | None) -> str:
    """Return the value of the Host header. It has the port if the address names one."""
    bare = f"[{name}]" if ":" in name else name
    return bare if port is None else f"{bare}:{port}"


def is_public(address: str) -> bool:
    """Return whether an IP address is public. ValueError if it is no IP address."""
    parsed = ipaddress.ip_address(address.split("%")[0])
    if isinstance(parsed, ipaddress.IPv6Address):
        # An IPv4 address inside an IPv6 address is judged as the IPv4 address.
        inside = [parsed.ipv4_mapped, parsed.sixtofour, *(parsed.teredo or ())]
        if any(parsed in network for network in _TRANSLATED):
            inside.append(ipaddress.IPv4Address(int(parsed) & 0xFFFFFFFF))
        if not all(one.is_global for one in inside if one is not None):
            return False
        if parsed.ipv4_mapped is not None:
            return not parsed.ipv4_mapped.is_multicast
    return parsed.is_global and not parsed.is_multicast
