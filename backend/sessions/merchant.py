"""The seller: the account, what its profile says about it, and what the session's request says."""

from __future__ import annotations

from sqlmodel.ext.asyncio.session import AsyncSession

from backend.accounts.profiles import seller_of
from backend.rules.order import Merchant
from backend.sessions.tables import CheckoutSession


async def merchant_of(db: AsyncSession, session: CheckoutSession) -> Merchant:
    profile, account = await seller_of(db, session.account_id, session.profile_id)
    return Merchant.of(account.name, profile.merchant, session.content.merchant)
