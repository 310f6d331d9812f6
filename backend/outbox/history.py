"""What was sent to a merchant, attempt by attempt, and how it is sent again. Receipts to payers are
included, since the merchant asked for them. Links to a checkout by SMS are not shown: they belong
to the payer. The endpoints are ours; see docs/webhooks.md."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sqlalchemy import literal_column
from sqlmodel import col, or_, select
from sqlmodel.ext.asyncio.session import AsyncSession

from backend.core.clock import iso
from backend.core.context import Backend
from backend.core.errors import Conflict, FieldError, InvalidRequest, NotFound
from backend.core.paging import after, newest_first, newest_ids
from backend.outbox.enqueue import RECEIPT, WALLET_TRANSACTION
from backend.outbox.tables import Delivery, DeliveryAttempt, HookSubscription

SHOWN = ("callback", "webhook", "email")


@dataclass(frozen=True, slots=True)
class Sight:
    """Whose deliveries the caller may see, and which of them: those of `wallets`, of `checkout`."""

    account_id: str
    checkout: bool
    wallets: bool

    def sees(self, delivery: Delivery) -> bool:
        shown = delivery.kind in SHOWN or delivery.event == RECEIPT
        own = delivery.account_id == self.account_id and shown
        return own and (self.wallets if delivery.event == WALLET_TRANSACTION else self.checkout)


@dataclass(frozen=True, slots=True)
class DeliveryFilter:
    """Which deliveries to list. `subject` is the transaction, session or wallet transaction that it
    is about."""

    limit: int
    starting_after: str | None = None
    subject: str | None = None
    subscription_id: str | None = None
    state: str | None = None
    kind: str | None = None


async def list_deliveries(db: AsyncSession, sight: Sight, wanted: DeliveryFilter) -> list[Delivery]:
    """List deliveries, newest first."""
    conditions = [col(Delivery.account_id) == sight.account_id]
    about_wallets = col(Delivery.event).is_not_distinct_from(WALLET_TRANSACTION)
    if not sight.wallets:
        conditions.append(~about_wallets)
    if not sight.checkout:
        conditions.append(about_wallets)
    if wanted.kind not in (*SHOWN, None):
        conditions.append(col(Delivery.kind) == wanted.kind)
    for name in ("subscription_id", "state"):
        value = getattr(wanted, name)
        if value is not None:
            conditions.append(getattr(Delivery, name) == value)
    shown = [col(Delivery.kind) == kind for kind in SHOWN if wanted.kind in (kind, None)]
    if wanted.kind not in SHOWN:
        # In the text of the statement, so that the index of receipts is known to fit.
        shown.append(col(Delivery.event) == literal_column(f"'{RECEIPT}'"))
    alternatives = shown
    if wanted.subject is not None:
        conditions.append(or_(*shown))
        subjects = (Delivery.subject, Delivery.session_id)
        alternatives = [col(subject) == wanted.subject for subject in subjects]
    if wanted.starting_after is not None:
        last = await db.get(Delivery, wanted.starting_after)
        if last is None or not sight.sees(last):
            text = "there is no such delivery"
            raise InvalidRequest(text, (FieldError("starting_after", text),))
        conditions.append(after(Delivery, last))
    newest = newest_ids(Delivery, conditions, alternatives, wanted.limit).subquery()
    query = select(Delivery).join(newest, newest.c.id == col(Delivery.id))
    return list(await db.exec(query.order_by(*newest_first(Delivery))))


async def get_delivery(db: AsyncSession, sight: Sight, delivery_id: str) -> Delivery:
    delivery = await db.get(Delivery, delivery_id)
    if delivery is None or not sight.sees(delivery):
        raise NotFound("there is no such delivery")
    return delivery


async def attempts_of(db: AsyncSession, delivery_id: str) -> list[DeliveryAttempt]:
    query = select(DeliveryAttempt).where(DeliveryAttempt.delivery_id == delivery_id)
    order = (col(DeliveryAttempt.started_at), col(DeliveryAttempt.id))
    return list(await db.exec(query.order_by(*order)))


async def redeliver(ctx: Backend, sight: Sight, delivery_id: str) -> Delivery:
    """Make the same message due now, with its full number of attempts, whatever became of it
    before. It is signed again. Conflict if its subscription is deleted."""
    now = ctx.clock.now()
    async with ctx.db.unit_of_work() as db:
        await get_delivery(db, sight, delivery_id)
        delivery = await db.get(Delivery, delivery_id, with_for_update=True, populate_existing=True)
        assert delivery is not None  # deliveries are never deleted
        if delivery.subscription_id is not None:
            hook = await db.get(HookSubscription, delivery.subscription_id)
            if hook is None or hook.deleted_at is not None:
                raise Conflict("the subscription of this delivery is deleted")
        if delivery.state == "delivered":
            # The session's event for its arrival exists already.
            delivery.session_event = None
        delivery.state = "pending"
        delivery.due_at = now
        delivery.delivered_at = None
        delivery.tries_before = delivery.tries
    return delivery


def serialize_delivery(
    delivery: Delivery, tries: list[DeliveryAttempt] | None = None
) -> dict[str, Any]:
    shape: dict[str, Any] = {
        "id": delivery.id,
        "kind": delivery.kind,
        "state": delivery.state,
        "subject": delivery.subject,
        "request": {"method": delivery.method, "url": delivery.url},
        "tries_count": delivery.tries,
        "created_at": iso(delivery.created_at),
    }
    optional = {
        "event": delivery.event,
        "subscription_id": delivery.subscription_id,
        "session_id": delivery.session_id,
        "delivered_at": iso(delivery.delivered_at) if delivery.delivered_at else None,
        "next_try_at": iso(delivery.due_at) if delivery.state == "pending" else None,
    }
    shape |= {key: value for key, value in optional.items() if value is not None}
    if tries is not None:
        if delivery.body is not None:
            shape["request"]["body"] = delivery.body
        shape["tries"] = [_serialize_attempt(one) for one in tries]
    return shape


def _serialize_attempt(one: DeliveryAttempt) -> dict[str, Any]:
    shape: dict[str, Any] = {
        "id": one.id,
        "started_at": iso(one.started_at),
        "duration_ms": one.duration_ms,
        "request": {"method": one.method, "url": one.url, "headers": one.request_headers},
    }
    if one.status_code is not None:
        shape["response"] = {"status": one.status_code, "body": one.response_body or ""}
    if one.error is not None:
        shape["error"] = one.error
    return shape
