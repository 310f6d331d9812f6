"""The items of a transaction, and what its events took of them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlmodel.ext.asyncio.session import AsyncSession

from backend.core.errors import FieldError, InvalidRequest
from backend.payments.store import configuration_for, events_of
from backend.payments.tables import Transaction, TransactionEvent
from backend.psp.protocol import OperationKind
from backend.rules import item_totals as rules
from backend.rules.item_totals import ItemAmount, ItemTotals
from backend.rules.items import Advice
from backend.rules.order import Item

MAX_WARNINGS = 50
"""How many warnings an answer has at most. More would tell a shop nothing new."""


@dataclass(frozen=True, slots=True)
class Described:
    """The items with which a shop describes the amount of an operation. `unread` tells what of them
    could not be read. `strict` says that the request asks for the strict reading."""

    items: Sequence[Mapping[str, Any]]
    unread: Sequence[Advice] = ()
    strict: bool = False


def item_amounts(items: Iterable[Item]) -> list[ItemAmount]:
    """Return what each item takes of the line that the shop names."""
    return [ItemAmount(item.line_id, item.amount) for item in items]


def amounts(transaction: Transaction) -> dict[str, int]:
    """Return the amount of each line (minor units) by its `line_id`. The shipping option is a line
    too."""
    found: dict[str, int] = {}
    for item in transaction.purchase.items:
        if item.line_id is not None:
            found[item.line_id] = found.get(item.line_id, 0) + item.amount
    return found


async def check_items(
    db: AsyncSession, transaction: Transaction, kind: OperationKind, said: Described, amount: int
) -> list[Advice]:
    """Return what is odd about the items of an operation of `amount` (minor units). Items only
    describe the amount, so the operation continues. If the request, the session or the profile asks
    for the strict reading, InvalidRequest names the first field instead. The caller has locked the
    transaction, and no operation of it is under way."""
    if not (said.items or said.unread or kind is OperationKind.UPDATE):
        return []
    strict = said.strict or (await configuration_for(db, transaction)).strict_items is True
    found = list(said.unread)
    if said.items:
        items = tuple(map(Item.read, said.items))
        named = item_amounts(items) if strict else _resolved(transaction, items)
        events = await events_of(db, transaction.id)
        found += _advice(transaction, events, kind, named, amount)
    elif strict and kind is OperationKind.UPDATE and transaction.purchase.items:
        text = "items are needed, because the transaction has items"
        found.append(Advice("items_missing", "items", text))
    if strict and found:
        first = found[0]
        raise InvalidRequest(first.message, (FieldError(first.field, first.message, first.code),))
    return found[:MAX_WARNINGS]


def _advice(
    transaction: Transaction,
    events: Sequence[TransactionEvent],
    kind: OperationKind,
    named: Sequence[ItemAmount],
    amount: int,
) -> list[Advice]:
    captured = _totals(transaction, events, "CAPTURE")
    if kind is OperationKind.CAPTURE:
        return rules.capture_advice(amounts(transaction), captured, named, amount)
    if kind is OperationKind.UPDATE:
        return rules.update_advice(captured, named, amount)
    if kind is OperationKind.REFUND:
        refunded = _totals(transaction, events, "REFUND")
        return rules.refund_advice(amounts(transaction), captured, refunded, named, amount)
    return []


def _totals(transaction: Transaction, events: Sequence[TransactionEvent], kind: str) -> ItemTotals:
    back = {id_ for e in events if e.correction for id_ in e.correction["event_ids"]}
    return rules.add_up(
        # After a reversal only the gift card's part of a refund is still refunded. Which lines that
        # part belongs to, nobody knows.
        (e.card_amount, ())
        if e.id in back
        else (e.amount, _resolved(transaction, map(Item.read, e.items)))
        for e in events
        if e.success and e.event == kind
    )


def _resolved(transaction: Transaction, items: Iterable[Item]) -> list[ItemAmount]:
    """Return what each item takes of the transaction's line. Some shops give a line another
    `line_id` later. Then the line is the one with the same `id`, if only one has it."""
    lines = line_names(transaction)
    return [ItemAmount(lines.of(item), item.amount) for item in items]


@dataclass(frozen=True, slots=True)
class LineNames:
    """`lines` are the transaction's lines by `line_id`. `by_id` has the `line_id` of each `id`
    that only one line has."""

    lines: Mapping[str, Item]
    by_id: Mapping[str, str]

    def of(self, item: Item) -> str | None:
        """Return the `line_id` of the transaction's line, or the item's own if there is no such
        line."""
        if item.line_id in self.lines or item.id is None:
            return item.line_id
        return self.by_id.get(item.id, item.line_id)

    def line(self, item: Item) -> Item | None:
        """Return the transaction's line; None if there is no such line."""
        return self.lines.get(self.of(item) or "")


def line_names(transaction: Transaction) -> LineNames:
    lines = {i.line_id: i for i in transaction.purchase.items if i.line_id is not None}
    ids = Counter(line.id for line in lines.values())
    by_id = {
        line.id: name for name, line in lines.items() if line.id is not None and ids[line.id] == 1
    }
    return LineNames(lines, by_id)


def items_after(transaction: Transaction, items: Iterable[Item]) -> tuple[Item, ...]:
    """Return the transaction's lines after they are replaced by `items`. Fields that an item does
    not have are taken from the line that it replaces."""
    lines = line_names(transaction)
    known = [(lines.line(item), item) for item in items]
    return tuple(
        Item.read({**line.raw, **item.raw}) if line is not None else item for line, item in known
    )


def vat_of_items(transaction: Transaction, items: Sequence[Item]) -> int | None:
    """Return the VAT within `items` (minor units). The rate is the item's own or else its line's.
    An item without any rate counts with its `vat_amount`. None if an item has neither."""
    if not items:
        return None
    lines, total, parts = line_names(transaction), 0, []
    for item in items:
        line = lines.line(item)
        rate = item.vat if rules.rate_of(item.vat) is not None else (line.vat if line else None)
        if rules.rate_of(rate) is None and item.vat_amount is not None:
            total += item.vat_amount
        else:
            parts.append((item.amount, rate))
    within = rules.vat_within(parts)
    return None if within is None else total + within
