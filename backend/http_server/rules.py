"""The limits of the server, from the settings and from what the operating system allows."""

from __future__ import annotations

import resource
from dataclasses import dataclass
from functools import cache
from urllib.parse import urlsplit

from backend.core.settings import Settings, host_name, names_in
from backend.http_server.crowd import Room
from backend.http_server.heads import Hosts

_BACKLOG = 512
KEEP_ALIVE_SECONDS = 5
LONGEST_LINGER_SECONDS = 2
_FOR_FILES = 512
"""File descriptors that we keep for the database, for calls to providers and for files."""


@dataclass(frozen=True, slots=True)
class Rules:
    """Times in seconds. `head`: until a whole head has arrived; `grace`: before the slowest rate of
    a body (bytes a second) counts."""

    head: float
    grace: float
    rate: int
    room: Room
    hosts: Hosts
    https: bool


@cache
def rules() -> Rules:
    """Return the rules of this process. They are read once, at its first connection."""
    settings = Settings()
    own = urlsplit(settings.base_url)
    names = {host_name(name) for name in (own.hostname or "", *names_in(settings.allowed_hosts))}
    proxied = settings.trusted_proxy_hops > 0
    return Rules(
        head=settings.header_timeout,
        grace=settings.body_timeout,
        rate=settings.slowest_rate,
        room=Room(
            total=_allowed_connections(settings.connections),
            per_source=None if proxied else settings.connections_per_source,
        ),
        hosts=Hosts(frozenset(names)),
        https=own.scheme == "https",
    )


def raise_file_limit(connections: int) -> None:
    """Let this process, and those it starts, hold as many connections as the settings say, as far
    as the system's hard limit allows it."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = connections + _BACKLOG + _FOR_FILES
    if hard != resource.RLIM_INFINITY:
        wanted = min(wanted, hard)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def backlog() -> int:
    """Return how many new connections the kernel keeps for us. We take as many at once, before any
    connection can give way, so there must be few if there are few file descriptors."""
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return _BACKLOG if soft == resource.RLIM_INFINITY else max(8, min(_BACKLOG, soft // 8))


def _allowed_connections(wanted: int) -> int:
    """Below the limit of file descriptors, so that the newest connection can always be taken."""
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY:
        return wanted
    # If only few are allowed, a half of them is kept for the rest.
    return max(16, min(wanted, max(soft - _BACKLOG - _FOR_FILES, soft // 2)))
