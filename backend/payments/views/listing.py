"""List an account's transactions, newest first. Source:
`docs/reference/dintero-api.md#transaction-endpoints`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import ColumnElement, and_, exists, literal_column
from sqlalchemy.orm import Mapped
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession
from sqlmodel.sql.expression import SelectOfScalar

from backend.core.errors import FieldError, InvalidRequest
from backend.core.paging import (
    MOST_ALTERNATIVES,
    after,
    comes_after,
    newest_first,
    newest_ids,
)
from backend.payments.search import normal
from backend.payments.tables import (
    USUAL_OPERATION,
    Transaction,
    TransactionEvent,
    TransactionTerm,
)
from backend.rules.payment_option import OWN_PRODUCTS, PRODUCTS

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
_OWN = tuple(f"dintero.{name}" for name in OWN_PRODUCTS)
_NEVER = ("token_id", "payout_correlation_id")
"""Filters that no transaction of ours can match: card tokens and payouts are the provider's."""


@dataclass(frozen=True, slots=True)
class Range:
    """A range. Both ends are included; None leaves an end open."""

    at_least: Any = None
    at_most: Any = None

    def of(self, column: Mapped[Any]) -> list[ColumnElement[bool]]:
        found: list[ColumnElement[bool]] = []
        if self.at_least is not None and self.at_least == self.at_most:
            return [column == self.at_least]
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
    last = None
    if sought.starting_after is not None:
        last = await _last(db, account_id, sought.starting_after)
    chosen = _chosen(sought)
    if any(not values for values in chosen.values()):
        return []
    conditions = [col(Transaction.account_id) == account_id, *_conditions(account_id, sought)]
    apart = _apart(chosen)
    for name, values in chosen.items():
        if name != apart:
            conditions.append(_one_of(name, values))
    query = select(Transaction)
    if sought.search is not None:
        return list(await db.exec(_searched(query, account_id, sought, conditions, last)))
    if last is not None:
        conditions.append(after(Transaction, last))
    if apart is None:
        query = query.where(*conditions)
        return list(await db.exec(query.order_by(*newest_first(Transaction)).limit(sought.limit)))
    alternatives = [_one_of(apart, [value]) for value in chosen[apart]]
    newest = newest_ids(Transaction, conditions, alternatives, sought.limit).subquery()
    query = query.join(newest, newest.c.id == col(Transaction.id))
    return list(await db.exec(query.order_by(*newest_first(Transaction))))


def _chosen(sought: TransactionFilter) -> dict[str, list[str]]:
    """Return the values of which one must match, by column; an empty list if none can."""
    found: dict[str, list[str]] = {}
    for name, values in sought.any_of.items():
        if not values:
            continue
        column, matching = name, list(dict.fromkeys(values))
        if name in _NEVER:
            matching = []
        elif name == "card_brand":
            matching = list(dict.fromkeys(value.lower() for value in values))
        elif name == "payment_product":
            column, matching = "payment_product_type", _types_of(matching)
        if column in found:
            matching = [value for value in matching if value in found[column]]
        found[column] = matching
    return found


def _types_of(products: Sequence[str]) -> list[str]:
    """Return all types of these products, and the products themselves: `vipps` is both."""
    known = (*(f"{type_}.{name}" for type_, names in PRODUCTS.items() for name in names), *_OWN)
    types = [one for product in products for one in known if one.startswith(f"{product}.")]
    return list(dict.fromkeys([*products, *types]))


def _apart(chosen: dict[str, list[str]]) -> str | None:
    """Return the filter whose values are read one by one, each by its index. None if no filter has
    several values, or if ids say which few transactions are meant."""
    if "id" in chosen or "session_id" in chosen:
        return None
    several = (name for name, values in chosen.items() if 1 < len(values) <= MOST_ALTERNATIVES)
    return next(several, None)


def _one_of(name: str, values: Sequence[str]) -> ColumnElement[bool]:
    column = col(_COLUMNS[name])
    condition = column == values[0] if len(values) == 1 else column.in_(values)
    if name == "payment_operation" and USUAL_OPERATION not in values:
        # In the text of the statement, so that the index of the unusual ones is known to fit.
        unusual = column != literal_column(f"'{USUAL_OPERATION}'")
        return and_(condition, unusual)
    return condition


def _searched(
    query: SelectOfScalar[Transaction],
    account_id: str,
    sought: TransactionFilter,
    conditions: Sequence[ColumnElement[bool]],
    last: Transaction | None,
) -> SelectOfScalar[Transaction]:
    """Select the transactions that have the term, in the order of the index of terms."""
    term = TransactionTerm
    order = col(term.created_at), col(term.transaction_id)
    query = (
        query.join(term, col(term.transaction_id) == col(Transaction.id))
        .where(term.account_id == account_id, term.term == normal(sought.search or ""))
        .where(*conditions)
    )
    if last is not None:
        query = query.where(comes_after(order, last))
    return query.order_by(*(column.desc() for column in order)).limit(sought.limit)


def _conditions(account_id: str, sought: TransactionFilter) -> list[ColumnElement[bool]]:
    found = sought.amount.of(col(Transaction.amount))
    found += sought.created_at.of(col(Transaction.created_at))
    found += _happened(account_id, "CAPTURE", sought.captured_at)
    found += _happened(account_id, "REFUND", sought.refunded_at)
    return found


def _happened(account_id: str, event: str, when: Range) -> list[ColumnElement[bool]]:
    """Return the condition for transactions with a successful event of this kind in the range."""
    within = when.of(col(TransactionEvent.created_at))
    if not within:
        return []
    condition = exists().where(
        col(TransactionEvent.transaction_id) == col(Transaction.id),
        col(TransactionEvent.account_id) == account_id,
        # In the text of the statement, so that the index of these events is known to fit.
        col(TransactionEvent.event) == literal_column(f"'{event}'"),
        col(TransactionEvent.success).is_(True),
        *within,
    )
    return [condition]


async def _last(db: AsyncSession, account_id: str, transaction_id: str) -> Transaction:
    last = await db.get(Transaction, transaction_id)
    if last is None or last.account_id != account_id:
        text = "starting_after must be the id of a transaction of this account"
        raise InvalidRequest(text, (FieldError("starting_after", text),))
    return last
