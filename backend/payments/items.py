"""The lines of a transaction, and what its events took of them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from sqlmodel.ext.asyncio.session import AsyncSession

from backend.core.errors import FieldError, InvalidRequest
from backend.payments.store import events_of
from backend.payments.tables import Transaction, TransactionEvent
from backend.psp.protocol import OperationKind
from backend.rules import item_totals as rules
from backend.rules.item_totals import ItemAmount, ItemRefused, ItemTotals


def taken(items: Iterable[dict[str, Any]]) -> list[ItemAmount]:
    return [ItemAmount(str(item["line_id"]), int(item["amount"])) for item in items]


def amounts(transaction: Transaction) -> dict[str, int]:
    """Each line's amount; the shipping option is a line."""
    found: dict[str, int] = {}
    for item in transaction.snapshot.get("items") or []:
        if item.get("line_id") is not None:
            name = str(item["line_id"])
            found[name] = found.get(name, 0) + int(item.get("amount") or 0)
    return found


def _moved(events: list[TransactionEvent], kind: str) -> ItemTotals:
    back = {id_ for e in events if e.correction for id_ in e.correction["event_ids"]}
    return rules.moved(
        # Of a refund that came back only the gift card's part is still refunded, of no line.
        (e.card_amount, ()) if e.id in back else (e.amount, taken(e.items))
        for e in events
        if e.success and e.event == kind
    )


async def check_items(
    db: AsyncSession, transaction: Transaction, kind: OperationKind, items: list[dict[str, Any]],
    amount: int,
) -> None:  # fmt: skip
    """InvalidRequest, naming the field, where `items` do not fit what is left. The transaction is
    locked, and nothing of it is under way."""
    if not items:
        return
    events = await events_of(db, transaction.id)
    captured = _moved(events, "CAPTURE")
    try:
        if kind is OperationKind.CAPTURE:
            rules.check_capture_items(amounts(transaction), captured, taken(items), amount)
        elif kind is OperationKind.UPDATE:
            rules.check_update_items(captured, taken(items), amount)
        elif kind is OperationKind.REFUND:
            rules.check_refund_items(
                amounts(transaction), captured, _moved(events, "REFUND"), taken(items), amount
            )
    except ItemRefused as refused:
        error = FieldError(refused.field, refused.description)
        raise InvalidRequest(refused.description, (error,)) from refused


def items_after(transaction: Transaction, items: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The transaction's lines once they are `items`: what these do not say of a line that is known
    stays as it was."""
    known = {str(item.get("line_id")): item for item in transaction.snapshot.get("items") or []}
    return [{**known.get(str(item["line_id"]), {}), **item} for item in items]


def vat_of_items(transaction: Transaction, items: list[dict[str, Any]]) -> int | None:
    """The VAT within `items`; None where they do not tell."""
    if not items:
        return None
    rates = {
        str(item["line_id"]): item.get("vat")
        for item in transaction.snapshot.get("items") or []
        if item.get("line_id") is not None
    }
    return rules.vat_of(rates, taken(items))
