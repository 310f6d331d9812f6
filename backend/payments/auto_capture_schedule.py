"""Which transactions are captured automatically. Each is a row that becomes due.

Source: `docs/reference/dintero-api.md#configuration` (tried again for 48 hours, until somebody
captures by hand).
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import update
from sqlmodel import col
from sqlmodel.ext.asyncio.session import AsyncSession

from backend.accounts.profiles import configuration_of, seller_of
from backend.core.written import OPTION
from backend.payments.tables import AutoCapture, Transaction
from backend.rules.auto_capture import GIVE_UP_AFTER
from backend.sessions.tables import CheckoutSession


async def is_requested(db: AsyncSession, session: CheckoutSession) -> bool:
    """Return whether a payment of this session is captured automatically. The request decides, else
    the profile."""
    profile, _ = await seller_of(db, session.account_id, session.profile_id)
    return configuration_of(profile, session.content).auto_capture is True


def schedule(db: AsyncSession, transaction: Transaction, now: datetime) -> None:
    """Schedule the capture in the unit of work of the authorization. It is due at once."""
    db.add(AutoCapture(transaction_id=transaction.id, due_at=now, give_up_at=now + GIVE_UP_AFTER))


async def is_due(db: AsyncSession, transaction_id: str) -> bool:
    row = await db.get(AutoCapture, transaction_id, populate_existing=True)
    return row is not None and row.state == "due"


async def stop(db: AsyncSession, transaction_id: str) -> None:
    """Stop the automatic capture, because the merchant captures or voids. It does nothing if none
    is scheduled."""
    change = update(AutoCapture).where(
        col(AutoCapture.transaction_id) == transaction_id, col(AutoCapture.state) == "due"
    )
    # Nobody waits for what is not to be done.
    options: dict[str, Any] = {"synchronize_session": False, OPTION: ()}
    await db.exec(change.values(state="stopped").execution_options(**options))
