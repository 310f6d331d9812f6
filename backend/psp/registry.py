"""Which connector serves which payment option: one table, to which each provider's folder adds
its options."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from backend.core.context import Backend
from backend.psp import minimums
from backend.psp.bambora import options as bambora
from backend.psp.klarna import options as klarna
from backend.psp.option import NotConnected, Option
from backend.psp.protocol import Connector
from backend.psp.stripe import options as stripe
from backend.psp.swedbankpay import options as swedbankpay
from backend.psp.swish import options as swish
from backend.psp.vipps import options as vipps

OPTIONS: Mapping[str, Option] = {
    option.name: option
    for provider in (stripe, klarna, swedbankpay, bambora, swish, vipps)
    for option in provider.OPTIONS
}
CREDENTIALS: Mapping[str, tuple[str, ...]] = {
    name: option.credentials for name, option in OPTIONS.items()
}
"""The credentials that a profile needs for each option that has a connector."""
OPTIONAL_CREDENTIALS: Mapping[str, tuple[str, ...]] = {
    name: option.optional for name, option in OPTIONS.items() if option.optional
}
"""The further credentials that a profile may have, for each option."""
CURRENCIES: Mapping[str, tuple[str, ...]] = {
    name: option.currencies for name, option in OPTIONS.items() if option.currencies
}
"""The currencies of each option that takes only some; an option that is not here takes any."""
MINIMUMS: Mapping[str, Mapping[str, int]] = {
    name: option.minimums for name, option in OPTIONS.items() if option.minimums
}
"""The smallest amount (minor units) of each option, by currency; see `minimum_of`."""


def minimum_of(option: str, currency: str) -> int:
    """Return the smallest amount that the provider of `option` takes, in minor units of
    `currency`."""
    return MINIMUMS.get(option, {}).get(currency, minimums.SMALLEST)


def connect(ctx: Backend, option: str, credentials: Mapping[str, Any] | None) -> Connector:
    """Return the connector of `option` with a profile's credentials. NotConnected if there is no
    such connector, or if the credentials cannot be used."""
    known = OPTIONS.get(option)
    if known is None or credentials is None:
        raise NotConnected(f"{option} is not connected")
    return known.from_credentials(ctx, credentials)


__all__ = [
    "CREDENTIALS", "CURRENCIES", "MINIMUMS", "OPTIONAL_CREDENTIALS", "OPTIONS", "NotConnected",
    "connect", "minimum_of",
]  # fmt: skip
