"""List an account's transactions, newest first. Source:
`docs/reference/dintero-api.md#transaction-endpoints`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import ColumnElement, exists, false
from sqlalchemy.orm import Mapped
from sqlmodel import col, or_, select
from sqlmodel.ext.asyncio.session import AsyncSession

from backend.core.errors import FieldError, InvalidRequest
from backend.core.paging import after, newest_first
from backend.payments.search import normal
from backend.payments.tables import Transaction, TransactionEvent, TransactionTerm

_COLUMNS = {
    "id": Transaction.id,
    "session_id": Transaction.session_id,
    "status": Transaction.status,
    "payment_product_type": Transaction.payment_product_type,
    "card_brand": Transaction.card_brand,
    "currency": Transaction.currency,
    "store_id": Transaction.store_id,
    "merchant_reference": Transaction.merchant_reference,
    "merchant_reference_2": Transaction.merchant_reference_2,
    "payment_operation": Transaction.payment_operation,
    "customer_id": Transaction.customer_id,
    "payout_destination_id": Transaction.payout_destination_id,
    "terminal_id": Transaction.terminal_id,
    "channel": Transaction.channel,
}
_NEVER = ("token_id", "payout_correlation_id")
"""Filters that no transaction of ours can match: card tokens and payouts are the provider's."""


@dataclass(frozen=True, slots=True)
class Range:
    """A range. Both ends are included; None leaves an end open."""

    at_least: Any = None
    at_most: Any = None

    def of(self, column: Mapped[Any]) -> list[ColumnElement[bool]]:
        found: list[ColumnElement[bool]] = []
        if self.at_least is not None:
            found.append(column >= self.at_least)
        if self.at_most is not None:
            found.append(column <= self.at_most)
        return found


@dataclass(frozen=True, slots=True)
class TransactionFilter:
    """Which transactions to list. `any_of` has the values of which one must match, by parameter
    name; an empty list sets no condition. `amount` is in minor units."""

    any_of: dict[str, Sequence[str]] = field(default_factory=dict)
    amount: Range = Range()
    created_at: Range = Range()
    captured_at: Range = Range()
    refunded_at: Range = Range()
    search: str | None = None
    limit: int = 10
    starting_after: str | None = None


async def list_transactions(
    db: AsyncSession, account_id: str, sought: TransactionFilter
) -> list[Transaction]:
    """List transactions, newest first. InvalidRequest if `starting_after` is no transaction of this
    account."""
    query = select(Transaction).where(Transaction.account_id == account_id)
    query = query.where(*_conditions(account_id, sought))
    if sought.starting_after is not None:
        query = query.where(await _after(db, account_id, sought.starting_after))
    return list(await db.exec(query.order_by(*newest_first(Transaction)).limit(sought.limit)))


def _conditions(account_id: str, sought: TransactionFilter) -> list[ColumnElement[bool]]:
    found: list[ColumnElement[bool]] = []
    for name, values in sought.any_of.items():
        if not values:
            continue
        if name in _NEVER:
            found.append(false())
        elif name == "payment_product":
            found.append(_product(values))
        elif name == "card_brand":
            found.append(col(Transaction.card_brand).in_([v.lower() for v in values]))
        else:
            found.append(col(_COLUMNS[name]).in_(values))
    found += sought.amount.of(col(Transaction.amount))
    found += sought.created_at.of(col(Transaction.created_at))
    found += _happened("CAPTURE", sought.captured_at)
    found += _happened("REFUND", sought.refunded_at)
    if sought.search is not None:
        found.append(
            exists().where(
                col(TransactionTerm.transaction_id) == col(Transaction.id),
                col(TransactionTerm.account_id) == account_id,
                col(TransactionTerm.term) == normal(sought.search),
            )
        )
    return found


def _product(values: Sequence[str]) -> ColumnElement[bool]:
    column = col(Transaction.payment_product_type)
    return or_(*(or_(column == v, column.startswith(f"{v}.", autoescape=True)) for v in values))


def _happened(event: str, when: Range) -> list[ColumnElement[bool]]:
    """Return the condition for transactions with a successful event of this kind in the range."""
    within = when.of(col(TransactionEvent.created_at))
    if not within:
        return []
    condition = exists().where(
        col(TransactionEvent.transaction_id) == col(Transaction.id),
        col(TransactionEvent.event) == event,
        col(TransactionEvent.success).is_(True),
        *within,
    )
    return [condition]


async def _after(db: AsyncSession, account_id: str, transaction_id: str) -> ColumnElement[bool]:
    last = await db.get(Transaction, transaction_id)
    if last is None or last.account_id != account_id:
        text = "starting_after is no transaction of this account"
        raise InvalidRequest(text, (FieldError("starting_after", text),))
    return after(Transaction, last)
