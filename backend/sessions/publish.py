"""Send the payer the checkout's link by SMS when the session is created.

A push to a wallet app is not sent while a gift card can be used: the payer has to use the card
first, so an SMS with the link is sent instead. Without a gift card, `payments.push` starts the
payment if nothing has to be asked of the payer first. Source:
`docs/reference/dintero-api.md#configuration`, `#gift-card-rules`; see docs/publish.md.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import phonenumbers
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from backend.core import phrases
from backend.core.context import Backend
from backend.core.errors import TooManyRequests
from backend.core.ids import new_uuid
from backend.limits.messages import spend_sms
from backend.outbox.enqueue import Message, enqueue
from backend.outbox.tables import Delivery
from backend.rules.countries import language_of_calling_code
from backend.rules.publish import PushFacts, Way, push_option, way_of
from backend.sessions import events
from backend.sessions.links import view_link
from backend.sessions.phones import e164, gets_messages, home_of, sms_to
from backend.sessions.tables import CheckoutSession

EVENT = "PUSH_NOTIFICATION_SENT"
CODE_EVENT = "SECRET_CONFIRMATION_CODE_SENT"
RECEIPT_SENT = "RECEIPT_SENT"
"""An event of our own: Dintero's sessions know no receipts."""
MAX_NAME = 40


async def publish(
    ctx: Backend, db: AsyncSession, session: CheckoutSession, merchant: str, now: datetime
) -> None:
    """Decide on each requested channel, and write the messages in this unit of work."""
    wanted = session.content.configuration.publish
    number = phone_number(session)
    entries: list[dict[str, Any]] = []
    for one in wanted:
        entry: dict[str, Any] = {"id": new_uuid(), "channel": one.channel, "type": one.kind}
        way = way_of(one.channel, one.kind, gift_card=session.gift_card_use)
        if way is Way.SMS:
            entry |= {"channel": "sms", "type": "checkout-link"}
        again = any("delivery_id" in before for before in entries)
        if way is Way.PUSH:
            entry |= _push(session, number, entries)
        elif way is Way.NONE or number is None or again or ctx.settings.sms_url is None:
            entry["status"] = "skipped"
        elif not await _may_send(ctx, db, session, number):
            entry["status"] = "failed"
        else:
            entry["delivery_id"] = _enqueue(ctx, db, session, number, merchant, now).id
        entries.append(entry)
    session.publish = entries


async def _may_send(
    ctx: Backend, db: AsyncSession, session: CheckoutSession, number: phonenumbers.PhoneNumber
) -> bool:
    """Count the message. Return False if the number is not valid, if no messages are sent to its
    country, or if there were too many. The session is created all the same."""
    to = e164(number)
    if to is None or not await gets_messages(ctx, db, session, to):
        return False
    try:
        await spend_sms(ctx, db, sms_to(session, to))
    except TooManyRequests:
        return False
    return True


def _push(
    session: CheckoutSession,
    number: phonenumbers.PhoneNumber | None,
    entries: list[dict[str, Any]],
) -> dict[str, str]:
    """Return `{push_to, option}` of a payment to start, else `{status}`. A session has one push at
    most."""
    facts = PushFacts(
        amount=session.amount,
        details_done=session.details_done,
        offers_shipping=bool(session.content.express.shipping_options),
        requires_consent=bool(session.content.required_consents),
        options=session.options,
        minimums=session.minimums or {},
    )
    option = push_option(facts)
    again = any("push_to" in before for before in entries)
    if option is None or number is None or again:
        return {"status": "skipped"}
    to = e164(number)
    if to is None:
        return {"status": "failed"}
    return {"push_to": to, "option": option}


def phone_number(session: CheckoutSession) -> phonenumbers.PhoneNumber | None:
    """Return the customer's phone number, else an address's, else None."""
    written = session.content.phone_number
    if written is None:
        return None
    try:
        return phonenumbers.parse(written, home_of(session))
    except phonenumbers.NumberParseException:
        return phonenumbers.PhoneNumber()


