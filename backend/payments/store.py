"""Transactions as rows: load, lock, position, events."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, TypeVar

from sqlalchemy import ColumnElement, ScalarSelect, and_, func, inspect
from sqlalchemy import select as select_rows
from sqlalchemy.orm import Mapped
from sqlmodel import col, or_, select
from sqlmodel.ext.asyncio.session import AsyncSession

from backend.accounts.profiles import configuration_of, credentials_of, keep_seller, profile_of
from backend.accounts.tables import Account, Profile
from backend.core.clock import iso
from backend.core.context import Backend
from backend.core.due_work import Due, Share, UnderWay
from backend.core.errors import NotFound
from backend.core.ids import new_uuid
from backend.outbox.enqueue import CHECKOUT_TRANSACTION, Event, announce, subscribed
from backend.payments.tables import OPEN_STATES as OPEN_STATES  # the services take it from here
from backend.payments.tables import (
    AutoCapture,
    MonitoredRefund,
    Operation,
    Transaction,
    TransactionEvent,
)
from backend.psp.protocol import Connector
from backend.psp.registry import connect
from backend.rules.money import Money
from backend.rules.order import SessionConfiguration
from backend.rules.transaction import Position, Split
from backend.sessions.events import request_id
from backend.sessions.load import get_session, its_profile, lock_session
from backend.sessions.tables import CheckoutSession

SHARE = Share(maximum=30, tenant=15, addressee=8)
"""For one loop of one process. A provider that does not answer delays only its own payments."""
Claimed = TypeVar("Claimed", Operation, AutoCapture, MonitoredRefund)
_ANNOUNCED = ("INITIALIZE", "AUTHORIZE", "CAPTURE", "REFUND", "VOID")


async def get_transaction(db: AsyncSession, account_id: str, transaction_id: str) -> Transaction:
    """Return a transaction of this account. NotFound for every other id."""
    transaction = await db.get(Transaction, transaction_id)
    if transaction is None or transaction.account_id != account_id:
        raise NotFound("there is no such transaction")
    return transaction


async def lock_transaction(db: AsyncSession, transaction_id: str) -> Transaction:
    """Return the row, locked until the unit of work ends. It is locked after its session, and
    before holds and cards. NotFound."""
    query = select(Transaction).where(Transaction.id == transaction_id).with_for_update()
    query = query.execution_options(populate_existing=True)
    transaction = (await db.exec(query)).one_or_none()
    if transaction is None:
        raise NotFound("there is no such transaction")
    return transaction


async def lock_operation(db: AsyncSession, operation_id: str) -> Operation:
    query = select(Operation).where(Operation.id == operation_id).with_for_update()
    return (await db.exec(query.execution_options(populate_existing=True))).one()


async def open_operation(db: AsyncSession, transaction_id: str) -> Operation | None:
    """Return the transaction's one operation that has not ended, if there is one."""
    query = select(Operation).where(
        Operation.transaction_id == transaction_id, col(Operation.state).in_(OPEN_STATES)
    )
    return (await db.exec(query.execution_options(populate_existing=True))).one_or_none()


@dataclass(frozen=True, slots=True)
class LockedAttempt:
    """A payment attempt. Its rows are locked until the unit of work ends."""

    session: CheckoutSession
    transaction: Transaction
    operation: Operation | None


async def lock_attempt(
    db: AsyncSession, transaction: Transaction, which: ColumnElement[bool]
) -> LockedAttempt:
    """Lock the session of this transaction, then the transaction, then the operation that `which`
    selects, by one statement. The operation is None if there is none.

    PostgreSQL locks in the order of `OF`, and reads a row again after it has waited for it.
    """
    query: Any = (
        select_rows(CheckoutSession, Transaction, Operation, Profile, Account)
        .join(Transaction, col(Transaction.session_id) == col(CheckoutSession.id))
        .join(Operation, col(Operation.transaction_id) == col(Transaction.id))
        .join(Profile, its_profile())
        .join(Account, col(Account.id) == col(CheckoutSession.account_id))
        .where(col(Transaction.id) == transaction.id, which)
        .with_for_update(of=(CheckoutSession, Transaction, Operation))
    )
    found = (await db.exec(query.execution_options(populate_existing=True))).one_or_none()
    if found is not None:
        session, locked, operation, profile, account = found
        keep_seller(db, profile, account)
        return LockedAttempt(session, locked, operation)
    # The operation has ended or was never there. The other two rows are locked nevertheless.
    session = await lock_session(db, transaction.session_id)
    locked = await lock_transaction(db, transaction.id)
    again = select(Operation).where(Operation.transaction_id == transaction.id, which)
    again = again.with_for_update().execution_options(populate_existing=True)
    return LockedAttempt(session, locked, (await db.exec(again)).one_or_none())


