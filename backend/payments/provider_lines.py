"""The order's lines as a provider gets them. Goods have their full price, and what the gift card
pays is one line below zero. If the shop's lines do not sum to the amount, one more line makes up
the difference. So the lines always sum to what the provider is asked for.

A gift card is tender, never a discount: the goods' VAT stays as it is. Its number is in no line.

Source: `docs/architecture.md#money`; `docs/reference/psp/klarna.md#payment-session`.
"""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal
from fractions import Fraction

from backend.core import phrases
from backend.payments.items import items_after, line_names
from backend.payments.tables import Operation, Transaction
from backend.psp.order_lines import with_adjustment
from backend.psp.protocol import OperationKind, OrderLine
from backend.rules.item_totals import rate_of
from backend.rules.order import Item


def order_lines(transaction: Transaction, operation: Operation) -> tuple[OrderLine, ...]:
    """Return lines that sum to the provider's part; none if the order has none.

    They are those of the order when the payer pressed Pay, or of the update of its authorization.
    So a repeated request sends the same lines.
    """
    items = transaction.purchase.items
    if operation.kind == OperationKind.UPDATE and operation.asked.items:
        items = items_after(transaction, operation.asked.items)
    return _whole(transaction, operation, items)


def operation_lines(transaction: Transaction, operation: Operation) -> tuple[OrderLine, ...]:
    """Return lines of a capture or refund that sum to the provider's part; none if the shop named
    none. A repeated request sends the same lines."""
    names = line_names(transaction)
    items = []
    for item in operation.asked.items:
        if "amount" not in item.raw:
            continue
        line = names.line(item)
        known = dict(line.raw) if line is not None else {}
        if line is not None and item.amount != line.amount:
            # The quantity of the whole line is wrong for a part of it.
            known.pop("quantity", None)
        items.append(Item.read({**known, **item.raw}))
    return _whole(transaction, operation, items)


def _whole(
    transaction: Transaction, operation: Operation, items: Iterable[Item]
) -> tuple[OrderLine, ...]:
    lines: tuple[OrderLine, ...] = tuple(map(_line, items))
    if not lines:
        return ()
    language = payers_language(transaction)
    total = operation.card_amount + operation.psp_amount
    lines = with_adjustment(lines, total, phrases.say(language, "adjustment"))
    if operation.card_amount:
        name = phrases.say(language, "gift_card")
        lines = (*lines, OrderLine(name, -operation.card_amount, kind="tender"))
    return lines


def payers_language(transaction: Transaction) -> str:
    """Return the language (a BCP 47 tag) of the page on which the payer pressed Pay."""
    return transaction.purchase.language or "en"


def payers_country(transaction: Transaction) -> str | None:
    """Return the country (ISO 3166-1 alpha-2) of the billing address, or else of the shipping
    address."""
    bought = transaction.purchase
    for address in (bought.billing_address, bought.shipping_address):
        if len(address.country) == 2:
            return address.country.upper()
    return None


def _line(item: Item) -> OrderLine:
    name = item.name or item.line_id or ""
    count = Decimal(str(item.quantity or 1))
    quantity = int(count)
    if quantity != count or quantity < 1:
        # Providers take whole quantities only, and a shop may sell 1.5 m of cloth.
        name, quantity = f"{count} × {name}", 1
    return OrderLine(
        name=name,
        amount=item.amount,
        quantity=quantity,
        vat_rate=_vat_rate(item),
        kind=_kind(item.type or "", item.amount),
        reference=item.id or item.line_id or "",
    )


def _vat_rate(item: Item) -> int:
    """Return the rate in hundredths of a percent: the item's own, or else the one that follows from
    its `vat_amount`; 0 if neither is known."""
    said = rate_of(item.vat)
    if said is not None:
        return int(said * 100)
    vat, amount = item.vat_amount, item.amount
    if vat is None or vat * amount <= 0 or abs(vat) > abs(amount) / 2:
        return 0
    return round(Fraction(vat * 10_000, amount - vat))


def _kind(item_type: str, amount: int) -> str:
    if item_type == "gift_card" and amount < 0:
        # The merchant's own gift card paid this before the order came to us.
        return "tender"
    if item_type == "shipping":
        return "shipping"
    return "goods" if amount >= 0 else "discount"
