"""One timer for all moments that a process waits for.

asyncio's own timers count seconds of a clock that nobody moves. Our moments belong to the context's
clock, which an operator corrects and a test moves by hours. So the wheel looks at that clock again
and again while it waits. A look costs no statement.
"""

from __future__ import annotations

import asyncio
import contextlib
import heapq
import itertools
import logging
from collections.abc import Callable
from contextvars import Context
from datetime import datetime

log = logging.getLogger(__name__)

TICK = 0.5
"""Seconds after which the wheel notices that the clock was moved."""
_FEW = 64
"""Entries that are not worth clearing out."""


class Timer:
    """One entry of the wheel."""

    __slots__ = ("moment", "ring")

    def __init__(self, moment: datetime, ring: Callable[[], None]) -> None:
        self.moment = moment
        self.ring: Callable[[], None] | None = ring


class Wheel:
    """Calls functions when their moment has come by `now`. Needs a running event loop."""

    def __init__(self, now: Callable[[], datetime]) -> None:
        self._now = now
        self._heap: list[tuple[datetime, int, Timer]] = []
        self._numbers = itertools.count()
        self._cancelled = 0
        self._earlier = asyncio.Event()
        self._turning: asyncio.Task[None] | None = None

    def __len__(self) -> int:
        """Return how many timers still have to ring."""
        return len(self._heap) - self._cancelled

    def at(self, moment: datetime, ring: Callable[[], None]) -> Timer:
        """Call `ring` once, when `moment` has come."""
        timer = Timer(moment, ring)
        heapq.heappush(self._heap, (moment, next(self._numbers), timer))
        if self._heap[0][2] is timer:
            self._earlier.set()
        if self._turning is None or self._turning.done():
            # It works for everybody, and not for the request that happens to come first.
            self._turning = asyncio.get_running_loop().create_task(self._turn(), context=Context())
        return timer

    def cancel(self, timer: Timer | None) -> None:
        """Forget a timer. It may have rung already, or be None."""
        if timer is None or timer.ring is None:
            return
        timer.ring = None
        self._cancelled += 1
        if self._cancelled > max(_FEW, len(self._heap) // 2):
            self._heap = [entry for entry in self._heap if entry[2].ring is not None]
            heapq.heapify(self._heap)
            self._cancelled = 0

    def close(self) -> None:
        self._heap.clear()
        self._cancelled = 0
        if self._turning is not None:
            self._turning.cancel()

    async def _turn(self) -> None:
        """Go on until nobody waits for anything any more."""
        while self._heap:
            left = (self._heap[0][0] - self._now()).total_seconds()
            if left > 0:
                self._earlier.clear()
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(self._earlier.wait(), min(left, TICK))
                continue
            timer = heapq.heappop(self._heap)[2]
            ring, timer.ring = timer.ring, None
            if ring is None:
                self._cancelled -= 1
                continue
            try:
                ring()
            except Exception:
                log.exception("a timer failed")