def is_open() -> ColumnElement[bool]:
    """Select the one operation of a transaction that has not ended."""
    return col(Operation.state).in_(OPEN_STATES)


def position_of(transaction: Transaction) -> Position:
    t = transaction
    return Position(
        authorized=Split(t.card_authorized, t.psp_authorized),
        captured=Split(t.card_captured, t.psp_captured),
        refunded=Split(t.card_refunded, t.psp_refunded),
        released=Split(t.card_released, t.psp_released),
    )


def keep_position(transaction: Transaction, position: Position, now: datetime) -> None:
    position.check()
    t = transaction
    t.card_authorized, t.psp_authorized = position.authorized.card, position.authorized.provider
    t.card_captured, t.psp_captured = position.captured.card, position.captured.provider
    t.card_refunded, t.psp_refunded = position.refunded.card, position.refunded.provider
    t.card_released, t.psp_released = position.released.card, position.released.provider
    t.updated_at = now


async def connector_of(
    ctx: Backend, transaction: Transaction, db: AsyncSession | None = None
) -> Connector:
    """Return the connector with the credentials of the transaction's profile, even if it is
    deleted. NotConnected if there are none.

    Inside a unit of work pass its `db`: a task that waits for a second connection while it keeps
    its own can wait for ever.
    """
    if db is None:
        async with ctx.db.reading() as reading:
            profile = await profile_of(reading, transaction.account_id, transaction.profile_id)
    else:
        profile = await profile_of(db, transaction.account_id, transaction.profile_id)
    return connector_with(ctx, transaction, profile)


def connector_with(ctx: Backend, transaction: Transaction, profile: Profile) -> Connector:
    """Do what `connector_of` does, for a caller who has read the profile."""
    option = transaction.payment_product_type
    return connect(ctx, option, credentials_of(ctx, profile, option))


def _is_open(
    table: type[Claimed], open_states: Sequence[str], now: datetime
) -> ColumnElement[bool]:
    """Select the rows that have not ended and that nobody has claimed."""
    free = or_(col(table.claimed_until).is_(None), col(table.claimed_until) <= now)
    return and_(col(table.state).in_(open_states), free)


def earliest(
    table: type[Claimed], open_states: Sequence[str], now: datetime
) -> ScalarSelect[datetime]:
    """Return a subquery: the earliest moment at which a row that nobody has claimed is due."""
    query = select_rows(func.min(col(table.due_at)))
    return query.where(_is_open(table, open_states, now)).scalar_subquery()


async def claim_due(
    ctx: Backend,
    under_way: UnderWay,
    table: type[Claimed],
    open_states: Sequence[str],
    until: datetime,
) -> list[tuple[Due, Claimed]]:
    """Claim due rows: a fair share for every account and every provider of it, the longest due
    first. They are ours until the claim ends. Any number of processes may claim at once."""
    if under_way.free <= 0:
        return []
    now = ctx.clock.now()
    key: Mapped[str] = getattr(table, inspect(table).primary_key[0].name)
    due = select(table).where(_is_open(table, open_states, now), col(table.due_at) <= now)
    async with ctx.db.reading() as db:
        if not await under_way.look(db, earliest(table, open_states, now), now):
            return []
        owned = due.join(Transaction, col(Transaction.id) == col(table.transaction_id))
        columns = (
            key,
            col(Transaction.account_id),
            col(Transaction.payment_product_type),
            col(table.due_at),
        )
        chosen = await under_way.choose(db, owned, columns)
    if not chosen:
        return []
    async with ctx.db.unit_of_work() as db:
        locked = due.where(key.in_(chosen)).with_for_update(skip_locked=True)
        found = {str(inspect(row).identity[0]): row for row in await db.exec(locked)}
        for row in found.values():
            row.claimed_until = until
    return [(due, found[key]) for key, due in chosen.items() if key in found]


