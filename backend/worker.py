"""The background work of one process: reconcile what has not ended, deliver what is due."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable

from backend.cards.budgets import purge_old_attempts
from backend.cards.pin_attempts import purge_attempts
from backend.core.context import Backend
from backend.core.due_work import Share, UnderWay
from backend.customers.returning import purge_expired
from backend.idempotency.keys import purge_due
from backend.limits.limiter import purge_uses
from backend.outbox import deliver
from backend.payments.operations import auto_capture, refund_reversals
from backend.payments.review import reconcile
from backend.payments.store import SHARE
from backend.rules.backoff import Backoff
from backend.sessions.publish import note_delivered

log = logging.getLogger(__name__)
LONGEST_PAUSE = 30.0
FORGET_PAUSE = 600.0
"""Seconds between two purges of old rows. Nothing waits for them to be deleted."""
MAX_DOUBLINGS = 10
"""How often the pause after failures doubles at most, so that a short pause stays short."""

Start = Callable[[Backend, UnderWay], Awaitable[int]]
"""Claims due rows and starts work on them, beside what is under way. Returns their number."""


def _deliver(kind: str) -> Start:
    async def start(ctx: Backend, under_way: UnderWay) -> int:
        return await deliver.start_due(ctx, under_way, (kind,), note_delivered)

    return start


class Worker:
    """Runs in the event loop of its process. `stop` waits a while for what is under way."""

    def __init__(self, ctx: Backend) -> None:
        self._ctx = ctx
        self._stopping = asyncio.Event()
        self._tasks = [
            asyncio.create_task(self._rolling("reconcile", reconcile.start_due, SHARE)),
            asyncio.create_task(self._rolling("auto-capture", auto_capture.start_due, SHARE)),
            asyncio.create_task(
                self._rolling("returned refunds", refund_reversals.start_due, SHARE)
            ),
            asyncio.create_task(self._loop("forget", purge_due)),
            asyncio.create_task(self._loop("forget payers", purge_expired)),
            asyncio.create_task(self._loop("forget tries", purge_old_attempts)),
            asyncio.create_task(self._loop("forget limits", purge_uses, FORGET_PAUSE)),
            asyncio.create_task(self._loop("forget PIN attempts", purge_attempts)),
            # Each kind has a loop of its own, so that a slow webhook delays no callback and no SMS.
            *(
                asyncio.create_task(self._rolling(kind, _deliver(kind), share))
                for kind, share in deliver.SHARES.items()
            ),
        ]

    async def stop(self, timeout: float = 3.0) -> None:
        """Ask the loops to end. What takes longer is cancelled, and becomes due again elsewhere."""
        self._stopping.set()
        _, late = await asyncio.wait(self._tasks, timeout=timeout)
        for task in late:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _rolling(self, name: str, start: Start, share: Share) -> None:
        """Run a loop that does not wait for the slowest piece of work that it has started."""
        under_way = UnderWay(share, log)

        async def work(ctx: Backend) -> int:
            begun = await start(ctx, under_way)
            return begun or await under_way.wait(ctx.settings.worker_interval)

        try:
            await self._loop(name, work)
        except asyncio.CancelledError:
            under_way.cancel()
            raise
        finally:
            await under_way.finish()

    async def _loop(
        self, name: str, work: Callable[[Backend], Awaitable[int]], pause: float | None = None
    ) -> None:
        """Run a loop. `pause` is how many seconds it waits after a look that found nothing; the
        setting's value if it is None."""
        pause = pause or self._ctx.settings.worker_interval
        pauses = Backoff(first=pause, longest=max(pause, LONGEST_PAUSE))
        failures = 0
        while not self._stopping.is_set():
            try:
                done = await work(self._ctx)
                failures = 0
            except Exception:
                # The loop continues after any error, since what it looks after stays due.
                log.exception("%s", name)
                done, failures = 0, min(failures + 1, MAX_DOUBLINGS)
            if not done:
                wait = pauses.after(failures + 1).total_seconds()
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(self._stopping.wait(), wait)


def start(ctx: Backend) -> Worker:
    """Start the worker. It needs a running event loop."""
    return Worker(ctx)
