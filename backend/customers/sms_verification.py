"""A code by SMS, with which a returning payer proves that the remembered details are theirs.

Known and unknown numbers get the same answer after the same time, and the session stays as it was.
Only a known number gets a message. Codes have six digits, work once, and are valid for minutes.
Sends and attempts have budgets per session, phone number and source, which are counted before
anything is looked up. A right code fills in e-mail, phone and addresses of that session, and
nothing else. The message holds no link: a payer might press it unread, and fill in a stranger's
session.

Source: `docs/reference/dintero-api.md#session-endpoints` (`publish/scc`), `#session-object` (the
event).
"""

from __future__ import annotations

import asyncio
import contextlib
import copy
import hmac
import secrets
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

import phonenumbers
from sqlmodel import col, delete, select
from sqlmodel.ext.asyncio.session import AsyncSession

from backend.accounts.tables import Profile
from backend.cards import budgets
from backend.core import phrases
from backend.core.context import Backend
from backend.core.errors import (
    CodeNotSent,
    CodeRefused,
    SessionChanged,
    TooManyCodes,
    TooManyRequests,
)
from backend.customers.returning import customer_of, is_over
from backend.customers.tables import ConfirmationCode, ReturningCustomer
from backend.limits import limiter as limits
from backend.limits import rules
from backend.limits.messages import spend_sms
from backend.limits.source import networks_of
from backend.outbox.enqueue import Message, enqueue
from backend.sessions.details import Details, address_from
from backend.sessions.events import touch
from backend.sessions.load import check_not_locked, check_open, get_session, lock_for_payer
from backend.sessions.merchant import merchant_of
from backend.sessions.phones import e164, gets_messages, home_of, read_phone, sms_to
from backend.sessions.publish import CODE_EVENT, MAX_NAME, phone_number, spoken
from backend.sessions.tables import CheckoutSession

DIGITS = 6
LONGEST_CODE = 32
SLOWEST = 0.3
"""How long (seconds) every answer takes, whether the number is known or not."""


async def send_code(
    ctx: Backend, session_id: str, number: str | None, cookie: str | None, source: str
) -> bool:
    """Send a code to `number`, else to the number of the customer whom the cookie names, else to
    the session's number. Return whether a code was asked for in this session before. CodeNotSent if
    there is no number or no gateway, or if too many codes were asked for."""
    ends = asyncio.get_running_loop().time() + SLOWEST
    try:
        return await _send(ctx, session_id, number, cookie, source)
    finally:
        await asyncio.sleep(max(0.0, ends - asyncio.get_running_loop().time()))


async def _send(
    ctx: Backend, session_id: str, number: str | None, cookie: str | None, source: str
) -> bool:
    now = ctx.clock.now()
    async with ctx.db.reading() as db:
        session = await get_session(db, session_id)
        check_open(session, now, None)
        check_not_locked(ctx, session, now)
        if not session.express or ctx.settings.sms_url is None:
            raise CodeNotSent("not_offered", "no codes are sent in this session")
        to = await _number(ctx, db, session, number, cookie)
        account_id = session.account_id
        if to is not None and not await gets_messages(ctx, db, session, to):
            to = None
    if to is None:
        raise CodeNotSent("no_number", "there is no phone number that a code can be sent to")
    await limits.spend_source(ctx, rules.SMS_SOURCE, source)
    phone = ctx.vault.phone_hash(account_id, to)
    if not await _count(ctx, "send", session_id, phone, source, now):
        raise TooManyCodes(ctx.settings.scc_window)
    code = f"{secrets.randbelow(10**DIGITS):0{DIGITS}}"
    async with ctx.db.unit_of_work() as db:
        session = await lock_for_payer(ctx, db, session_id, now)
        if await _number(ctx, db, session, number, cookie) != to:
            # The budgets were counted for the number that the session had before.
            raise SessionChanged("the phone number has changed in the meantime")
        customer = await _known(ctx, db, account_id, phone, cookie)
        again = await db.get(ConfirmationCode, session_id)
        if again is not None:
            await db.delete(again)
            await db.flush()
        until = now + timedelta(seconds=ctx.settings.scc_lifetime)
        db.add(
            ConfirmationCode(
                session_id=session_id,
                phone_hash=phone,
                customer_id=customer.id if customer else None,
                code_hash=ctx.vault.code_hash(session_id, code),
                created_at=now,
                expires_at=until,
            )
        )
        if customer is not None:
            # Too many messages went to this phone. None is sent, and the answer is the usual one.
            with contextlib.suppress(TooManyRequests):
                await spend_sms(ctx, db, sms_to(session, to))
                text = await _text(ctx, db, session, to, code)
                enqueue(db, _message(ctx, session, to, text, until), now, now)
    return again is not None


async def _number(
    ctx: Backend, db: AsyncSession, session: CheckoutSession, given: str | None, cookie: str | None
) -> str | None:
    if given:
        profile = await db.get(Profile, (session.account_id, session.profile_id))
        return read_phone(given, home_of(session, profile))
    customer = await customer_of(ctx, db, session.account_id, cookie)
    if customer is not None:
        return str(ctx.vault.unseal(customer.sealed)["phone_number"])
    return e164(phone_number(session))


async def _known(
    ctx: Backend, db: AsyncSession, account_id: str, phone: str, cookie: str | None
) -> ReturningCustomer | None:
    """Return this browser's customer, else the one that the phone number has confirmed."""
    own = await customer_of(ctx, db, account_id, cookie)
    query = select(ReturningCustomer).where(
        ReturningCustomer.account_id == account_id,
        ReturningCustomer.phone_hash == phone,
        col(ReturningCustomer.confirmed).is_(True),
    )
    confirmed = (await db.exec(query)).one_or_none()
    if own is not None and own.phone_hash == phone:
        return own
    return None if is_over(ctx, confirmed) else confirmed


