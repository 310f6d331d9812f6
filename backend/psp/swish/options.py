"""The payment option that this connector serves."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from backend.core.context import Backend
from backend.psp import minimums
from backend.psp.client_certificate import FIELDS as CERTIFICATE
from backend.psp.client_certificate import CertificateUnusable, client_with
from backend.psp.option import NotConnected, Option, tools_of
from backend.psp.protocol import Connector
from backend.psp.swish.connector import APP, Swish, checked_app_url


def from_credentials(ctx: Backend, credentials: Mapping[str, Any]) -> Connector:
    """Return the connector. NotConnected without a certificate, except for a sandbox on this
    machine."""
    base_url = str(credentials["base_url"])
    if base_url.startswith("https:") and not credentials.get("certificate"):
        raise NotConnected("swish.swish needs a client certificate")
    try:
        http = client_with(ctx, credentials)
    except CertificateUnusable as error:
        raise NotConnected(f"swish.swish: {error}") from error
    return Swish(
        base_url=base_url,
        swish_number=str(credentials["swish_number"]),
        address_secret=ctx.vault.address_secret,
        app_url=checked_app_url(str(credentials.get("app_url") or APP)),
        tools=replace(tools_of(ctx), http=http),
    )


OPTIONS = (
    Option(
        "swish.swish",
        credentials=("base_url", "swish_number"),
        optional=(*CERTIFICATE, "app_url"),
        from_credentials=from_credentials,
        currencies=minimums.APP_CURRENCIES["swish"],
        minimums=minimums.APPS["swish"],
    ),
)
