"""The merchant's lock: while it is on, the payer neither changes the session nor pays.

The page takes it when the shop asks (the Web SDK's LockSession); the shop's server then updates the
session, which takes it off. Source: `docs/reference/dintero-api.md#updating-a-session`,
`#messages-from-the-sdk`.
"""

from __future__ import annotations

from datetime import datetime

from sqlmodel.ext.asyncio.session import AsyncSession

from backend.core.context import Backend
from backend.core.errors import NotLockable, PaymentInProgress, PreconditionFailed, SessionClosed
from backend.core.ids import new_uuid
from backend.sessions import events
from backend.sessions.load import lock_open, lock_session
from backend.sessions.tables import CheckoutSession


async def lock(ctx: Backend, session_id: str, unmodified_since: str | None = None) -> str:
    """Lock the session; the lock's id, the same while it is on. PreconditionFailed if the
    session is paid or being paid, NotLockable where it is not Express."""
    now = ctx.clock.now()
    try:
        async with ctx.db.unit_of_work() as db:
            session = await lock_open(db, session_id, now, unmodified_since)
            if not session.express:
                raise NotLockable("only Express sessions are locked")
            started = session.pay_lock_id is None
            session.pay_lock_id = session.pay_lock_id or new_uuid()
            session.pay_locked_at = now
            if started:
                await events.record(db, session, "PAY_LOCK_START", now)
            return session.pay_lock_id
    except (PaymentInProgress, SessionClosed) as error:
        raise PreconditionFailed(error.message) from error


async def unlock(db: AsyncSession, session: CheckoutSession, now: datetime) -> None:
    """Take the lock off, where there is one; the session's row is locked by the caller."""
    if session.pay_lock_id is not None:
        session.pay_lock_id = session.pay_locked_at = None
        # Open pages follow the lock itself. An update that changes nothing but takes it off is no
        # new version of the session.
        await events.record(db, session, "PAY_LOCK_END", now, visible=False)


async def release(ctx: Backend, session_id: str, pay_lock_id: str) -> None:
    """Take off a lock that the page took itself, where it is still that one: the shop's server may
    have taken it off, and somebody locked again."""
    now = ctx.clock.now()
    async with ctx.db.unit_of_work() as db:
        session = await lock_session(db, session_id)
        if session.pay_lock_id == pay_lock_id:
            await unlock(db, session, now)
