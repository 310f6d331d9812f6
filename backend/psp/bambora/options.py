"""The payment options that this connector serves: cards and the wallets of the same window."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

from backend.core.context import Backend
from backend.psp import minimums
from backend.psp.bambora.client import Account
from backend.psp.bambora.connector import METHODS, Bambora
from backend.psp.option import Option, tools_of
from backend.psp.protocol import Connector

_CREDENTIALS = (
    "checkout_api_url", "merchant_api_url", "transaction_api_url", "merchant_number",
    "access_token", "secret_token", "md5_key",
)  # fmt: skip


def from_credentials(product: str, ctx: Backend, credentials: Mapping[str, Any]) -> Connector:
    return Bambora(
        product,
        Account(**{name: str(credentials[name]) for name in _CREDENTIALS}),
        tools=tools_of(ctx),
    )


OPTIONS = tuple(
    Option(
        f"bambora.{product}",
        credentials=_CREDENTIALS,
        from_credentials=partial(from_credentials, product),
        currencies=minimums.APP_CURRENCIES.get(product, ()),
        minimums=minimums.APPS.get(product, minimums.NONE),
    )
    for product in METHODS
)
