"""Who sells: the account, what its profile says of it, and what the session's request says."""

from __future__ import annotations

from typing import Any

from sqlmodel.ext.asyncio.session import AsyncSession

from backend.accounts.tables import Account, Profile
from backend.sessions.tables import CheckoutSession


async def merchant_of(db: AsyncSession, session: CheckoutSession) -> dict[str, Any]:
    """`name` always, and what else is known: `logo_url`, `country`, …"""
    profile = await db.get(Profile, (session.account_id, session.profile_id))
    account = await db.get(Account, session.account_id)
    assert profile is not None and account is not None  # foreign keys hold them
    return {"name": account.name, **profile.merchant, **(session.body.get("merchant") or {})}
