"""Payers who asked to be remembered: what is kept of them, and how they are recognised.

We keep their details only if the payer asks for it: for one account, encrypted, and for a limited
time. The browser gets a signed cookie that names what was kept and contains none of it. It lets the
payer ask for a code by SMS (`backend.customers.sms_verification`), and nothing else. Source:
`docs/reference/dintero-api.md#pay`, `#the-payers-page`.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from backend.core import due_work
from backend.core.context import Backend
from backend.core.ids import new_uuid
from backend.customers.tables import ConfirmationCode, ReturningCustomer
from backend.sessions.load import get_session, lock_session
from backend.sessions.phones import e164, payer_phone
from backend.sessions.publish import phone_number
from backend.sessions.tables import CheckoutSession

_KEPT = ("shipping_address", "billing_address")


def cookie_name(account_id: str) -> str:
    return f"gavekort_customer_{account_id}"


async def account_of(ctx: Backend, session_id: str) -> str:
    async with ctx.db.reading() as db:
        return (await get_session(db, session_id)).account_id


def cookie_value(ctx: Backend, customer: ReturningCustomer) -> str:
    until = int(customer.expires_at.timestamp())
    return ctx.vault.sign(f"{customer.account_id}.{customer.id}.{until}")


def _named(ctx: Backend, account_id: str, cookie: str | None) -> str | None:
    """Return the customer's id in a cookie of ours for this account; None for any other."""
    if not cookie or len(cookie) > 512 or not cookie.isascii():
        return None
    parts = (ctx.vault.signed(cookie) or "").split(".")
    if len(parts) != 3 or parts[0] != account_id:
        return None
    return parts[1] if int(parts[2]) > ctx.clock.now().timestamp() else None


async def customer_of(
    ctx: Backend, db: AsyncSession, account_id: str, cookie: str | None
) -> ReturningCustomer | None:
    """Return the customer whom the cookie names, while they are remembered."""
    named = _named(ctx, account_id, cookie)
    customer = await db.get(ReturningCustomer, named) if named else None
    known = customer is not None and customer.account_id == account_id
    return customer if known and not is_over(ctx, customer) else None


def is_over(ctx: Backend, customer: ReturningCustomer | None) -> bool:
    return customer is None or customer.expires_at <= ctx.clock.now()


@dataclass(frozen=True, slots=True)
class Offer:
    """What the page may offer. `possible`: whether the payer can be remembered, which needs codes
    by SMS. `masked`: the last two digits of the number that a code would go to; empty if there is
    none. `recognised`: whether this browser was here before."""

    possible: bool = False
    masked: str = ""
    recognised: bool = False


async def offer(ctx: Backend, session_id: str, cookie: str | None) -> Offer:
    """Return what to offer, by the cookie, else by the number in the session. It does not say
    whether that number is known."""
    async with ctx.db.reading() as db:
        session = await get_session(db, session_id)
        if not session.express or ctx.settings.sms_url is None:
            return Offer()
        customer = await customer_of(ctx, db, session.account_id, cookie)
        if customer is not None:
            number = str(ctx.vault.unseal(customer.sealed)["phone_number"])
            return Offer(True, payer_phone(number), True)
        known = e164(phone_number(session))
        return Offer(True, payer_phone(known) if known else "")


async def remember(ctx: Backend, session_id: str, cookie: str | None) -> ReturningCustomer | None:
    """Keep this session's contact details and addresses: the payer has asked for it. None where
    there is nothing to keep.

    What a confirmed phone number is known with changes only in a session in which a code was
    confirmed: else anybody could have goods sent elsewhere by leaving an address for it.
    """
    now = ctx.clock.now()
    async with ctx.db.unit_of_work() as db:
        session = await lock_session(db, session_id)
        number = e164(phone_number(session))
        if not session.express or not session.details_done or number is None:
            return None
        phone = ctx.vault.phone_hash(session.account_id, number)
        customer = await _own(ctx, db, session, phone, cookie)
        if customer is None:
            customer = ReturningCustomer(
                id=new_uuid(),
                account_id=session.account_id,
                phone_hash=phone,
                sealed="",
                session_id=session.id,
                created_at=now,
                updated_at=now,
                expires_at=now,
            )
        customer.sealed = ctx.vault.seal(_details(session, number))
        customer.session_id = session.id
        customer.updated_at = now
        customer.expires_at = now + timedelta(seconds=ctx.settings.remember_lifetime)
        db.add(customer)
        return customer


async def _own(
    ctx: Backend, db: AsyncSession, session: CheckoutSession, phone: str, cookie: str | None
) -> ReturningCustomer | None:
    """Return the record that may be overwritten: the one that was confirmed in this session, or
    this browser's if it was never confirmed."""
    code = await db.get(ConfirmationCode, session.id)
    if code is not None and code.used_at is not None and code.customer_id is not None:
        customer = await db.get(ReturningCustomer, code.customer_id, with_for_update=True)
        if customer is not None and customer.phone_hash == phone:
            return customer
    customer = await customer_of(ctx, db, session.account_id, cookie)
    own = customer is not None and customer.phone_hash == phone and not customer.confirmed
    return customer if own else None


def _details(session: CheckoutSession, number: str) -> dict[str, Any]:
    order = session.content.order.raw
    kept = {name: order[name] for name in _KEPT if order.get(name)}
    return {"email": session.content.customer.email or None, "phone_number": number, **kept}


async def remembered_in(ctx: Backend, session_id: str) -> ReturningCustomer | None:
    """Return the customer whom this session has remembered."""
    async with ctx.db.reading() as db:
        query = select(ReturningCustomer).where(ReturningCustomer.session_id == session_id)
        customer = (await db.exec(query.order_by(col(ReturningCustomer.updated_at).desc()))).first()
    return None if is_over(ctx, customer) else customer


async def forget(ctx: Backend, session_id: str, cookie: str | None) -> None:
    """Delete what this browser's cookie names."""
    async with ctx.db.unit_of_work() as db:
        session = await get_session(db, session_id)
        customer = await customer_of(ctx, db, session.account_id, cookie)
        if customer is not None:
            await db.delete(customer)


async def purge_expired(ctx: Backend) -> int:
    """Delete one batch of customers who were remembered long enough. Return their number."""
    over = col(ReturningCustomer.expires_at) <= ctx.clock.now()
    return await due_work.purge(ctx.db, ReturningCustomer, over)
