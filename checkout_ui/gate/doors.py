"""How many sockets there may be, and how much each may say: by source and in all.

A source is the peer's network: an IPv6 customer has a /64. We read more slowly from a source that
says too much, so that nothing of an honest payer's is lost. When a source has as many sockets as it
may have, a new socket takes the place of the one that has been silent longest.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

_BURST_SECONDS = 3
"""A bucket holds as much as comes in so many seconds."""
LONGEST_WAIT = 20.0
"""Seconds. A socket that would have to wait longer is closed, and nothing is taken for it."""
CONNECTING, _LONGEST_TO_CONNECT = 2.0, 5.0
"""What a new socket takes from its source's bucket, and how many seconds it may have to wait
for that before it is refused."""
SILENT_SECONDS = 5.0
"""Seconds. Only a socket that has been silent for so long gives its place to another."""


@dataclass(frozen=True, slots=True)
class Limits:
    sockets: int
    per_source: int
    messages: float
    """How many messages one socket may send in a second."""
    source_messages: float
    """How many all sockets of a source together may send in a second."""
    idle: float
    """Seconds after which a socket that shows nothing of ours is closed."""


class Bucket:
    """It fills at a steady rate. Whoever takes more than it holds has to wait."""

    __slots__ = ("_held", "_rate", "_seen")

    def __init__(self, rate: float, now: float) -> None:
        self._rate, self._held, self._seen = rate, rate * _BURST_SECONDS, now

    def take(self, amount: float, now: float, longest: float = LONGEST_WAIT) -> float:
        """Take the amount now, and return the seconds to wait for it. Where these are more than
        `longest`, nothing is taken."""
        self._fill(now)
        wait = max(0.0, (amount - self._held) / self._rate)
        if wait <= longest:
            self._held -= amount
        return wait

    def is_full(self, now: float) -> bool:
        self._fill(now)
        return self._held >= self._rate * _BURST_SECONDS

    def _fill(self, now: float) -> None:
        maximum = self._rate * _BURST_SECONDS
        self._held = min(maximum, self._held + (now - self._seen) * self._rate)
        self._seen = now


@dataclass(eq=False, slots=True, weakref_slot=True)
class Connection:
    """One socket. `shows` says whether its page shows something of ours, such as a session that
    exists."""

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
    """The connections in the order in which they came."""


class Doors:
    """The places for sockets in one process."""

    def __init__(self, limits: Limits) -> None:
        self.limits = limits
        self._sources: dict[str, _Source] = {}
        self.open = 0

    def enter(self, source: str, now: float) -> Connection | None:
        """Return a place for one more socket, or None if there is none."""
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
        """Return the place. It may be called again."""
        known = self._sources.get(connection.source)
        if known is not None and connection in known.open:
            del known.open[connection]
            self.open -= 1

    def wait_for(self, connection: Connection, amount: float, now: float) -> float:
        """Return the seconds until the socket may say so much."""
        connection.heard = now
        mine = self._sources.get(connection.source)
        shared = mine.bucket.take(amount, now) if mine is not None else 0.0
        return max(shared, connection.bucket.take(amount, now))

    def _make_room(self, source: _Source, now: float) -> bool:
        """Close one socket of the source: first one that shows nothing, among several the one that
        has been silent longest. Return False if none may be closed."""
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
        """Forget the sources that have no socket and whose bucket is full again: we know no more of
        them than of new ones."""
        if len(self._sources) < self.limits.sockets:
            return
        for name, source in list(self._sources.items()):
            if not source.open and source.bucket.is_full(now):
                del self._sources[name]
