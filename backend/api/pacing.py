"""Answer more slowly to whoever ignores `Retry-After`.

A refusal is cheap, but a thousand of them a second still keep honest payers waiting. So the first
refusals of a source are answered at once, with the seconds after which the same call goes through.
Whoever comes back far more often than that gets each further refusal a second late, and with forty
connections can ask forty times a second, not a thousand times. Nothing else of that source is
slower: a right PIN is answered at once. Waiting costs a timer, and only so many wait at once.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

AT_ONCE = 20
"""Refusals of one source that are answered at once, after a quiet time."""
A_SECOND = 2.0
"""So many more of them each second."""
LATE_SECONDS = 1.0
MOST_LATE = 1000
"""Of one process. Beyond it the others are answered at once."""
MOST_SOURCES = 10_000


@dataclass(slots=True)
class _Source:
    left: float
    at: float


class Pace:
    """What one process knows of refusals, by source."""

    def __init__(self) -> None:
        self._sources: dict[str, _Source] = {}
        self._late = 0

    async def wait(self, source: str) -> None:
        """Return at once, or a second later for a source that was refused too often just now."""
        now = asyncio.get_running_loop().time()
        if self._allows(source, now) or self._late >= MOST_LATE:
            return
        self._late += 1
        try:
            await asyncio.sleep(LATE_SECONDS)
        finally:
            self._late -= 1

    def _allows(self, source: str, now: float) -> bool:
        known = self._sources.pop(source, None) or _Source(AT_ONCE, now)
        known.left = min(AT_ONCE, known.left + (now - known.at) * A_SECOND)
        known.at = now
        while len(self._sources) >= MOST_SOURCES:
            del self._sources[next(iter(self._sources))]
        self._sources[source] = known
        if known.left < 1:
            return False
        known.left -= 1
        return True