async def configuration_for(db: AsyncSession, transaction: Transaction) -> SessionConfiguration:
    """Return the configuration of a transaction's session. The session has the last word over its
    profile."""
    session = await get_session(db, transaction.session_id)
    profile = await profile_of(db, transaction.account_id, transaction.profile_id)
    return configuration_of(profile, session.content)


def money(transaction: Transaction, amount: int) -> Money:
    return Money(amount, transaction.currency)


@dataclass(frozen=True, slots=True)
class NewEvent:
    """An event to append. Amounts are in minor units; `card_amount` is the gift card's part."""

    event: str
    amount: int
    success: bool = True
    card_amount: int = 0
    wallet_transaction_id: str | None = None
    gift_card_shown: dict[str, Any] | None = None
    """The card that took the money, if it is another one than the transaction's."""
    reference: str | None = None
    items: list[dict[str, Any]] = field(default_factory=list)
    metadata: dict[str, Any] = field(default_factory=dict)
    error: dict[str, Any] | None = None
    correction: dict[str, Any] | None = None
    """What was reported as done before and is not. It is announced although `success` is false."""
    created_by: str = "checkout"
    request_id: str = field(default_factory=request_id)
    correlation_request_id: str | None = None
    request_headers: dict[str, str] = field(default_factory=dict)
    calculated_vat_amount: int | None = None


async def record(
    db: AsyncSession, transaction: Transaction, happened: NewEvent, now: datetime
) -> TransactionEvent:
    """Append an event with the status that follows it. The caller has locked the transaction's row,
    so `seq` has no gaps and no duplicates: the database numbers it while it writes it."""
    last = select(func.coalesce(func.max(TransactionEvent.seq), 0)).where(
        col(TransactionEvent.transaction_id) == transaction.id
    )
    following: Any = last.scalar_subquery() + 1
    event = TransactionEvent(
        id=new_uuid(),
        account_id=transaction.account_id,
        transaction_id=transaction.id,
        seq=following,
        event=happened.event,
        transaction_status=transaction.status,
        success=happened.success,
        amount=happened.amount,
        card_amount=happened.card_amount,
        wallet_transaction_id=happened.wallet_transaction_id,
        gift_card_shown=happened.gift_card_shown,
        event_reference=happened.reference,
        items=happened.items,
        metadata_=happened.metadata,
        error=happened.error,
        correction=happened.correction,
        request_id=happened.request_id,
        created_by=happened.created_by,
        correlation_request_id=happened.correlation_request_id,
        request_headers=happened.request_headers,
        calculated_vat_amount=happened.calculated_vat_amount,
        created_at=now,
    )
    db.add(event)
    await db.flush()
    if (happened.success or happened.correction) and happened.event in _ANNOUNCED:
        await _announce(db, transaction, now)
    return event


async def _announce(db: AsyncSession, transaction: Transaction, now: datetime) -> None:
    """Source: `docs/reference/dintero-api.md#webhooks`."""
    t = transaction
    hooks = await subscribed(db, t.account_id, CHECKOUT_TRANSACTION)
    body = {
        "transaction": {
            "id": t.id,
            "session_id": t.session_id,
            "merchant_reference": t.merchant_reference,
            "created_at": iso(t.created_at),
            "updated_at": iso(t.updated_at),
            "status": t.status,
        }
    }
    if t.merchant_reference_2 is not None:
        body["transaction"]["merchant_reference_2"] = t.merchant_reference_2
    announce(db, hooks, Event(t.account_id, CHECKOUT_TRANSACTION, t.id, body), now)


async def events_of(db: AsyncSession, transaction_id: str) -> list[TransactionEvent]:
    return (await events_of_all(db, [transaction_id]))[transaction_id]


async def events_of_all(
    db: AsyncSession, transaction_ids: Sequence[str]
) -> dict[str, list[TransactionEvent]]:
    """Return each transaction's events, in order."""
    query = select(TransactionEvent).where(
        col(TransactionEvent.transaction_id).in_(transaction_ids)
    )
    found: dict[str, list[TransactionEvent]] = {id_: [] for id_ in transaction_ids}
    for event in await db.exec(query.order_by(col(TransactionEvent.seq))):
        found[event.transaction_id].append(event)
    return found