async def _text(
    ctx: Backend, db: AsyncSession, session: CheckoutSession, to: str, code: str
) -> str:
    merchant = (await merchant_of(db, session)).name
    return phrases.say(
        spoken(session, phonenumbers.parse(to)),
        "code",
        code=code,
        merchant=" ".join(merchant.split())[:MAX_NAME],
        minutes=str(ctx.settings.scc_lifetime // 60 or 1),
    )


def _message(
    ctx: Backend, session: CheckoutSession, to: str, text: str, useless_after: datetime
) -> Message:
    return Message(
        account_id=session.account_id,
        subject=session.id,
        method="POST",
        url=f"sms:{to}",
        body={"to": to, "sealed": ctx.vault.seal({"text": text})},
        kind="sms",
        event=CODE_EVENT,
        session_id=session.id,
        session_event=CODE_EVENT,
        useless_after=useless_after,
    )


async def _count(
    ctx: Backend, verb: str, session_id: str, phone: str, source: str, now: datetime
) -> bool:
    """Count one send or attempt. Return whether it is within every budget."""
    settings, network = ctx.settings, networks_of(source)[0]
    sends = verb == "send"
    limits = {
        f"scc-{verb}:session:{session_id}": settings.scc_sends_per_session
        if sends
        else settings.scc_tries_per_session,
        f"scc-{verb}:phone:{phone}": settings.scc_sends_per_phone
        if sends
        else settings.scc_tries_per_phone,
        f"scc-{verb}:source:{ctx.vault.source_hash(network)}": settings.scc_sends_per_source
        if sends
        else settings.scc_tries_per_source,
    }
    window = timedelta(seconds=settings.scc_window)
    # This is a unit of work of its own: what is counted stays counted if the request fails.
    async with ctx.db.unit_of_work(independent=True) as db:
        counted = [
            await budgets.count(db, scope, limit, now, window) for scope, limit in limits.items()
        ]
    return all(counted)


async def confirm_code(ctx: Backend, session_id: str, code: str, source: str) -> Details:
    """Fill in the remembered details if the code is right. Return the details, which are not yet
    checked against what this session allows. CodeRefused."""
    ends = asyncio.get_running_loop().time() + SLOWEST
    try:
        return await _confirm(ctx, session_id, code, source)
    finally:
        await asyncio.sleep(max(0.0, ends - asyncio.get_running_loop().time()))


async def _confirm(ctx: Backend, session_id: str, code: str, source: str) -> Details:
    now = ctx.clock.now()
    async with ctx.db.reading() as db:
        session = await get_session(db, session_id)
        check_open(session, now, None)
        check_not_locked(ctx, session, now)
        asked = await db.get(ConfirmationCode, session_id)
        phone = asked.phone_hash if asked else "none"
    within = await _count(ctx, "try", session_id, phone, source, now)
    typed = "".join(code.split())[:LONGEST_CODE]
    async with ctx.db.unit_of_work() as db:
        session = await lock_for_payer(ctx, db, session_id, now)
        kept = await db.get(ConfirmationCode, session_id, populate_existing=True)
        customer = await _of_code(ctx, db, kept, typed, now) if within else None
        if kept is None or customer is None:
            raise CodeRefused("the code is wrong, used or expired")
        kept.used_at = now
        await _confirmed(db, customer)
        known = ctx.vault.unseal(customer.sealed)
        filled = _filled(session.body, known)
        if filled["order"].get("shipping_address") != session.body["order"].get("shipping_address"):
            # What the shop's callback said about another address does not hold for this one.
            session.details_done = False
        session.body = filled
        touch(session, now)
    return details_of(known)


async def _of_code(
    ctx: Backend, db: AsyncSession, kept: ConfirmationCode | None, typed: str, now: datetime
) -> ReturningCustomer | None:
    if kept is None or kept.used_at is not None or kept.expires_at <= now:
        return None
    right = hmac.compare_digest(kept.code_hash, ctx.vault.code_hash(kept.session_id, typed))
    if not right or kept.customer_id is None:
        return None
    customer = await db.get(ReturningCustomer, kept.customer_id, with_for_update=True)
    return None if is_over(ctx, customer) else customer


async def _confirmed(db: AsyncSession, customer: ReturningCustomer) -> None:
    """Make this the one record that its phone number is known by. An earlier one is deleted."""
    if customer.confirmed:
        return
    before = delete(ReturningCustomer).where(
        col(ReturningCustomer.account_id) == customer.account_id,
        col(ReturningCustomer.phone_hash) == customer.phone_hash,
        col(ReturningCustomer.confirmed).is_(True),
    )
    await db.exec(before)
    customer.confirmed = True


def _filled(body: Mapping[str, Any], known: Mapping[str, Any]) -> dict[str, Any]:
    """Return a session's body with the remembered contact details and addresses."""
    filled = copy.deepcopy(dict(body))
    contact = {key: known[key] for key in ("email", "phone_number") if known.get(key)}
    filled["customer"] = {**(filled.get("customer") or {}), **contact}
    for name in ("shipping_address", "billing_address"):
        if known.get(name):
            filled["order"][name] = known[name]
    return filled


def details_of(known: Mapping[str, Any]) -> Details:
    shipping, billing = known.get("shipping_address") or {}, known.get("billing_address")
    return Details(
        email=str(known.get("email") or ""),
        phone_number=str(known.get("phone_number") or ""),
        shipping=address_from(shipping),
        billing=address_from(billing) if billing else None,
        shipping_more=shipping,
        billing_more=billing or {},
    )
