"""What Klarna is asked for: country, language and order lines that sum to the amount. Pure.

Source: `docs/reference/psp/klarna.md#payment-session`, `#hosted-page`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from backend.psp.order_lines import common_rate, rate_of, tax_of, whole_units
from backend.psp.protocol import OrderLine, PaymentRequest
from backend.rules.countries import country_of_currency

MAX_AMOUNT = 200_000_000
"""The largest amount of an order, capture or refund, in minor units."""
_MAX_LINES = 1000
_TYPES = {
    "goods": "physical",
    "shipping": "shipping_fee",
    "discount": "discount",
    "tender": "gift_card",
}
_ADJUSTMENTS = ("surcharge", "discount")
"""The kinds of an adjustment above zero and below zero."""
_OWN_CURRENCIES = (
    "NOK", "SEK", "DKK", "GBP", "CHF", "PLN", "CZK", "RON", "HUF", "USD", "CAD", "AUD", "NZD",
)  # fmt: skip
"""Klarna sells only in a country's own currency. Each of these stands for one country."""
_OWN_CURRENCY_COUNTRIES = frozenset(map(country_of_currency, _OWN_CURRENCIES))
CURRENCIES = (*_OWN_CURRENCIES, "EUR")
"""The currencies that Klarna takes, in one country or another."""
_LANGUAGES: Mapping[str, tuple[str, ...]] = {
    "NO": ("nb",),
    "SE": ("sv",),
    "DK": ("da",),
    "FI": ("fi", "sv"),
    "DE": ("de",),
    "AT": ("de",),
    "NL": ("nl",),
    "BE": ("nl", "fr"),
    "CH": ("de", "fr", "it"),
    "FR": ("fr",),
    "ES": ("es",),
    "IT": ("it",),
    "PT": ("pt",),
    "PL": ("pl",),
    "IE": (),
    "GR": ("el",),
}
_EURO_BY_LANGUAGE = {
    "fi": "FI",
    "de": "DE",
    "nl": "NL",
    "fr": "FR",
    "es": "ES",
    "it": "IT",
    "pt": "PT",
    "el": "GR",
}


def session_body(request: PaymentRequest, notification_url: str) -> dict[str, Any]:
    """Return the body of a payment session for the remainder. It is the same for every attempt with
    one key."""
    country = purchase_country(request)
    name = request.description or request.merchant_reference
    lines = order_lines(request.lines, request.amount.amount, name)
    body: dict[str, Any] = {
        "acquiring_channel": "ECOMMERCE",
        "intent": "buy",
        "purchase_country": country,
        "purchase_currency": request.amount.currency,
        "locale": locale(request.language, country),
        "order_amount": request.amount.amount,
        "order_lines": lines,
        "merchant_reference1": request.merchant_reference[:255],
        "merchant_reference2": request.transaction_id,
        "merchant_urls": {
            "confirmation": request.return_url,
            "notification": notification_url,
        },
    }
    tax = sum(int(line["total_tax_amount"]) for line in lines)
    if tax >= 0:
        # With a gift card this may be more than the remainder, because tender changes no VAT.
        body["order_tax_amount"] = tax
    if request.email:
        body["billing_address"] = {"email": request.email}
    return body


def page_body(
    request: PaymentRequest, payment_session_url: str, notification_url: str
) -> dict[str, Any]:
    """Return the body of the hosted page around a payment session.

    `PLACE_ORDER`: Klarna makes the order when the payer approves, and a read of the page tells its
    id. If we had to make it, a lost answer would leave an order with an unknown id, because the
    call is not idempotent. Nobody has to check at that moment that the gift card is still held,
    because its hold is not released while this page can be paid.
    """
    return {
        "payment_session_url": payment_session_url,
        "merchant_urls": {
            "success": request.return_url,
            "cancel": request.cancel_url,
            "back": request.cancel_url,
            # It leads back to the choice of another way to pay.
            "failure": request.cancel_url,
            "error": request.cancel_url,
            "status_update": notification_url,
        },
        "options": {"place_order_mode": "PLACE_ORDER", "purchase_type": "BUY"},
    }


def purchase_country(request: PaymentRequest) -> str:
    """Return the country (ISO alpha-2) of the currency. For euros it is the payer's country, or
    else the one of the page's language."""
    currency = request.amount.currency
    home = country_of_currency(currency) if currency in _OWN_CURRENCIES else None
    if home is not None:
        return home
    country = (request.country or "").upper()
    if len(country) == 2 and country.isalpha() and country not in _OWN_CURRENCY_COUNTRIES:
        return country
    return _EURO_BY_LANGUAGE.get(_language(request.language), "DE")


def locale(language: str, country: str) -> str:
    """Return the page's language if Klarna has it in that country, or else English."""
    wanted = _language(language)
    known = _LANGUAGES.get(country, ())
    return f"{wanted if wanted in known else 'en'}-{country}"


def _language(language: str) -> str:
    short = language.lower().split("-")[0]
    return "nb" if short in ("no", "nn") else short


def order_lines(lines: Sequence[OrderLine], amount: int, name: str) -> list[dict[str, Any]]:
    """Return the lines if Klarna accepts them for the amount (minor units), or else one line called
    `name`."""
    if not _fit(lines, amount):
        lines = (OrderLine(name, amount, vat_rate=common_rate(lines)),)
    return [_line(line) for line in lines]


def described(lines: Sequence[OrderLine], amount: int) -> dict[str, Any]:
    """Return the field `order_lines` of a capture or refund; empty if there are no lines that
    Klarna accepts for the amount (minor units)."""
    if not _fit(lines, amount):
        return {}
    return {"order_lines": [_line(line) for line in lines]}


def _fit(lines: Sequence[OrderLine], amount: int) -> bool:
    fits = 0 < len(lines) <= _MAX_LINES and all(abs(line.amount) <= MAX_AMOUNT for line in lines)
    return fits and sum(line.amount for line in lines) == amount


def _line(line: OrderLine) -> dict[str, Any]:
    # Klarna checks that quantity times unit price is the total.
    line = whole_units(line)
    rate, kind = rate_of(line), _TYPES.get(line.kind, "physical")
    if line.kind == "adjustment":
        kind = _ADJUSTMENTS[line.amount < 0]
    made: dict[str, Any] = {
        "type": kind,
        "name": (line.name or "Order")[:255],
        "quantity": line.quantity,
        "unit_price": line.amount // line.quantity,
        "total_amount": line.amount,
        "total_discount_amount": 0,
        "tax_rate": rate,
        "total_tax_amount": tax_of(line.amount, rate),
    }
    if line.reference and line.kind != "tender":
        made["reference"] = line.reference[:255]
    return made
