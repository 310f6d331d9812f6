"""The seller: the account, what its profile says about it, and what the session's request says."""

from __future__ import annotations

from typing import Any

from sqlmodel.ext.asyncio.session import AsyncSession

from backend.accounts.profiles import seller_of
from backend.sessions.tables import CheckoutSession


async def merchant_of(db: AsyncSession, session: CheckoutSession) -> dict[str, Any]:
    """Return what is known about the merchant: always `name`, and maybe `logo_url`, `country`, and
    more."""
    profile, account = await seller_of(db, session.account_id, session.profile_id)
    return {"name": account.name, **profile.merchant, **(session.body.get("merchant") or {})}
