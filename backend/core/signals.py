"""Who writes wakes who waits: in this process at once, in the others by notices.

A unit of work that is committed gives its signals to `Signals.tell`. Whoever waits for a topic has
subscribed to it, and keeps in mind that a signal may come without a cause, and that now and then
one may be lost. So a signal only makes somebody look, and a slow look finds what was lost.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
from collections import Counter
from collections.abc import Callable, Collection, Iterable
from contextvars import Context
from datetime import UTC, datetime
from typing import Any

from sqlalchemy.engine import make_url

from backend.core.ids import new_uuid
from backend.core.notices import Notices, PostgresNotices, SqliteNotices
from backend.core.written import Signal

log = logging.getLogger(__name__)

ANYTHING = Signal("*")
"""Anything may have been written. It goes to all who have subscribed."""
OTHERS_LATER = 0.5
"""Seconds that other processes leave to the one that has made something due."""
GAP = 0.05
"""Seconds between two sendings of notices: what comes in between is sent together."""
MOST_KEYS = 200
"""Of one topic in one sending. More rows than that are told as "any row"."""
_MOST_BYTES = 7000
"""PostgreSQL takes messages of less than 8000 bytes."""

Hear = Callable[[Signal], None]


class Signals:
    """What one process hears and tells. `now` reads the context's clock."""

    def __init__(self, url: str, now: Callable[[], datetime]) -> None:
        self._name = new_uuid()
        self._now = now
        self._hearing: dict[str, list[Hear]] = {}
        self._quick = 0
        self._writes = 0
        self._unsent: set[Signal] = set()
        self._sending: asyncio.Task[None] | None = None
        self._closing = asyncio.Event()
        self._deaf = False
        self._notices: Notices
        if make_url(url).drivername.startswith("sqlite"):
            self._notices = SqliteNotices(
                url, self._missed, lambda: self._writes, lambda: self._quick > 0
            )
            self._sends = False
        else:
            self._notices = PostgresNotices(url, self._heard, self._missed)
            self._sends = True

    @property
    def is_closed(self) -> bool:
        """Whether the process ends: nobody is told anything any more."""
        return self._closing.is_set()

    def subscribe(
        self, topics: Collection[str], hear: Hear, *, quick: bool = False
    ) -> Callable[[], None]:
        """Call `hear` for every signal of these topics, and for ANYTHING, from now on; return what
        ends that. `quick`: somebody looks at a page and wants to know soon."""
        self._notices.listen()
        for topic in (*topics, ANYTHING.topic):
            self._hearing.setdefault(topic, []).append(hear)
        self._quick += quick

        def end() -> None:
            for topic in (*topics, ANYTHING.topic):
                if hear in self._hearing.get(topic, ()):
                    self._hearing[topic].remove(hear)
            self._quick -= quick

        return end

    def tell(self, signals: Collection[Signal]) -> None:
        """Tell what a unit of work has written, once it is committed."""
        self._writes += 1
        if not signals:
            return
        self._pass_on(signals)
        if self._sends:
            self._unsent.update(signals)
            if self._sending is None or self._sending.done():
                self._sending = asyncio.create_task(self._send(), context=Context())

    async def close(self) -> None:
        """Send what is left, and hear nothing more."""
        self._closing.set()
        if self._sending is not None:
            await self._sending
        await self._notices.close()
        self._hearing.clear()

    def _pass_on(self, signals: Iterable[Signal]) -> None:
        for signal in signals:
            for hear in list(self._hearing.get(signal.topic, ())):
                try:
                    hear(signal)
                except Exception:
                    # The others are told nevertheless.
                    log.exception("a signal of %s was not taken", signal.topic)

    def _missed(self) -> None:
        self._pass_on([ANYTHING])

    async def _send(self) -> None:
        while self._unsent:
            signals, self._unsent = self._unsent, set()
            try:
                await self._notices.send(_packed(self._name, signals))
                self._deaf = False
            except Exception as error:
                if not self._deaf:
                    log.warning("the other processes are not told: %s", type(error).__name__)
                self._deaf = True
                return
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._closing.wait(), GAP)

    def _heard(self, message: str) -> None:
        """Take a notice. Whoever may use the database can send one, so it is read with care."""
        try:
            told = json.loads(message)
            if told["from"] == self._name:
                return
            signals = [_read(*one) for one in told["written"]]
        except (ValueError, TypeError, KeyError, OverflowError, OSError, RecursionError):
            log.warning("a notice of the database is none of ours")
            return
        later = self._now().timestamp() + OTHERS_LATER
        self._pass_on(
            signal
            if signal.due is None
            else Signal(signal.topic, signal.key, max(signal.due, later))
            for signal in signals
        )


def moment_of(signal: Signal) -> datetime | None:
    """Return the moment at which the signal's row is due."""
    return None if signal.due is None else datetime.fromtimestamp(signal.due, UTC)


def _read(topic: Any, key: Any = None, due: Any = None) -> Signal:
    if not isinstance(topic, str) or not isinstance(key, str | None):
        raise TypeError("not a signal")
    moment = None if due is None else float(due)
    if moment is not None:
        datetime.fromtimestamp(moment, UTC)  # ValueError where there is no such moment
    return Signal(topic, key, moment)


def _packed(name: str, signals: Collection[Signal]) -> Iterable[str]:
    """Write signals as messages. Of due rows only the earliest of each topic is told."""
    keys = Counter(signal.topic for signal in signals if signal.key is not None)
    due: dict[str, float] = {}
    told: set[Signal] = set()
    for signal in signals:
        if signal.due is not None:
            due[signal.topic] = min(signal.due, due.get(signal.topic, signal.due))
        elif signal.key is not None and keys[signal.topic] > MOST_KEYS:
            told.add(Signal(signal.topic))
        else:
            told.add(signal)
    rows: list[list[str | float | None]] = [[signal.topic, signal.key] for signal in told]
    rows += [[topic, None, moment] for topic, moment in due.items()]
    head = {"from": name}
    part: list[object] = []
    size = 0
    for row in rows:
        length = len(json.dumps(row)) + 2
        if part and size + length > _MOST_BYTES:
            yield json.dumps(head | {"written": part})
            part, size = [], 0
        part.append(row)
        size += length
    if part:
        yield json.dumps(head | {"written": part})
