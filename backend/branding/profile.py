"""Which ways to pay a merchant's profile shows."""

from __future__ import annotations

from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from backend.accounts.profiles import connections_of
from backend.accounts.tables import Profile
from backend.branding.marks import of_options
from backend.core.context import Backend
from backend.core.errors import NotFound
from backend.rules.payment_option import read_switches, works_with_gift_card


async def profile_marks(ctx: Backend, profile_id: str, account_id: str | None) -> tuple[str, ...]:
    """Return the drawings of a profile's payment options, in the order in which they were
    connected.

    Options that the profile switches off are not shown. Those that it does not mention are shown,
    because a session may switch them on. Without `account_id`, the account is the one that the
    profile's id begins with, or the only one that has such a profile. NotFound if there is none.
    """
    async with ctx.db.reading() as db:
        profile = await _find(db, profile_id, account_id)
    if profile is None:
        raise NotFound(f"there is no profile {profile_id[:64]!r}, or several accounts have one")
    switches = read_switches(profile.configuration)
    gift_card = bool(switches.wallets) and profile.express
    options = [
        option
        for option in connections_of(ctx, profile)
        if switches.is_on(option) is not False and (not gift_card or works_with_gift_card(option))
    ]
    return of_options(options, gift_card=gift_card)


async def _find(db: AsyncSession, profile_id: str, account_id: str | None) -> Profile | None:
    query = select(Profile).where(col(Profile.id) == profile_id, col(Profile.deleted_at).is_(None))
    prefix, dot, _ = profile_id.partition(".")
    account = account_id if account_id is not None else (prefix if dot else None)
    if account is not None:
        query = query.where(col(Profile.account_id) == account)
    found = list(await db.exec(query.limit(2)))
    return found[0] if len(found) == 1 else None
