"""Which addresses a merchant's list of origins allows. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable
from urllib.parse import urlsplit

_LONGEST = 2048
_ADDRESS = re.compile(r"https?://[^\s\\\x00-\x1f\x7f]+", re.IGNORECASE)
_PORTS = {"https": 443, "http": 80}


def allows(origins: Iterable[str], url: str, *, insecure: bool = False) -> bool:
    """Return whether `url` is of one of `origins` (`https://shop.example`,
    `https://*.shop.example`, as in a policy's `frame-ancestors`). Only https, unless `insecure`,
    for development."""
    target = _parts(url)
    if target is None or (target[0] != "https" and not insecure):
        return False
    for origin in origins:
        allowed = _parts(origin)
        if allowed is None or (allowed[0], allowed[2]) != (target[0], target[2]):
            continue
        host = allowed[1]
        if host == target[1] or (host.startswith("*.") and target[1].endswith(host[1:])):
            return True
    return False


def _parts(url: str) -> tuple[str, str, int] | None:
    """Return scheme, host and port. None if it is no plain address, for example if it contains a
    user's name."""
    if len(url) > _LONGEST or not _ADDRESS.fullmatch(url):
        return None
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port or _PORTS[parts.scheme]
    except ValueError:
        return None
    if not host or "@" in parts.netloc:
        return None
    return parts.scheme, host, port
