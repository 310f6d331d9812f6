"""Follow the sessions of all open pages of this process. See `backend.sessions.watcher`."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Awaitable, Callable
from typing import TypeVar

from reflex.config import get_config

from backend.core import context
from backend.core.errors import SessionLocked
from backend.sessions.read import Mark
from backend.sessions.view import CheckoutView, PageState
from backend.sessions.watcher import Watch, Watcher

LONGEST = get_config().redis_token_expiration
"""After so many seconds a page stays as it is, until its payer does something. This is how long its
state is kept when nothing happens, and watching counts as something."""

PAUSE = 1.0
"""Seconds after which a page tries again to show what has changed elsewhere."""

LOCK_PATIENCE = 15.0
"""How many seconds an action of the payer's waits for the shop to unlock the session."""

LOCK_PAUSE = 0.1
"""Seconds between two tries where the lock is not known to the watcher yet."""

_Done = TypeVar("_Done")
_watcher: Watcher | None = None


def mark_of(view: CheckoutView) -> Mark:
    """Return the mark of a session as it was read."""
    card = view.gift_card if view.state is PageState.OPEN else None
    return Mark(view.version, view.state, view.locked, card.on_hold if card is not None else 0)


def watched(session_id: str) -> contextlib.AbstractContextManager[Watch]:
    """Follow the session in a `with` block."""
    global _watcher
    if _watcher is None or _watcher.ctx is not context.current():
        _watcher = Watcher(context.current())
    return _watcher.watch(session_id)


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
            if until - time.monotonic() <= 0:
                raise
            await _until_unlocked(session_id, until)


async def _until_unlocked(session_id: str, until: float) -> None:
    """Wait until the session is not locked, or until that moment of the monotonic clock."""
    with contextlib.suppress(TimeoutError), watched(session_id) as watch:
        async with asyncio.timeout(max(0.0, until - time.monotonic())):
            mark = await watch.changed(None)
            if mark is None or not mark.locked:
                await asyncio.sleep(LOCK_PAUSE)
            while mark is not None and mark.locked:
                mark = await watch.changed(mark)
