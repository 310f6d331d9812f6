"""The background work of one process: reconcile what has not ended, deliver what is due."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable
from functools import partial

from backend.cards.budgets import forget_tries
from backend.context import Backend
from backend.idempotency.keys import forget_due
from backend.outbox.deliver import KINDS, deliver_due
from backend.payments.auto_capture import capture_due
from backend.payments.reconcile import reconcile_due
from backend.payments.returned_refunds import look_due
from backend.sessions.publish import note_delivered
from backend.sessions.returning import forget_expired

log = logging.getLogger(__name__)
LONGEST_PAUSE = 30.0
MOST_DOUBLINGS = 10


async def _deliver(kind: str, ctx: Backend) -> int:
    return await deliver_due(ctx, (kind,), note_delivered)


class Worker:
    """Runs in the event loop of its process; `stop` lets what is under way end, for a while."""

    def __init__(self, ctx: Backend) -> None:
        self._ctx = ctx
        self._stopping = asyncio.Event()
        self._tasks = [
            asyncio.create_task(self._loop("reconcile", reconcile_due)),
            asyncio.create_task(self._loop("auto-capture", capture_due)),
            asyncio.create_task(self._loop("returned refunds", look_due)),
            asyncio.create_task(self._loop("forget", forget_due)),
            asyncio.create_task(self._loop("forget payers", forget_expired)),
            asyncio.create_task(self._loop("forget tries", forget_tries)),
            # Each kind by itself: a webhook that lets us wait holds up no callback and no SMS.
            *(asyncio.create_task(self._loop(kind, partial(_deliver, kind))) for kind in KINDS),
        ]

    async def stop(self, timeout: float = 3.0) -> None:
        """Ask the loops to end; what takes longer is cancelled, and due again elsewhere."""
        self._stopping.set()
        _, late = await asyncio.wait(self._tasks, timeout=timeout)
        for task in late:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _loop(self, name: str, work: Callable[[Backend], Awaitable[int]]) -> None:
        pause = self._ctx.settings.worker_interval
        failures = 0
        while not self._stopping.is_set():
            try:
                done = await work(self._ctx)
                failures = 0
            except Exception:
                # Whatever it is, the loop goes on: what it looks after is due again by itself.
                log.exception("%s", name)
                done, failures = 0, min(failures + 1, MOST_DOUBLINGS)
            if not done:
                wait = min(pause * 2**failures, LONGEST_PAUSE)
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(self._stopping.wait(), wait)


def start(ctx: Backend) -> Worker:
    """Begin; needs a running event loop."""
    return Worker(ctx)