def _enqueue(
    ctx: Backend,
    db: AsyncSession,
    session: CheckoutSession,
    number: phonenumbers.PhoneNumber,
    merchant: str,
    now: datetime,
) -> Delivery:
    to = e164(number)
    assert to is not None  # `_may_send` has checked it
    text = phrases.say(
        spoken(session, number),
        "pay_here",
        merchant=" ".join(merchant.split())[:MAX_NAME],
        link=view_link(ctx.settings.base_url, session.id),
    )
    message = Message(
        account_id=session.account_id,
        subject=session.id,
        method="POST",
        url=f"sms:{to}",
        body={"to": to, "text": text},
        kind="sms",
        event=EVENT,
        session_id=session.id,
        session_event=EVENT,
        useless_after=session.expires_at,
    )
    return enqueue(db, message, now, now)


def spoken(session: CheckoutSession, number: phonenumbers.PhoneNumber) -> str | None:
    """Return the language of a message to this number."""
    hint = session.content.configuration.language
    return phrases.language_of(hint) or language_of_calling_code(number.country_code)


async def shown_publish(db: AsyncSession, session: CheckoutSession) -> list[dict[str, Any]]:
    """Return `{id, channel, type, status}` for each message. `sent`: the gateway has it, or it is
    on its way. `failed`: the gateway refused it. `skipped`: there was nothing to send, or no way to
    send it."""
    ids = [entry["delivery_id"] for entry in session.publish if "delivery_id" in entry]
    states: Mapping[str, str] = {}
    if ids:
        query = select(Delivery.id, Delivery.state).where(col(Delivery.id).in_(ids))
        states = dict((await db.exec(query)).all())
    shown = []
    for entry in session.publish:
        status = entry.get("status")
        if status is None and "delivery_id" in entry:
            status = "failed" if states.get(entry["delivery_id"]) == "failed" else "sent"
        elif status is None:
            status = "sent" if "transaction_id" in entry else "skipped"
        shown.append({key: entry[key] for key in ("id", "channel", "type")} | {"status": status})
    return shown


def push_begun(session: CheckoutSession, push_to: str, transaction_id: str) -> None:
    """Record that the published push has its payment."""
    session.publish = [
        {**entry, "transaction_id": transaction_id} if entry.get("push_to") == push_to else entry
        for entry in session.publish
    ]


def push_failed(session: CheckoutSession, transaction_id: str) -> None:
    """Record that the provider refused the push, if it was a published one."""
    session.publish = [
        {**entry, "status": "failed"} if entry.get("transaction_id") == transaction_id else entry
        for entry in session.publish
    ]


async def note_pushed(
    db: AsyncSession, session: CheckoutSession, transaction_id: str, now: datetime
) -> None:
    """Record in the session's events that the provider has accepted a push, whether published or
    pressed for."""
    entry = next((e for e in session.publish if e.get("transaction_id") == transaction_id), None)
    details = {"channel": "push", "type": "app"} | ({"id": entry["id"]} if entry else {})
    await events.record(db, session, EVENT, now, details)


async def read_publish(ctx: Backend, session_id: str) -> list[dict[str, Any]]:
    async with ctx.db.reading() as db:
        session = await db.get(CheckoutSession, session_id)
        return await shown_publish(db, session) if session is not None else []


async def note_delivered(db: AsyncSession, delivery: Delivery, now: datetime) -> None:
    """Record in the session's events that a message has arrived."""
    if delivery.session_id is None or delivery.session_event is None:
        return
    query = select(CheckoutSession).where(CheckoutSession.id == delivery.session_id)
    session = (await db.exec(query.with_for_update())).one_or_none()
    if session is None:
        return
    details = {}
    if delivery.session_event == CODE_EVENT:
        # Otherwise the payer's side of the session would show whether a number is known.
        await events.record_unseen(db, session, CODE_EVENT, now)
        return
    if delivery.session_event == RECEIPT_SENT:
        details = {"channel": delivery.kind, "transaction_id": delivery.subject}
    elif delivery.kind == "sms":
        entry = next((e for e in session.publish if e.get("delivery_id") == delivery.id), None)
        details = {key: entry[key] for key in ("id", "channel", "type")} if entry else {}
    await events.record(db, session, delivery.session_event, now, details)
