"""The items of a transaction, and what its events took of them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlmodel.ext.asyncio.session import AsyncSession

from backend.core.errors import FieldError, InvalidRequest
from backend.payments.store import events_of, setting_of
from backend.payments.tables import Transaction, TransactionEvent
from backend.psp.protocol import OperationKind
from backend.rules import item_totals as rules
from backend.rules.item_totals import ItemAmount, ItemTotals
from backend.rules.items import Advice

STRICT_ITEMS = "strict_items"
"""The switch in the configuration of a profile or session that refuses items that do not fit."""
MAX_WARNINGS = 50
"""How many warnings an answer has at most. More would tell a shop nothing new."""


@dataclass(frozen=True, slots=True)
class Described:
    """The items with which a shop describes the amount of an operation. `unread` tells what of them
    could not be read. `strict` says that the request asks for the strict reading."""

    items: Sequence[Mapping[str, Any]]
    unread: Sequence[Advice] = ()
    strict: bool = False


def item_amounts(items: Iterable[Mapping[str, Any]]) -> list[ItemAmount]:
    """Return what each item takes of the line that the shop names."""
    return [ItemAmount(item.get("line_id"), item.get("amount", 0)) for item in items]


def amounts(transaction: Transaction) -> dict[str, int]:
    """Return the amount of each line (minor units) by its `line_id`. The shipping option is a line
    too."""
    found: dict[str, int] = {}
    for item in _items(transaction):
        if item.get("line_id") is not None:
            name = str(item["line_id"])
            found[name] = found.get(name, 0) + int(item.get("amount") or 0)
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
    strict = said.strict or await setting_of(db, transaction, STRICT_ITEMS) is True
    found = list(said.unread)
    if said.items:
        named = item_amounts(said.items) if strict else _resolved(transaction, said.items)
        events = await events_of(db, transaction.id)
        found += _advice(transaction, events, kind, named, amount)
    elif strict and kind is OperationKind.UPDATE and _items(transaction):
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
        (e.card_amount, ()) if e.id in back else (e.amount, _resolved(transaction, e.items))
        for e in events
        if e.success and e.event == kind
    )


def _resolved(transaction: Transaction, items: Iterable[Mapping[str, Any]]) -> list[ItemAmount]:
    """Return what each item takes of the transaction's line. Some shops give a line another
    `line_id` later. Then the line is the one with the same `id`, if only one has it."""
    lines = line_names(transaction)
    return [ItemAmount(lines.of(item), item.get("amount", 0)) for item in items]


@dataclass(frozen=True, slots=True)
class LineNames:
    """`lines` are the transaction's lines by `line_id`. `by_id` has the `line_id` of each `id`
    that only one line has."""

    lines: Mapping[str, Mapping[str, Any]]
    by_id: Mapping[str, str]

    def of(self, item: Mapping[str, Any]) -> str | None:
        """Return the `line_id` of the transaction's line, or the item's own if there is no such
        line."""
        line_id = item.get("line_id")
        if line_id in self.lines:
            return str(line_id)
        return self.by_id.get(str(item.get("id")), line_id)

    def line(self, item: Mapping[str, Any]) -> Mapping[str, Any]:
        """Return the transaction's line; empty if there is no such line."""
        return self.lines.get(self.of(item) or "", {})


def line_names(transaction: Transaction) -> LineNames:
    lines = {str(i["line_id"]): i for i in _items(transaction) if i.get("line_id") is not None}
    ids = Counter(str(line["id"]) for line in lines.values() if line.get("id"))
    by_id = {
        str(line["id"]): name
        for name, line in lines.items()
        if line.get("id") and ids[str(line["id"])] == 1
    }
    return LineNames(lines, by_id)


def items_after(
    transaction: Transaction, items: Iterable[Mapping[str, Any]]
) -> list[dict[str, Any]]:
    """Return the transaction's lines after they are replaced by `items`. Fields that an item does
    not have are taken from the line that it replaces."""
    lines = line_names(transaction)
    return [{**lines.line(item), **item} for item in items]


def vat_of_items(transaction: Transaction, items: Sequence[Mapping[str, Any]]) -> int | None:
    """Return the VAT within `items` (minor units). The rate is the item's own or else its line's.
    An item without any rate counts with its `vat_amount`. None if an item has neither."""
    if not items:
        return None
    lines, total, parts = line_names(transaction), 0, []
    for item in items:
        said, line = item.get("vat"), lines.line(item)
        rate = said if rules.rate_of(said) is not None else line.get("vat")
        if rules.rate_of(rate) is None and isinstance(item.get("vat_amount"), int):
            total += item["vat_amount"]
        else:
            parts.append((item.get("amount", 0), rate))
    within = rules.vat_within(parts)
    return None if within is None else total + within


def _items(transaction: Transaction) -> list[dict[str, Any]]:
    return transaction.snapshot.get("items") or []
