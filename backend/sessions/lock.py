"""The merchant's lock. While it is on, the payer can neither change the session nor pay.

The page locks when the shop asks (the Web SDK's LockSession). The shop's server then updates the
session, which unlocks it. Source: `docs/reference/dintero-api.md#updating-a-session`,
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
    """Lock the session. Return the lock's id, which stays the same while it is on.
    PreconditionFailed if the session is paid or being paid; NotLockable if it is not Express."""
    now = ctx.clock.now()
    try:
        async with ctx.db.unit_of_work() as db:
            session = await lock_open(db, session_id, now, unmodified_since)
            if not session.express:
                raise NotLockable("only Express sessions can be locked")
            started = session.pay_lock_id is None
            session.pay_lock_id = session.pay_lock_id or new_uuid()
            session.pay_locked_at = now
            if started:
                await events.record(db, session, "PAY_LOCK_START", now)
            return session.pay_lock_id
    except (PaymentInProgress, SessionClosed) as error:
        raise PreconditionFailed(error.message) from error


async def unlock(db: AsyncSession, session: CheckoutSession, now: datetime) -> None:
    """Remove the lock if there is one. The caller has locked the session's row."""
    if session.pay_lock_id is not None:
        session.pay_lock_id = session.pay_locked_at = None
        # Open pages follow the lock itself. An update that only removes the lock makes no new
        # version of the session.
        await events.record_unseen(db, session, "PAY_LOCK_END", now)


async def release(ctx: Backend, session_id: str, pay_lock_id: str) -> None:
    """Remove a lock that the page made, if it is still the same. The shop's server may have removed
    it in the meantime, and somebody may have locked again."""
    now = ctx.clock.now()
    async with ctx.db.unit_of_work() as db:
        session = await lock_session(db, session_id)
        if session.pay_lock_id == pay_lock_id:
            await unlock(db, session, now)
