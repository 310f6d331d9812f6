"""Write down what is to be sent. The worker sends it after the unit of work is committed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit

from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from backend.core.ids import new_uuid
from backend.outbox.tables import Delivery, HookSubscription

WALLET_TRANSACTION = "wallet_transaction"
CHECKOUT_TRANSACTION = "checkout_transaction"
CHECKOUT_AUTHORIZATION = "checkout_authorization"
CARD_PIN_ATTEMPTS = "wallet_card_pin_attempts"
"""Half of a card's budget of wrong PINs is used up, or the card needs to be unlocked."""
PING = "ping"
RECEIPT = "receipt"
"""The event of an e-mail or SMS to the payer."""


@dataclass(frozen=True, slots=True)
class Message:
    """A message to send. `subject` is the id of what it is about. `body` is None for a GET.
    `session_event` is an event that the session gets once the message is delivered."""

    account_id: str
    subject: str
    method: str
    url: str
    body: dict[str, Any] | None = None
    kind: str = "callback"
    event: str | None = None
    session_id: str | None = None
    session_event: str | None = None
    useless_after: datetime | None = None


@dataclass(frozen=True, slots=True)
class Event:
    """An event to announce. `body` is the event's payload without `account_id`, `event` and
    `event_delivery`."""

    account_id: str
    name: str
    subject: str
    body: dict[str, Any]


def addressee_of(url: str) -> str:
    """Return host and port, without user and password. Return only the scheme of a URL without a
    host."""
    try:
        parts = urlsplit(url)
        host = parts.hostname or parts.scheme
        return f"{host}:{parts.port}"[:300] if parts.port else host[:300]
    except ValueError:
        return ""


def enqueue(db: AsyncSession, message: Message, now: datetime, due_at: datetime) -> Delivery:
    delivery = Delivery(
        id=new_uuid(),
        account_id=message.account_id,
        kind=message.kind,
        event=message.event,
        subject=message.subject,
        method=message.method,
        url=message.url,
        addressee=addressee_of(message.url),
        body=message.body,
        session_id=message.session_id,
        session_event=message.session_event,
        useless_after=message.useless_after,
        due_at=due_at,
        created_at=now,
    )
    db.add(delivery)
    return delivery


async def subscribed(db: AsyncSession, account_id: str, event: str) -> Sequence[HookSubscription]:
    """Return the subscriptions to tell. This is asked first, since most events have none, and once
    in a unit of work."""
    known: Sequence[HookSubscription] | None = db.info.get((HookSubscription, account_id))
    if known is None:
        query = select(HookSubscription).where(
            HookSubscription.account_id == account_id, col(HookSubscription.deleted_at).is_(None)
        )
        known = db.info[(HookSubscription, account_id)] = list(await db.exec(query))
    return [hook for hook in known if event in hook.events]


def announce(
    db: AsyncSession, hooks: Sequence[HookSubscription], event: Event, now: datetime
) -> None:
    """Write one delivery for each hook, in the caller's unit of work. So it is told only if it
    happened."""
    for hook in hooks:
        delivery_id = new_uuid()
        body = {
            **event.body,
            "account_id": event.account_id,
            "event": event.name,
            "event_delivery": delivery_id,
        }
        db.add(
            Delivery(
                id=delivery_id,
                account_id=event.account_id,
                kind="webhook",
                event=event.name,
                subject=event.subject,
                subscription_id=hook.id,
                method="POST",
                url=hook.url,
                addressee=addressee_of(hook.url),
                body=body,
                due_at=now,
                created_at=now,
            )
        )
