"""An order's amounts and lines, as Klarna checks them.

Source: `docs/reference/psp/klarna.md#payment-session`.
"""

from __future__ import annotations

import re

from sandbox.common.storage import Json
from sandbox.klarna.world import World, bad_value, whole

_TYPES = frozenset(
    {
        "physical",
        "discount",
        "shipping_fee",
        "sales_tax",
        "digital",
        "gift_card",
        "store_credit",
        "surcharge",
    }
)
_CURRENCIES = {
    "NO": "NOK",
    "SE": "SEK",
    "DK": "DKK",
    "GB": "GBP",
    "CH": "CHF",
    "PL": "PLN",
    "US": "USD",
    "FI": "EUR",
    "DE": "EUR",
    "AT": "EUR",
    "NL": "EUR",
    "BE": "EUR",
    "FR": "EUR",
    "ES": "EUR",
    "IT": "EUR",
    "PT": "EUR",
}
_FAR = 200_000_000


def checked_order(world: World, body: Json) -> Json:
    """Return the part of a request that says what is bought. ApiError `BAD_VALUE` names what is
    wrong."""
    country = body.get("purchase_country")
    if country not in _CURRENCIES:
        raise bad_value("purchase_country")
    currency = body.get("purchase_currency")
    if currency != _CURRENCIES[country]:
        raise bad_value("purchase_currency")
    checked_lines(body)
    amount = body["order_amount"]
    if amount < int(world.setting("minimum")) or world.is_too_large(amount):
        raise bad_value("order_amount")
    kept = ("purchase_country", "purchase_currency", "order_amount", "order_lines")
    return {name: body[name] for name in kept} | {
        "order_tax_amount": body.get("order_tax_amount", 0),
        "locale": checked_locale(body.get("locale")),
    }


def checked_lines(body: Json) -> None:
    """Raise `BAD_VALUE` unless the lines are complete and sum to `order_amount`."""
    amount = whole(body, "order_amount", 0)
    lines = body.get("order_lines")
    if not isinstance(lines, list) or not 1 <= len(lines) <= 1000:
        raise bad_value("order_lines")
    for number, line in enumerate(lines):
        _check_line(line, f"order_lines[{number}]")
    if sum(line["total_amount"] for line in lines) != amount:
        raise bad_value("order_amount")
    if "order_tax_amount" in body:
        tax = whole(body, "order_tax_amount", 0)
        if tax != sum(line.get("total_tax_amount", 0) for line in lines):
            raise bad_value("order_tax_amount")


def checked_locale(locale: object) -> str:
    if locale is None:
        return "en-US"
    if not isinstance(locale, str) or not re.fullmatch(r"[a-z]{2}-[A-Z]{2}", locale):
        raise bad_value("locale")
    return locale


def _check_line(line: object, where: str) -> None:
    if not isinstance(line, dict):
        raise bad_value(where)
    name = line.get("name")
    if not isinstance(name, str) or not 1 <= len(name) <= 255:
        raise bad_value(f"{where}.name")
    if line.get("type", "physical") not in _TYPES:
        raise bad_value(f"{where}.type")
    reference = line.get("reference", "")
    if not isinstance(reference, str) or len(reference) > 255:
        raise bad_value(f"{where}.reference")
    quantity = _part(line, "quantity", where, minimum=0)
    unit = _part(line, "unit_price", where)
    total = _part(line, "total_amount", where)
    discount = _part(line, "total_discount_amount", where, minimum=0, default=0)
    if total != quantity * unit - discount:
        raise bad_value(f"{where}.total_amount")
    rate = _part(line, "tax_rate", where, minimum=0, maximum=10_000, default=0)
    tax = _part(line, "total_tax_amount", where, default=0)
    # Within one minor unit, calculated without a fraction.
    if abs(tax * (10_000 + rate) - total * rate) > 10_000 + rate:
        raise bad_value(f"{where}.total_tax_amount")


def _part(
    line: Json,
    name: str,
    where: str,
    *,
    minimum: int = -_FAR,
    maximum: int = _FAR,
    default: int | None = None,
) -> int:
    value = line.get(name, default)
    if not isinstance(value, int) or isinstance(value, bool) or not minimum <= value <= maximum:
        raise bad_value(f"{where}.{name}")
    return value
