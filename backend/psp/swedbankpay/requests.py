"""What we send to Swedbank Pay: the language and lines of an order, and later operations. Pure.

Source: `docs/reference/psp/swedbankpay.md#creating-an-order`, `#operations-after-the-payment`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from backend.psp.order_lines import rate_of, tax_of, whole_units
from backend.psp.protocol import Lines, OperationKind, OrderLine
from backend.rules.money import Money

_LANGUAGES = {
    "da": "da-DK",
    "de": "de-DE",
    "en": "en-US",
    "es": "es-ES",
    "fi": "fi-FI",
    "fr": "fr-FR",
    "nb": "nb-NO",
    "nn": "nb-NO",
    "no": "nb-NO",
    "pl": "pl-PL",
    "sv": "sv-SE",
}
_TYPES = {
    "goods": ("PRODUCT", "Goods"),
    "shipping": ("SHIPPING_FEE", "Shipping"),
    "discount": ("DISCOUNT", "Discount"),
    "adjustment": ("OTHER", "Adjustment"),
}
"""The type and class of a line, by its kind."""
_MAX_LINES = 1000


@dataclass(frozen=True, slots=True)
class Move:
    """An operation after the payment. `amount` is None for all that is left."""

    kind: OperationKind
    amount: Money | None
    key: str
    description: str
    lines: Lines = ()


def language(tag: str) -> str:
    """Return the page's language if Swedbank Pay has it, or else English."""
    return _LANGUAGES.get(tag.lower().split("-")[0], "en-US")


def described(lines: Sequence[OrderLine], amount: int, name: str) -> dict[str, Any]:
    """Return `vatAmount` and `orderItems` of an amount (minor units). They always sum to it.

    One line called `name` replaces lines that do not sum, and lines of which a gift card pays a
    part: no source says that Swedbank Pay accepts tender as a line below zero.
    """
    made = [_line(number, line) for number, line in enumerate(lines, 1)]
    vat = sum(int(line["vatAmount"]) for line in made)
    sums = sum(line.amount for line in lines) == amount
    whole = not any(line.kind == "tender" for line in lines)
    if not (sums and whole and 0 <= vat <= amount and len(lines) <= _MAX_LINES):
        made, vat = [_line(1, OrderLine(name, amount))], 0
    return {"vatAmount": vat, "orderItems": made}


def _line(number: int, line: OrderLine) -> dict[str, Any]:
    line = whole_units(line)
    rate = rate_of(line)
    kind, group = _TYPES.get(line.kind, _TYPES["goods"])
    return {
        "reference": (line.reference or f"line-{number}")[:50],
        "name": (line.name or "Order")[:100],
        "type": kind,
        "class": group,
        "quantity": line.quantity,
        "quantityUnit": "pcs",
        "unitPrice": line.amount // line.quantity,
        "vatPercent": rate,
        "amount": line.amount,
        "vatAmount": tax_of(line.amount, rate),
    }
