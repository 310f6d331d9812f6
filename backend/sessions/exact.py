"""How answers are written: exactly as the published description of the API has them.

A field without a value is absent and never null. An amount is an integer. A field with a documented
default is always there. The rows keep what was sent, and older rows may hold values that we would
refuse today. So every answer goes through this module.

Source: `docs/reference/dintero-api.md#order`, `#configuration`, `#express`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from backend.rules import countries, numbers

_AMOUNTS = frozenset({"amount", "vat_amount", "gross_amount"})
_TOKENS: Mapping[tuple[str, str], tuple[str, ...]] = {
    ("bambora", "creditcard"): ("generate_payment_token",),
    ("dintero_psp", "creditcard"): ("generate_payment_token",),
    ("dintero_psp", "googlepay"): ("generate_payment_token",),
    ("dintero_psp", "clicktopay"): ("generate_payment_token",),
    ("payex", "creditcard"): ("generate_payment_token", "generate_recurrence_token"),
}
"""Switches of payment options, by type and product. Their default is false."""
_CONFIGURATION: Mapping[str, Any] = {
    "channel": "ecommerce",
    "auto_capture": False,
    "allow_express_wallet_payment": False,
    "allow_different_billing_shipping_address": [],
}
_EXPRESS: Mapping[str, Any] = {
    "shipping_mode": "shipping_required",
    "customer_types": ["b2c", "b2b"],
    "default_different_billing_shipping_address": [],
}
_OWN_EVENTS: Mapping[str, str] = {
    "RECEIPT_SENT": "PUSH_NOTIFICATION_SENT",
    "CONTINUED_ON_PHONE": "VISITED",
}
"""Events that only we know, by the name that clients of the API expect."""
_CARD_TYPES: Mapping[str, str] = {
    "credit": "Credit", "debit": "Debit", "prepaid": "Prepaid", "credit card": "Credit Card",
    "debit card": "Debit Card",
}  # fmt: skip
_BRANDS: Mapping[str, str] = {
    "visa": "Visa", "mastercard": "Mastercard", "amex": "American Express", "jcb": "JCB",
    "unionpay": "UnionPay", "diners": "Diners Club", "discover": "Discover",
    "dankort": "Dankort", "maestro": "Maestro",
}  # fmt: skip
_SHOWN_DIGITS = 4
_LENGTH_OF_A_PAN = 16


def exact(value: Any) -> Any:
    """Return a part of an answer without fields that are null, and with amounts as integers."""
    if isinstance(value, Mapping):
        return {name: _field(name, part) for name, part in value.items() if part is not None}
    if isinstance(value, list | tuple):
        return [exact(part) for part in value]
    return value


def _field(name: str, value: Any) -> Any:
    if name == "metadata" and isinstance(value, Mapping):
        # These are the merchant's own names: an `amount` there may be no amount.
        return {key: part for key, part in value.items() if part is not None}
    if name in _AMOUNTS and isinstance(value, float) and not numbers.has_fraction(value):
        return numbers.nearest(value)
    return exact(value)


def items(lines: Iterable[Any]) -> list[Any]:
    """Return the lines of an order or a transaction with their documented defaults."""
    return [
        {"eligible_for_discount": False, **line} if isinstance(line, Mapping) else line
        for line in lines
    ]


def order(kept: Mapping[str, Any], merchant_reference: str) -> dict[str, Any]:
    """Return an order as an answer has it."""
    shown: dict[str, Any] = {"partial_payment": False, **kept}
    shown["merchant_reference"] = merchant_reference
    if "items" in shown:
        shown["items"] = items(shown["items"])
    return shown


def express(kept: Mapping[str, Any]) -> dict[str, Any]:
    """Return an `express` object with its documented defaults."""
    return {**_EXPRESS, **kept}


def configuration(kept: Mapping[str, Any]) -> dict[str, Any]:
    """Return a configuration with its documented defaults."""
    shown = {**_CONFIGURATION, **kept}
    for (type_, product), switches in _TOKENS.items():
        group = shown.get(type_)
        if isinstance(group, Mapping) and isinstance(group.get(product), Mapping):
            off = dict.fromkeys(switches, False)
            shown[type_] = {**group, product: {**off, **group[product]}}
    return shown


def event_name(name: str) -> dict[str, str]:
    """Return the fields of a session's event that hold its name. An event that only we know gets a
    name that clients expect, and its own name in `own_name`."""
    known = _OWN_EVENTS.get(name)
    return {"name": name} if known is None else {"name": known, "own_name": name}


def card(kept: Mapping[str, Any]) -> dict[str, Any]:
    """Return a payer's bank card as a transaction shows it. `kept` is what the provider
    has told."""
    digits = [char for char in str(kept.get("masked_pan") or "") if char.isdigit()]
    last = "".join(digits[-_SHOWN_DIGITS:])
    brand = str(kept.get("brand") or "")
    shown = {
        **kept,
        "brand": _BRANDS.get(brand.lower(), brand) or None,
        "masked_pan": last.rjust(_LENGTH_OF_A_PAN, "*") if last else None,
        "expiry_date": kept.get("expiry_date") or None,
        "type": _CARD_TYPES.get(str(kept.get("type") or "").lower()),
        "country": _country(kept.get("country")),
    }
    return {name: value for name, value in shown.items() if value is not None}


def _country(code: object) -> str | None:
    """Return a country as its code of three letters (ISO 3166-1), such as NOR."""
    if not isinstance(code, str) or not code.strip():
        return None
    return countries.three_letters(code.strip().upper())
