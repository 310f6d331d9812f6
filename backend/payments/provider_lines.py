"""The order's lines as a provider gets them: what is bought at its full price, and what the gift
card pays of it as one line below zero, so that they sum to what is asked for.

A gift card is tender, never a discount: the goods' VAT stays as it is. Its number is in no line.

Source: `docs/architecture.md#money`; `docs/reference/psp/klarna.md#payment-session`.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from backend.core import phrases
from backend.payments.items import items_after
from backend.payments.tables import Operation, Transaction
from backend.psp.protocol import OperationKind, OrderLine


def order_lines(transaction: Transaction, operation: Operation) -> tuple[OrderLine, ...]:
    """Lines that sum to the provider's part; none where the order's own do not sum to its amount.

    Of the order as it was when the payer pressed Pay, or as the update of its authorization says,
    so the same however often it is asked.
    """
    items = transaction.snapshot.get("items") or []
    if operation.kind == OperationKind.UPDATE and operation.request["items"]:
        items = items_after(transaction, operation.request["items"])
    lines = [_line(item) for item in items]
    total = operation.card_amount + operation.psp_amount
    if not lines or sum(line.amount for line in lines) != total:
        return ()
    if operation.card_amount:
        name = phrases.say(payers_language(transaction), "gift_card")
        lines.append(OrderLine(name, -operation.card_amount, kind="tender"))
    return tuple(lines)


def payers_language(transaction: Transaction) -> str:
    """A BCP 47 tag: of the page on which the payer pressed Pay."""
    return str(transaction.snapshot.get("language") or "en")


def payers_country(transaction: Transaction) -> str | None:
    """ISO 3166-1 alpha-2, of the billing address, else of the shipping address."""
    for name in ("billing_address", "shipping_address"):
        country = (transaction.snapshot.get(name) or {}).get("country")
        if isinstance(country, str) and len(country) == 2:
            return country.upper()
    return None


def _line(item: Mapping[str, Any]) -> OrderLine:
    amount = int(item.get("amount") or 0)
    name = str(item.get("description") or item.get("id") or item.get("line_id") or "")
    count = Decimal(str(item.get("quantity") or 1))
    quantity = int(count)
    if quantity != count or quantity < 1:
        # 1.5 m of cloth: a provider counts in whole ones.
        name, quantity = f"{count} × {name}", 1
    return OrderLine(
        name=name,
        amount=amount,
        quantity=quantity,
        vat_rate=int(Decimal(str(item.get("vat") or 0)) * 100),
        kind=_kind(str(item.get("type") or ""), amount),
        reference=str(item.get("id") or item.get("line_id") or ""),
    )


def _kind(item_type: str, amount: int) -> str:
    if item_type == "gift_card" and amount < 0:
        # The merchant's own gift card, settled before the order came to us.
        return "tender"
    if item_type == "shipping":
        return "shipping"
    return "goods" if amount >= 0 else "discount"
