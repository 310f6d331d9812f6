"""What the merchant is told about a payment: by the session's `callback_url`, and by webhooks.

Source: `docs/reference/dintero-api.md#callback`, `#webhooks`. The merchant's address has
parameters that control the callback, and keeps them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from urllib.parse import parse_qsl, urlsplit

from sqlmodel.ext.asyncio.session import AsyncSession

from backend.core.clock import iso
from backend.outbox.enqueue import (
    CHECKOUT_AUTHORIZATION,
    Event,
    Message,
    announce,
    enqueue,
    subscribed,
)
from backend.payments.serializer import serialize_transaction
from backend.payments.store import events_of
from backend.payments.tables import Transaction, TransactionEvent
from backend.sessions.links import with_query
from backend.sessions.serializer import serialize_session
from backend.sessions.tables import CheckoutSession

MAX_DELAY = 60
_YES = frozenset({"true", "1", "yes", "on"})
_SENT = {"AUTHORIZED": "AUTH_CALLBACK_SENT", "ON_HOLD": "ON_HOLD_CALLBACK_SENT"}
"""What the session's events say once the callback has arrived."""


@dataclass(frozen=True, slots=True)
class Unpaid:
    """How a payment ended without money: `error` is `cancelled` or `failed`. With `always` the
    merchant is told even if the session's address does not ask for errors."""

    error: str
    always: bool = False


async def tell_merchant(
    db: AsyncSession,
    session: CheckoutSession,
    transaction: Transaction | None,
    now: datetime,
    *,
    event: TransactionEvent | None = None,
    unpaid: Unpaid | None = None,
) -> None:
    """Write a callback in this unit of work if the session asks for it.

    `event` is a capture, refund or void, and `unpaid` the end of a payment without money. Without
    both, the callback tells of an authorization or of a payment on hold.
    """
    authorized = transaction is not None and event is None and unpaid is None
    if authorized and transaction is not None:
        await _announce_authorization(db, transaction, now)
    url = session.content.urls.callback_url
    if not url:
        return
    steering = _steering(url)
    if event is not None and event.event.lower() not in steering.get("report_event", ()):
        return
    if (
        unpaid is not None
        and not unpaid.always
        and not _YES & set(steering.get("report_error", ()))
    ):
        return
    name = "sid" if "sid" in steering.get("sid_parameter_name", ()) else "session_id"
    added = {}
    if transaction is not None:
        added["transaction_id"] = transaction.id
    added[name] = session.id
    added["merchant_reference"] = session.merchant_reference
    added["time"] = iso(now)
    if unpaid is not None:
        added["error"] = unpaid.error
    if event is not None:
        added["event"] = event.event
        added["event_id"] = event.id
    method = "POST" if "post" in steering.get("method", ()) else "GET"
    delay = _delay(steering.get("delay_callback", ()))
    read = transaction is not None and (method == "POST" or (delay and event is not None))
    events = await events_of(db, transaction.id) if transaction is not None and read else []
    body = None
    if method == "POST" and transaction is not None:
        body = serialize_transaction(transaction, events)
        if "session" in steering.get("includes", ()):
            body["session"] = await serialize_session(db, session, now)
    message = Message(
        account_id=session.account_id,
        subject=transaction.id if transaction else session.id,
        method=method,
        url=with_query(url, added),
        body=body,
        event=unpaid.error if unpaid is not None else _name(event),
        session_id=session.id,
        session_event=_SENT.get(transaction.status) if authorized and transaction else None,
    )
    if event is None:
        enqueue(db, message, now, now + delay)
        return
    # A shop asks for a delay so that its order exists when it is called. So the delay counts from
    # the authorization. The microsecond keeps the order of two events of the same moment.
    authorized_at = [one.created_at for one in events if one.event == "AUTHORIZE" and one.success]
    due_at = max([now, *(moment + delay for moment in authorized_at[:1])])
    enqueue(db, message, now + timedelta(microseconds=1), due_at)


def _name(event: TransactionEvent | None) -> str:
    return event.event if event is not None else "AUTHORIZE"


async def _announce_authorization(
    db: AsyncSession, transaction: Transaction, now: datetime
) -> None:
    """Send the body of a callback to the webhooks that subscribed to authorizations."""
    account = transaction.account_id
    hooks = await subscribed(db, account, CHECKOUT_AUTHORIZATION)
    if hooks:
        body = serialize_transaction(transaction, await events_of(db, transaction.id))
        announce(db, hooks, Event(account, CHECKOUT_AUTHORIZATION, transaction.id, body), now)


def _steering(url: str) -> dict[str, list[str]]:
    """Return the parameters of the address with their values, all in lower case. A parameter has
    several values if it is repeated, has commas, or is numbered (`report_event[]`,
    `report_event[0]`). Some shops write `&amp;` for `&`, as in HTML."""
    found: dict[str, list[str]] = {}
    for name, value in parse_qsl(urlsplit(url).query):
        plain = name.strip().lower().removeprefix("amp;").partition("[")[0]
        parts = [part.strip().lower() for part in value.split(",")]
        found.setdefault(plain, []).extend(part for part in parts if part)
    return found


def _delay(values: Sequence[str]) -> timedelta:
    wanted = values[0] if values else ""
    # `²` is a digit that int() refuses, and no parameter of a merchant may keep a payment from
    # ending.
    seconds = int(wanted[:9]) if wanted.isascii() and wanted.isdigit() else 0
    return timedelta(seconds=min(seconds, MAX_DELAY))
