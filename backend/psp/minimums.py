"""The smallest amounts that the providers take, in minor units, by currency.

If a provider publishes none, any amount from 1 minor unit is tried, and the provider has the
last word. A merchant's agreement may say otherwise, and so may a profile (docs/profiles.md).
"""

from __future__ import annotations

from collections.abc import Mapping

SMALLEST = 1
"""The minimum of a provider or a currency that is not listed here."""

CARD_GATEWAY: Mapping[str, int] = {
    "AED": 200, "AUD": 50, "BGN": 100, "BRL": 50, "CAD": 50, "CHF": 50, "CZK": 1500, "DKK": 250,
    "EUR": 50, "GBP": 30, "HKD": 400, "HUF": 17500, "INR": 50, "JPY": 50, "MXN": 1000, "MYR": 200,
    "NOK": 300, "NZD": 50, "PLN": 200, "RON": 200, "SEK": 300, "SGD": 50, "THB": 1000, "USD": 50,
}  # fmt: skip
"""Stripe publishes them: docs.stripe.com/currencies, "Minimum and maximum charge amounts"."""
VIPPS: Mapping[str, int] = {"DKK": 100, "EUR": 100, "NOK": 100, "SEK": 100}
"""`docs/reference/psp/vipps.md#base-and-access`: at least 1.00. MobilePay is the same service."""
SWISH: Mapping[str, int] = {"SEK": 100}
"""`docs/reference/psp/swish.md#base-and-access`: 1.00 kr at least."""

APPS: Mapping[str, Mapping[str, int]] = {"swish": SWISH, "vipps": VIPPS, "mobilepay": VIPPS}
"""The minimums of an app, whichever provider it is reached through."""
NONE: Mapping[str, int] = {}
APP_CURRENCIES: Mapping[str, tuple[str, ...]] = {
    app: tuple(sorted(by_currency)) for app, by_currency in APPS.items()
}
"""The only currencies that an app takes, whichever provider it is reached through."""
