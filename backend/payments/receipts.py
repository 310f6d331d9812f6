"""The receipt of a payment. It is written once, in the unit of work of the authorization.

Its facts stay as they were then. The merchant's switches (`configuration.receipt`,
docs/profiles.md) say whether it is sent, by e-mail or SMS. Each message is a row here and a
delivery, in the same unit of work. So there is exactly one message or none, even if a process is
killed afterwards.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from sqlmodel.ext.asyncio.session import AsyncSession

from backend.accounts.profiles import configuration_of, seller_of
from backend.cards.tables import Card
from backend.core.clock import iso
from backend.core.context import Backend
from backend.outbox.enqueue import RECEIPT, Message, enqueue
from backend.payments.tables import (
    MAX_LANGUAGE,
    Operation,
    ReceiptKept,
    ReceiptMessage,
    Transaction,
)
from backend.receipts import mail
from backend.receipts.facts import GiftCardPart, Later, Line, OtherPart, Receipt
from backend.rules.countries import zone_of_currency
from backend.rules.order import Item, Merchant
from backend.rules.transaction import Status
from backend.sessions.phones import e164
from backend.sessions.publish import RECEIPT_SENT, phone_number
from backend.sessions.read import read_view as read_session
from backend.sessions.tables import CheckoutSession
from backend.sessions.view import CheckoutView, PageState, ReceiptView


async def write_receipt(
    db: AsyncSession,
    session: CheckoutSession,
    transaction: Transaction,
    operation: Operation,
    now: datetime,
) -> None:
    """Write the receipt in the unit of work of the authorization, with session and transaction
    locked."""
    profile, account = await seller_of(db, session.account_id, session.profile_id)
    switches = configuration_of(profile, session.content).receipt
    await db.flush()
    facts = await _facts(db, session, transaction, operation, now)
    merchant = Merchant.of(account.name, profile.merchant, session.content.merchant)
    facts = replace(facts, merchant=mail.one_line(merchant.name))
    if switches.time_zone is not None:
        facts = replace(facts, time_zone=switches.time_zone)
    # The page sends one of our languages. By API it may be any text, which must not stop a payment.
    language = transaction.purchase.language[:MAX_LANGUAGE]
    db.add(
        ReceiptKept(
            transaction_id=transaction.id, facts=facts.as_json(), language=language, created_at=now
        )
    )
    await db.flush()
    for channel, wanted, find in (
        ("email", switches.email, _mail_address),
        ("sms", switches.sms, _sms_number),
    ):
        if wanted:
            await _send(db, session, facts, language, _Recipient(channel, *find(session)), now)


async def _facts(
    db: AsyncSession,
    session: CheckoutSession,
    transaction: Transaction,
    operation: Operation,
    now: datetime,
) -> Receipt:
    order = session.content.order
    shipping = order.shipping_option
    other = None
    if operation.psp_amount:
        shown = _bank_card(transaction.payment_card)
        other = OtherPart(transaction.payment_product_type, operation.psp_amount, shown)
    return Receipt(
        account_id=session.account_id,
        session_id=session.id,
        transaction_id=transaction.id,
        merchant="",
        reference=mail.one_line(transaction.merchant_reference),
        currency=transaction.currency,
        amount=transaction.amount,
        vat_amount=order.vat_amount,
        shipping_amount=shipping.amount if shipping else None,
        shipping_title=mail.one_line(shipping.title) if shipping and shipping.title else None,
        lines=tuple(map(_line, order.items)),
        gift_card=await _gift_card(db, transaction, operation.card_amount),
        other=other,
        paid_at=iso(now),
        time_zone=zone_of_currency(transaction.currency),
    )


def _line(item: Item) -> Line:
    return Line(
        description=mail.one_line(item.name),
        quantity=item.shown_quantity,
        amount=item.amount,
        vat=item.shown_vat,
    )


async def _gift_card(db: AsyncSession, transaction: Transaction, part: int) -> GiftCardPart | None:
    if transaction.gift_card is None or not part:
        return None
    card = await db.get(Card, transaction.gift_card, populate_existing=True)
    assert card is not None  # a foreign key guarantees it
    return GiftCardPart(
        last4=card.number_last4,
        amount=part,
        left=card.available,
        expires_at=iso(card.expires_at) if card.expires_at else None,
    )


def _bank_card(card: Mapping[str, Any] | None) -> str | None:
    """Return brand and last four, for example `Visa •••• 0002`."""
    if not card:
        return None
    digits = "".join(c for c in str(card.get("masked_pan") or "") if c.isdigit())[-4:]
    brand = mail.one_line(str(card.get("brand") or ""))
    brand = brand[:1].upper() + brand[1:]
    return " ".join(part for part in (brand, f"•••• {digits}" if digits else "") if part) or None


# --- to whom -----------------------------------------------------------------------------------


def _mail_address(session: CheckoutSession) -> tuple[str | None, str]:
    written = session.content.email
    if written is None:
        return None, "no e-mail address is known"
    found = mail.address(written)
    return found, "" if found else "not an e-mail address"


def _sms_number(session: CheckoutSession) -> tuple[str | None, str]:
    number = phone_number(session)
    if number is None:
        return None, "no phone number is known"
    to = e164(number)
    return to, "" if to is not None else "not a phone number"


@dataclass(frozen=True, slots=True)
class _Recipient:
    """Where a receipt goes by `channel`, and why it goes nowhere if it cannot."""

    channel: str
    to: str | None
    why: str


async def _send(
    db: AsyncSession,
    session: CheckoutSession,
    facts: Receipt,
    language: str,
    recipient: _Recipient,
    now: datetime,
) -> None:
    channel, to = recipient.channel, recipient.to
    delivery_id = None
    if to is not None:
        message = Message(
            account_id=session.account_id,
            subject=facts.transaction_id,
            method="MAIL" if channel == "email" else "POST",
            url=f"{'mailto' if channel == 'email' else 'sms'}:{to}",
            body={"to": to, "language": language, "receipt": facts.as_json()},
            kind=channel,
            event=RECEIPT,
            session_id=session.id,
            session_event=RECEIPT_SENT,
        )
        delivery_id = enqueue(db, message, now, now).id
        await db.flush()
    db.add(
        ReceiptMessage(
            transaction_id=facts.transaction_id,
            channel=channel,
            delivery_id=delivery_id,
            why=recipient.why or None,
            created_at=now,
        )
    )


# --- to read -----------------------------------------------------------------------------------


async def read_view(ctx: Backend, session_id: str) -> CheckoutView:
    """Return what the page shows of a session. If it is paid, the receipt is included.
    SessionNotFound."""
    view = await read_session(ctx, session_id)
    if view.state is not PageState.PAID or view.transaction_id is None:
        return view
    async with ctx.db.reading() as db:
        kept = await db.get(ReceiptKept, view.transaction_id)
        transaction = await db.get(Transaction, view.transaction_id)
    if kept is None or transaction is None:
        # It was paid before there were receipts.
        return view
    later = Later(
        refunded=transaction.card_refunded + transaction.psp_refunded,
        cancelled=transaction.status == Status.AUTHORIZATION_VOIDED,
    )
    return replace(view, receipt=ReceiptView(Receipt.from_json(kept.facts), later))
