"""Follow the sessions of all open pages of this process with one statement at a time.

A page that only waits costs nothing. Every WATCH_SECONDS one statement reads the marks of all
sessions that are followed, and a page reads its session only when the mark has changed.
"""

from __future__ import annotations

import asyncio
import contextvars
import logging
from collections.abc import Iterator
from contextlib import contextmanager

from backend.core import context
from backend.sessions.read import Mark, read_marks
from backend.sessions.view import CheckoutView, PageState

log = logging.getLogger(__name__)

WATCH_SECONDS = 2.0
"""How long we wait between two looks at the database."""

_Waiting = asyncio.Future[Mark | None]
_waiting: dict[str, dict[_Waiting, Mark | None]] = {}
_looking: asyncio.Task[None] | None = None


def mark_of(view: CheckoutView) -> Mark:
    """Return the mark of a session as it was read."""
    card = view.gift_card if view.state is PageState.OPEN else None
    return Mark(view.version, view.state, view.locked, card.on_hold if card is not None else 0)


async def changed(session_id: str, seen: Mark | None, seconds: float) -> Mark | None:
    """Wait until the session has another mark than `seen`, and return it; None where the session
    does not exist any more. TimeoutError after so many seconds."""
    with _followed(session_id, seen) as found:
        return await asyncio.wait_for(found, seconds)


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
