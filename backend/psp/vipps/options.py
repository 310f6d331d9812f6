"""The payment option that this connector serves."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from backend.core.context import Backend
from backend.psp import minimums
from backend.psp.option import Option, tools_of
from backend.psp.protocol import Connector
from backend.psp.vipps.client import Account
from backend.psp.vipps.connector import Vipps

_CREDENTIALS = (
    "base_url", "client_id", "client_secret", "subscription_key", "merchant_serial_number",
)  # fmt: skip


def from_credentials(ctx: Backend, credentials: Mapping[str, Any]) -> Connector:
    return Vipps(
        Account(**{name: str(credentials[name]) for name in _CREDENTIALS}),
        webhook_secret=str(credentials.get("_webhook_secret") or ""),
        webhook_url=str(credentials.get("_webhook_url") or ""),
        tools=tools_of(ctx),
    )


OPTIONS = (
    Option(
        "vipps",
        credentials=_CREDENTIALS,
        from_credentials=from_credentials,
        currencies=minimums.APP_CURRENCIES["vipps"],
        minimums=minimums.APPS["vipps"],
    ),
)
