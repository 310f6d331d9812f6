"""The payment option that this connector serves."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from backend.core.context import Backend
from backend.psp.klarna.connector import Klarna
from backend.psp.klarna.requests import CURRENCIES
from backend.psp.option import Option, tools_of
from backend.psp.protocol import Connector


def from_credentials(ctx: Backend, credentials: Mapping[str, Any]) -> Connector:
    return Klarna(
        base_url=str(credentials["base_url"]),
        username=str(credentials["username"]),
        password=str(credentials["password"]),
        tools=tools_of(ctx),
    )


OPTIONS = (
    Option(
        "klarna.klarna",
        credentials=("base_url", "username", "password"),
        from_credentials=from_credentials,
        currencies=CURRENCIES,
    ),
)
