"""The open connections of one process, and which of them gives way when there are too many.

A connection that waits for its client (for the rest of a request, or for the next one) costs its
client nothing to open again. So the one that has waited longest is closed, and the newest is
served: hundreds of half requests never keep an honest payer out.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from backend.limits.source import UNKNOWN, networks_of


class Held(Protocol):
    """What the crowd has to know of a connection."""

    def give_way(self) -> None:
        """Close at once."""


@dataclass(frozen=True, slots=True)
class Room:
    """How many connections may be open. `per_source` is None behind a proxy, where all come from
    one address."""

    total: int
    per_source: int | None


class Crowd:
    """The connections of one process."""

    def __init__(self) -> None:
        self._sources: dict[Held, str] = {}
        self._counts: dict[str, int] = {}
        # In the order in which they began to wait.
        self._waiting: dict[Held, None] = {}
        self.gave_way = 0
        """How many were closed to make room."""

    def enter(self, one: Held, source: str, room: Room, total: int) -> bool:
        """Let a new connection in, which waits for its first request. `total` counts all that are
        open in this process, event sockets too. Return False if there is no room, and no other
        connection can give way."""
        count = self._counts.get(source, 0)
        if source and room.per_source is not None and count >= room.per_source:
            self._make_room(lambda held: self._sources[held] == source)
            if self._counts.get(source, 0) >= room.per_source:
                return False
        if total > room.total and not self._make_room(lambda _: True):
            return False
        self._sources[one] = source
        self._counts[source] = self._counts.get(source, 0) + 1
        self._waiting[one] = None
        return True

    def leave(self, one: Held) -> None:
        """Forget a connection that is closed, or is an event socket now. It may be called twice."""
        self._waiting.pop(one, None)
        source = self._sources.pop(one, None)
        if source is None:
            return
        left = self._counts[source] - 1
        if left:
            self._counts[source] = left
        else:
            del self._counts[source]

    def waits(self, one: Held) -> None:
        """Note that it waits for its client from now on."""
        self._waiting.pop(one, None)
        if one in self._sources:
            self._waiting[one] = None

    def works(self, one: Held) -> None:
        """Note that its client waits for us, so that it does not give way."""
        self._waiting.pop(one, None)

    def _make_room(self, fits: Callable[[Held], bool]) -> bool:
        oldest = next(filter(fits, self._waiting), None)
        if oldest is None:
            return False
        self.gave_way += 1
        self.leave(oldest)
        oldest.give_way()
        return True


def source_key(address: str) -> str:
    """Return whose connection it is: the narrowest network that limits count an address for. It is
    empty for what is no address, such as a socket of the file system."""
    network = networks_of(address)[0]
    return "" if network == UNKNOWN else network
