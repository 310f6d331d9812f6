"""The background work of one process: reconcile what has not ended, deliver what is due.

A loop that has nothing to do asks the database for nothing. It wakes up when something due is
written, here or in another process, and when the next moment has come that a row waits for. A slow
look, one statement for all loops, finds what nobody has told us of.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ScalarSelect, select

from backend.cards.budgets import purge_old_attempts
from backend.cards.pin_attempts import purge_attempts
from backend.core import recurring
from backend.core.context import Backend
from backend.core.due_work import Share, UnderWay
from backend.core.signals import ANYTHING, moment_of
from backend.core.wheel import Timer
from backend.core.written import Signal
from backend.customers.returning import purge_expired
from backend.idempotency.keys import purge_due
from backend.limits.limiter import purge_uses
from backend.outbox import deliver
from backend.outbox.tables import topic_of
from backend.payments.operations import auto_capture, refund_reversals
from backend.payments.review import reconcile
from backend.payments.store import OPEN_STATES, SHARE, earliest
from backend.payments.tables import AutoCapture, MonitoredRefund, Operation
from backend.rules.backoff import Backoff
from backend.sessions.publish import note_delivered

log = logging.getLogger(__name__)
RETRY = 1.0
"""Seconds after which a loop looks again where something is due that it could not begin."""
LONGEST_PAUSE = 30.0
MAX_DOUBLINGS = 10
"""How often the pause after failures doubles at most, so that a short pause stays short."""
LEAST_PAUSE = 0.02
"""Seconds between two looks of one loop, however often it is woken."""
FORGET_PAUSE = timedelta(minutes=10)
"""Between two looks for old rows, since nothing waits for them to be deleted."""


Start = Callable[[Backend, UnderWay], Awaitable[int]]
"""Claims due rows and starts work on them, beside what is under way. Returns their number."""


@dataclass(frozen=True, slots=True)
class Job:
    """What one loop does. Signals of `topic` wake it. `earliest` is a subquery: the moment at which
    the next row is due that nobody works on."""

    name: str
    topic: str
    start: Start
    share: Share
    earliest: Callable[[datetime], ScalarSelect[datetime]]


def _jobs() -> list[Job]:
    return [
        Job(
            "reconcile",
            Operation.topic(),
            reconcile.start_due,
            SHARE,
            lambda now: earliest(Operation, OPEN_STATES, now),
        ),
        Job(
            "auto-capture",
            AutoCapture.topic(),
            auto_capture.start_due,
            SHARE,
            lambda now: earliest(AutoCapture, ("due",), now),
        ),
        Job(
            "returned refunds",
            MonitoredRefund.topic(),
            refund_reversals.start_due,
            SHARE,
            lambda now: earliest(MonitoredRefund, ("due",), now),
        ),
        # Each kind has a loop of its own, so that a slow webhook delays no callback and no SMS.
        *(_delivery(kind, share) for kind, share in deliver.SHARES.items()),
    ]


def _delivery(kind: str, share: Share) -> Job:
    async def start(ctx: Backend, under_way: UnderWay) -> int:
        return await deliver.start_due(ctx, under_way, (kind,), note_delivered)

    return Job(kind, topic_of(kind), start, share, lambda now: deliver.earliest((kind,), now))


FORGETTING: dict[str, Callable[[Backend], Awaitable[int]]] = {
    "forget": purge_due,
    "forget payers": purge_expired,
    "forget tries": purge_old_attempts,
    "forget limits": purge_uses,
    "forget PIN attempts": purge_attempts,
}
"""Each deletes a batch and returns how many. One process does it for all."""


class Alarm:
    """Wakes one loop: now, or at a moment of the context's clock."""

    def __init__(self, ctx: Backend) -> None:
        self._ctx = ctx
        self._woken = asyncio.Event()
        self._timer: Timer | None = None

    def ring(self) -> None:
        self._woken.set()

    def at(self, moment: datetime | None) -> None:
        """Ring at this moment at the latest; None is never."""
        if moment is None:
            return
        if moment <= self._ctx.clock.now():
            self.ring()
        elif self._timer is None or self._timer.ring is None or moment < self._timer.moment:
            self._ctx.wheel.cancel(self._timer)
            self._timer = self._ctx.wheel.at(moment, self.ring)

    def reset(self) -> None:
        """Forget that it has rung. Call this before a look, so that no signal after it is lost."""
        self._woken.clear()

    async def wait(self, seconds: float | None = None) -> None:
        """Wait until it rings, or for so many seconds."""
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._woken.wait(), seconds)


