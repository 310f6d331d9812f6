"""Follow sessions for all open pages of this process by one look at the database.

A page that waits costs nothing of its own: every WATCH_SECONDS one statement reads the marks of all
sessions that are followed, and only a page whose session has another mark reads its session.
"""

from __future__ import annotations

import asyncio
import contextvars
import logging
from collections.abc import Iterator
from contextlib import contextmanager

from backend import context
from backend.sessions.read import Mark, read_marks

log = logging.getLogger(__name__)

WATCH_SECONDS = 2.0
"""Between two looks while a page is open."""

_Waiting = asyncio.Future[Mark | None]
_waiting: dict[str, dict[_Waiting, Mark | None]] = {}
_looking: asyncio.Task[None] | None = None


async def changed(session_id: str, seen: Mark | None, seconds: float) -> Mark | None:
    """The session's mark as soon as a look finds another one than `seen`; None where there is no
    session any more. TimeoutError after so many seconds."""
    with _followed(session_id, seen) as found:
        return await asyncio.wait_for(found, seconds)


@contextmanager
def _followed(session_id: str, seen: Mark | None) -> Iterator[_Waiting]:
    global _looking
    found: _Waiting = asyncio.get_running_loop().create_future()
    _waiting.setdefault(session_id, {})[found] = seen
    if _looking is None or _looking.done():
        # In a context of its own: it works for all pages, and for none of them alone.
        _looking = asyncio.create_task(_look(), context=contextvars.Context())
    try:
        yield found
    finally:
        others = _waiting.get(session_id, {})
        others.pop(found, None)
        if not others:
            _waiting.pop(session_id, None)


async def _look() -> None:
    """Until nobody follows any more."""
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
