"""The payment options that this connector serves: one for each instrument of the provider."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

from backend.core.context import Backend
from backend.psp import minimums
from backend.psp.option import Option, tools_of
from backend.psp.protocol import Connector
from backend.psp.swedbankpay.client import Account
from backend.psp.swedbankpay.connector import INSTRUMENTS, SwedbankPay


def from_credentials(product: str, ctx: Backend, credentials: Mapping[str, Any]) -> Connector:
    return SwedbankPay(
        product,
        Account(
            base_url=str(credentials["base_url"]),
            access_token=str(credentials["access_token"]),
            payee_id=str(credentials["payee_id"]),
            payee_name=str(credentials.get("payee_name") or ""),
            subsite=str(credentials.get("subsite") or ""),
        ),
        tools=tools_of(ctx),
    )


OPTIONS = tuple(
    Option(
        f"payex.{product}",
        credentials=("base_url", "access_token", "payee_id"),
        optional=("payee_name", "subsite"),
        from_credentials=partial(from_credentials, product),
        currencies=minimums.APP_CURRENCIES.get(product, ()),
        minimums=minimums.APPS.get(product, minimums.NONE),
    )
    for product in INSTRUMENTS
)
