"""The payment option that this connector serves."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from backend.core.context import Backend
from backend.psp import minimums
from backend.psp.option import Option, tools_of
from backend.psp.protocol import Connector
from backend.psp.stripe.connector import CardGateway


def from_credentials(ctx: Backend, credentials: Mapping[str, Any]) -> Connector:
    return CardGateway(
        base_url=str(credentials["base_url"]),
        secret_key=str(credentials["secret_key"]),
        webhook_secret=str(credentials.get("webhook_secret") or ""),
        tools=tools_of(ctx),
    )


OPTIONS = (
    Option(
        "dintero_psp.creditcard",
        credentials=("base_url", "secret_key", "webhook_secret"),
        from_credentials=from_credentials,
        minimums=minimums.CARD_GATEWAY,
    ),
)
