"""How many sockets there may be, and how much each may say: by source and in all.

A source is the peer's network: an IPv6 customer has a /64. Whoever says too much is read from
more slowly, so that nothing of an honest payer's is lost. A new socket of a source that has its
share takes the place of that source's most silent one.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Callable
from dataclasses import dataclass, field

_LONGEST_SOURCE = 64
_BURST_SECONDS = 3
"""A bucket holds as much as comes in so many seconds."""
LONGEST_WAIT = 20.0
"""Seconds. Who would have to wait longer until it may go on is closed, and owes nothing then."""
CONNECTING, _LONGEST_TO_CONNECT = 2.0, 5.0
"""What a new socket takes from its source's bucket, and for how many seconds that may be empty."""
SILENT_SECONDS = 5.0
"""Only a socket that has said nothing for so long gives its place away."""


@dataclass(frozen=True, slots=True)
class Limits:
    sockets: int
    per_source: int
    messages: float
    """A second, of one socket."""
    source_messages: float
    """A second, of all sockets of a source together."""
    idle: float
    """Seconds after which a socket is closed that shows nothing of ours."""


def network(source: str) -> str:
    """The network that a source counts as."""
    try:
        address = ipaddress.ip_address(source.partition("%")[0])
    except ValueError:
        return source[:_LONGEST_SOURCE]
    if isinstance(address, ipaddress.IPv6Address):
        if address.ipv4_mapped is not None:
            return str(address.ipv4_mapped)
        return str(ipaddress.ip_network((address, 64), strict=False))
    return str(address)


class Bucket:
    """Fills at a steady rate. What is taken beyond what it holds has to be waited for."""

    __slots__ = ("_held", "_rate", "_seen")

    def __init__(self, rate: float, now: float) -> None:
        self._rate, self._held, self._seen = rate, rate * _BURST_SECONDS, now

    def take(self, amount: float, now: float, longest: float = LONGEST_WAIT) -> float:
        """Take it now; the seconds to wait for it. Nothing is taken where that is too long."""
        self._fill(now)
        wait = max(0.0, (amount - self._held) / self._rate)
        if wait <= longest:
            self._held -= amount
        return wait

    def is_full(self, now: float) -> bool:
        self._fill(now)
        return self._held >= self._rate * _BURST_SECONDS

    def _fill(self, now: float) -> None:
        most = self._rate * _BURST_SECONDS
        self._held = min(most, self._held + (now - self._seen) * self._rate)
        self._seen = now


@dataclass(eq=False, slots=True, weakref_slot=True)
class Connection:
    """One socket. `shows`: it shows something of ours, e.g. a session that exists."""

    source: str
    bucket: Bucket
    heard: float
    close: Callable[[str], None] = lambda _reason: None
    connected: bool = False
    shows: bool = False


@dataclass
class _Source:
    bucket: Bucket
    open: dict[Connection, None] = field(default_factory=dict)
    """In the order in which they came."""


class Doors:
    """Of one process."""

    def __init__(self, limits: Limits) -> None:
        self.limits = limits
        self._sources: dict[str, _Source] = {}
        self.open = 0

    def enter(self, source: str, now: float) -> Connection | None:
        """A place for one more socket; None where there is none."""
        limits = self.limits
        if source not in self._sources:
            self._forget(now)
            self._sources[source] = _Source(Bucket(limits.source_messages, now))
        mine = self._sources[source]
        if mine.bucket.take(CONNECTING, now, _LONGEST_TO_CONNECT) > _LONGEST_TO_CONNECT:
            return None
        if len(mine.open) >= limits.per_source and not self._make_room(mine, now):
            return None
        if self.open >= limits.sockets and not self._make_room(self._largest(), now):
            return None
        connection = Connection(source, Bucket(limits.messages, now), now)
        mine.open[connection] = None
        self.open += 1
        return connection

    def leave(self, connection: Connection) -> None:
        """Give the place back. May be called again."""
        known = self._sources.get(connection.source)
        if known is not None and connection in known.open:
            del known.open[connection]
            self.open -= 1

    def wait_for(self, connection: Connection, amount: float, now: float) -> float:
        """The seconds until the socket may say so much."""
        connection.heard = now
        mine = self._sources.get(connection.source)
        shared = mine.bucket.take(amount, now) if mine is not None else 0.0
        return max(shared, connection.bucket.take(amount, now))

    def _make_room(self, source: _Source, now: float) -> bool:
        """Close the socket that can be spared most: one that shows nothing, or else the one that
        has been silent longest."""
        silent = [c for c in source.open if now - c.heard >= SILENT_SECONDS]
        if not silent:
            return False
        spared = min(silent, key=lambda c: (c.shows, c.heard))
        self.leave(spared)
        spared.close("place")
        return True

    def _largest(self) -> _Source:
        return max(self._sources.values(), key=lambda source: len(source.open))

    def _forget(self, now: float) -> None:
        """Sources without a socket whose bucket is full again are as good as unknown ones."""
        if len(self._sources) < self.limits.sockets:
            return
        for name, source in list(self._sources.items()):
            if not source.open and source.bucket.is_full(now):
                del self._sources[name]