class Worker:
    """Runs in the event loop of its process; `stop` lets what is under way end, for a while."""

    def __init__(self, ctx: Backend) -> None:
        self._ctx = ctx
        self._stopping = asyncio.Event()
        self._jobs = {job.topic: job for job in _jobs()}
        self._alarms = {topic: Alarm(ctx) for topic in self._jobs}
        self._slow_look, self._forgetting = Alarm(ctx), Alarm(ctx)
        self._unsubscribe = ctx.signals.subscribe(list(self._jobs), self._hear)
        self._tasks = [
            asyncio.create_task(self._look_ahead()),
            asyncio.create_task(self._forget()),
            *(asyncio.create_task(self._roll(job)) for job in self._jobs.values()),
        ]

    async def stop(self, timeout: float = 3.0) -> None:
        """Ask the loops to end. What takes longer is cancelled, and becomes due again elsewhere."""
        self._stopping.set()
        self._unsubscribe()
        for alarm in (*self._alarms.values(), self._slow_look, self._forgetting):
            alarm.ring()
        _, late = await asyncio.wait(self._tasks, timeout=timeout)
        for task in late:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _hear(self, signal: Signal) -> None:
        if signal == ANYTHING:
            self._slow_look.ring()
        elif (moment := moment_of(signal)) is None:
            self._alarms[signal.topic].ring()
        else:
            self._alarms[signal.topic].at(moment)

    async def _roll(self, job: Job) -> None:
        """Run a loop that does not wait for the slowest piece of work that it has started."""
        alarm = self._alarms[job.topic]
        under_way = UnderWay(job.share, log, alarm.ring)

        async def work() -> float | None:
            if await job.start(self._ctx, under_way):
                return 0.0
            due = under_way.next_due
            if due is not None and due <= self._ctx.clock.now():
                return RETRY
            alarm.at(due)
            return None

        try:
            await self._loop(job.name, alarm, work)
        except asyncio.CancelledError:
            under_way.cancel()
            raise
        finally:
            await under_way.finish()

    async def _look_ahead(self) -> None:
        """The slow look: what is due, and when the next of it is, of all loops at once."""

        async def work() -> float:
            now = self._ctx.clock.now()
            query: Any = select(*(job.earliest(now) for job in self._jobs.values()))
            async with self._ctx.db.reading() as db:
                *moments, chore = (await db.exec(query.add_columns(recurring.earliest()))).one()
            for topic, moment in zip(self._jobs, moments, strict=True):
                self._alarms[topic].at(moment)
            self._forgetting.at(chore)
            return self._ctx.settings.worker_interval

        await self._loop("look ahead", self._slow_look, work)

    async def _forget(self) -> None:
        noted = False

        async def work() -> None:
            nonlocal noted
            if not noted:
                await recurring.begin(self._ctx.db, FORGETTING)
                noted = True
            claimed = await recurring.claim(self._ctx.db, self._ctx.clock.now(), FORGET_PAUSE)
            for name in claimed:
                # Another version of the program may have work that we do not know.
                purge = FORGETTING.get(name)
                while purge and await purge(self._ctx) and not self._stopping.is_set():
                    pass

        await self._loop("forget", self._forgetting, work)

    async def _loop(
        self, name: str, alarm: Alarm, work: Callable[[], Awaitable[float | None]]
    ) -> None:
        """Do `work` whenever the alarm rings, and after the seconds that it returns. If it returns
        None, only the alarm counts."""
        interval = self._ctx.settings.worker_interval
        least, first = min(LEAST_PAUSE, interval), 2 * min(RETRY, interval)
        pauses = Backoff(first=first, longest=min(first * 2**MAX_DOUBLINGS, LONGEST_PAUSE))
        failures = 0
        while not self._stopping.is_set():
            alarm.reset()
            begun = time.monotonic()
            try:
                pause = await work()
                failures = 0
            except Exception:
                # The loop continues after any error, since what it looks after stays due.
                log.exception("%s", name)
                failures += 1
                with contextlib.suppress(TimeoutError):
                    seconds = pauses.after(failures).total_seconds()
                    await asyncio.wait_for(self._stopping.wait(), seconds)
                continue
            if pause != 0:
                await alarm.wait(pause)
            if (early := begun + least - time.monotonic()) > 0:
                await asyncio.sleep(early)


def start(ctx: Backend) -> Worker:
    """Start the worker. It needs a running event loop."""
    return Worker(ctx)
