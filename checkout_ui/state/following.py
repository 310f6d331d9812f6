"""Follow the sessions of all open pages of this process with one statement at a time.

A page that only waits costs nothing. Every WATCH_SECONDS one statement reads the marks of all
sessions that are followed, and a page reads its session only when the mark has changed.
"""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
import logging
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar

from backend.core import context
from backend.core.errors import SessionLocked
from backend.sessions.read import Mark, read_marks
from backend.sessions.view import CheckoutView, PageState

log = logging.getLogger(__name__)

WATCH_SECONDS = 2.0
"""How long we wait between two looks at the database."""

LOCK_PATIENCE = 15.0
"""How many seconds an action of the payer's waits for the shop to unlock the session."""

_Done = TypeVar("_Done")
_Waiting = asyncio.Future[Mark | None]
_waiting: dict[str, dict[_Waiting, Mark | None]] = {}
_looking: asyncio.Task[None] | None = None


def mark_of(view: CheckoutView) -> Mark:
    """Return the mark of a session as it was read."""
    card = view.gift_card if view.state is PageState.OPEN else None
    return Mark(view.version, view.state, view.locked, card.on_hold if card is not None else 0)


async def changed(session_id: str, seen: Mark | None, seconds: float) -> Mark | None:
    """Wait until the session has another mark than `seen`, and return it; None if the session
    does not exist any more. TimeoutError after so many seconds."""
    with _followed(session_id, seen) as found:
        return await asyncio.wait_for(found, seconds)


async def when_unlocked(session_id: str, action: Callable[[], Awaitable[_Done]]) -> _Done:
    """Do what the payer has asked for, as soon as the shop does not change the session. A shop that
    answers every change with one of its own often has it locked for a moment.

    SessionLocked if that takes longer than LOCK_PATIENCE. Also raises the errors of `action`.
    """
    until = time.monotonic() + LOCK_PATIENCE
    while True:
        try:
            return await action()
        except SessionLocked:
            mark = (await read_marks(context.current(), [session_id])).get(session_id)
            left = until - time.monotonic()
            if left <= 0:
                raise
            if mark is not None and mark.locked:
                with contextlib.suppress(TimeoutError):
                    await changed(session_id, mark, left)


@contextmanager
def _followed(session_id: str, seen: Mark | None) -> Iterator[_Waiting]:
    global _looking
    found: _Waiting = asyncio.get_running_loop().create_future()
    _waiting.setdefault(session_id, {})[found] = seen
    if _looking is None or _looking.done():
        # It gets a context of its own, since it works for all pages and not for one of them.
        _looking = asyncio.create_task(_look(), context=contextvars.Context())
    try:
        yield found
    finally:
        others = _waiting.get(session_id, {})
        others.pop(found, None)
        if not others:
            _waiting.pop(session_id, None)


async def _look() -> None:
    """Look again and again, until no page follows a session any more."""
    while _waiting:
        await asyncio.sleep(WATCH_SECONDS)
        followed = list(_waiting)
        try:
            now = context.current()
        except RuntimeError:
            return  # the server stops
        try:
            marks = await read_marks(now, followed)
        except Exception:
            log.exception("the sessions could not be read; the next look may")
            continue
        for session_id in followed:
            mark = marks.get(session_id)
            for found, seen in list(_waiting.get(session_id, {}).items()):
                if mark != seen and not found.done():
                    found.set_result(mark)
