"""Count what the gate drops, and log the counts now and then, in one line, without the contents."""

from __future__ import annotations

import asyncio
import logging
from collections import Counter

log = logging.getLogger(__name__)

_MAX_SOURCES = 10_000


class Counts:
    """Counts by reason, which is always one of our own words. `every` is the seconds between two
    lines in the log."""

    def __init__(self, every: float) -> None:
        self._every = every
        self._since: Counter[str] = Counter()
        self._sources: set[str] = set()
        self._timer: asyncio.TimerHandle | None = None
        self.total: Counter[str] = Counter()
        """Since the start."""

    def count(self, reason: str, source: str) -> None:
        self.total[reason] += 1
        self._since[reason] += 1
        if len(self._sources) < _MAX_SOURCES:
            self._sources.add(source)
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(self._every, self.tell)

    def tell(self) -> None:
        """Log what was counted since the last time, if anything was."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if not self._since:
            return
        by_reason = ", ".join(f"{reason} {n}" for reason, n in sorted(self._since.items()))
        log.warning(
            "the event socket dropped %d messages or sockets of %d sources: %s",
            self._since.total(),
            len(self._sources),
            by_reason,
        )
        self._since.clear()
        self._sources.clear()
