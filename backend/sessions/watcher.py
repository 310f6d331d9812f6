"""Tell those who show a session that it has changed, wherever that happened.

One watcher of a process serves all sessions that somebody follows. Whoever writes a session, or its
gift card, signals it (`backend.core.signals`), and then one statement reads the marks of all
followed sessions that were signalled. What changes by the clock alone is on the wheel. A slow look
at all marks finds what nobody has signalled.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable, Iterator
from contextvars import Context

from backend.cards.tables import Card
from backend.core.context import Backend
from backend.core.wheel import Timer
from backend.core.written import Signal, key_of
from backend.sessions.read import Mark, Marked, read_marks
from backend.sessions.tables import CheckoutSession

log = logging.getLogger(__name__)

LEAST_LOOK = 1.0
"""Seconds between two slow looks at all followed sessions, at least. Mostly they are as far apart
as the worker's (`worker_interval`)."""
GATHER = 0.05
"""Seconds between two statements: what is signalled in between is read together."""
RETRY = 1.0
"""Seconds to wait where the marks could not be read."""


class _Followed:
    """One session that somebody follows."""

    __slots__ = ("changes", "marked", "timer", "waiting", "watches")

    def __init__(self) -> None:
        self.watches = 0
        self.changes = 0
        """How often another mark was read; 0 before the first."""
        self.marked: Marked | None = None
        """None where the session does not exist."""
        self.timer: Timer | None = None
        self.waiting: set[asyncio.Future[None]] = set()


class Watch:
    """One who follows a session. Nothing is missed between two calls of `changed`."""

    __slots__ = ("_followed", "_heard")

    def __init__(self, followed: _Followed) -> None:
        self._followed = followed
        self._heard = 0

    async def changed(self, seen: Mark | None) -> Mark | None:
        """Wait until the session has another mark than `seen`, and return it; None where the
        session does not exist. Each change is told once."""
        while True:
            followed = self._followed
            if followed.changes != self._heard:
                self._heard = followed.changes
                mark = followed.marked.mark if followed.marked is not None else None
                if mark != seen:
                    return mark
            waiting = asyncio.get_running_loop().create_future()
            followed.waiting.add(waiting)
            try:
                await waiting
            finally:
                followed.waiting.discard(waiting)


class Watcher:
    """Follows sessions for one process. Needs a running event loop."""

    def __init__(self, ctx: Backend) -> None:
        self.ctx = ctx
        self._followed: dict[str, _Followed] = {}
        self._by_key: dict[str, str] = {}
        """Followed sessions, by what stands for them in signals."""
        self._with_card: dict[str, set[str]] = {}
        """Followed sessions, by what stands for their gift card in signals."""
        self._stale: set[str] = set()
        """What to read again."""
        self._woken = asyncio.Event()
        self._unsubscribe: Callable[[], None] | None = None
        self._reading: asyncio.Task[None] | None = None

    def __len__(self) -> int:
        return len(self._followed)

    @contextlib.contextmanager
    def watch(self, session_id: str) -> Iterator[Watch]:
        """Follow the session in this block."""
        followed = self._followed.get(session_id)
        if followed is None:
            followed = self._followed[session_id] = _Followed()
            self._by_key[key_of(session_id)] = session_id
            # It may have changed since it was shown, and nobody has listened until now.
            self._read_again(session_id)
        followed.watches += 1
        if self._reading is None or self._reading.done():
            self._begin()
        try:
            yield Watch(followed)
        finally:
            followed.watches -= 1
            if followed.watches == 0:
                self._forget(session_id, followed)

    def _begin(self) -> None:
        if self._unsubscribe is not None:
            self._unsubscribe()
        topics = (CheckoutSession.topic(), Card.topic())
        self._unsubscribe = self.ctx.signals.subscribe(topics, self._hear, quick=True)
        # It works for all who follow something, and not for the one who happens to come first.
        self._reading = asyncio.create_task(self._read(), context=Context())

    def _forget(self, session_id: str, followed: _Followed) -> None:
        del self._followed[session_id]
        self._by_key.pop(key_of(session_id), None)
        self._stale.discard(session_id)
        self._set_card(session_id, followed, None)
        self.ctx.wheel.cancel(followed.timer)
        if not self._followed:
            self._woken.set()

    def _hear(self, signal: Signal) -> None:
        if signal.key is None:
            self._stale.update(self._followed)
        elif signal.topic == Card.topic():
            self._stale.update(self._with_card.get(signal.key, ()))
        elif signal.key in self._by_key:
            self._stale.add(self._by_key[signal.key])
        if self._stale:
            self._woken.set()

    def _read_again(self, session_id: str) -> None:
        if session_id in self._followed:
            self._stale.add(session_id)
            self._woken.set()

    async def _read(self) -> None:
        """Read marks until nobody follows anything any more."""
        try:
            while self._followed and not self.ctx.signals.is_closed:
                if not self._woken.is_set():
                    with contextlib.suppress(TimeoutError):
                        seconds = max(LEAST_LOOK, self.ctx.settings.worker_interval)
                        await asyncio.wait_for(self._woken.wait(), seconds)
                        continue
                    self._stale.update(self._followed)  # the slow look
                self._woken.clear()
                await self._read_stale()
        finally:
            if self._unsubscribe is not None:
                self._unsubscribe()
                self._unsubscribe = None

    async def _read_stale(self) -> None:
        wanted, self._stale = self._stale, set()
        try:
            marks = await read_marks(self.ctx, list(wanted))
        except Exception:
            log.exception("the sessions could not be read; the next look may")
            self._stale |= wanted & self._followed.keys()
            self._woken.set()
            await asyncio.sleep(RETRY)
            return
        for session_id in wanted:
            if session_id in self._followed:
                self._take(session_id, self._followed[session_id], marks.get(session_id))
        await asyncio.sleep(GATHER)

    def _take(self, session_id: str, followed: _Followed, marked: Marked | None) -> None:
        before = followed.marked
        if followed.changes == 0 or _mark(before) != _mark(marked):
            followed.changes += 1
            for waiting in followed.waiting:
                if not waiting.done():
                    waiting.set_result(None)
        self._set_card(session_id, followed, marked.card if marked is not None else None)
        followed.marked = marked
        ends_at = marked.ends_at if marked is not None else None
        rings = followed.timer is not None and followed.timer.ring is not None
        if not rings or followed.timer is None or followed.timer.moment != ends_at:
            self.ctx.wheel.cancel(followed.timer)
            followed.timer = None
            if ends_at is not None:
                again = self._read_again
                followed.timer = self.ctx.wheel.at(ends_at, lambda: again(session_id))

    def _set_card(self, session_id: str, followed: _Followed, card: str | None) -> None:
        before = followed.marked.card if followed.marked is not None else None
        if before == card:
            return
        if before is not None:
            others = self._with_card.get(key_of(before), set())
            others.discard(session_id)
            if not others:
                self._with_card.pop(key_of(before), None)
        if card is not None:
            self._with_card.setdefault(key_of(card), set()).add(session_id)


def _mark(marked: Marked | None) -> Mark | None:
    return marked.mark if marked is not None else None
