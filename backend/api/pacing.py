"""Answer more slowly to whoever ignores `Retry-After`.

A refusal is cheap, but a thousand of them a second still keep honest payers waiting. So the first
refusals of a source come at once, with the seconds after which the same call goes through. A source
that comes back far more often gets each further refusal a second late. With forty connections it
can then ask forty times a second, and not a thousand times. Nothing else becomes slower for that
source: a right PIN is answered at once. A wait costs only a timer, and the number of waits has a
limit.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

AT_ONCE = 20
"""Refusals of one source that are answered at once, after a quiet time."""
A_SECOND = 2.0
"""How many more of them are answered at once each second."""
LATE_SECONDS = 1.0
MAX_LATE = 1000
"""How many refusals of one process wait at once. Beyond that they are answered at once."""
MAX_SOURCES = 10_000


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
        if self._allows(source, now) or self._late >= MAX_LATE:
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
        while len(self._sources) >= MAX_SOURCES:
            del self._sources[next(iter(self._sources))]
        self._sources[source] = known
        if known.left < 1:
            return False
        known.left -= 1
        return True
