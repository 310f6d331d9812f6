"""Which connector serves which payment option."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from backend.core.context import Backend
from backend.core.errors import Unavailable
from backend.psp import minimums
from backend.psp.bambora.client import Account
from backend.psp.bambora.connector import METHODS, Bambora
from backend.psp.client_certificate import FIELDS as CERTIFICATE
from backend.psp.client_certificate import CertificateUnusable, client_with
from backend.psp.klarna.connector import Klarna
from backend.psp.klarna.requests import CURRENCIES as KLARNA_CURRENCIES
from backend.psp.protocol import Connector
from backend.psp.stripe.connector import CardGateway
from backend.psp.swedbankpay.connector import INSTRUMENTS, SwedbankPay
from backend.psp.swish.connector import APP, Swish, checked_app_url
from backend.psp.vipps import client
from backend.psp.vipps.connector import CURRENCIES as VIPPS_CURRENCIES
from backend.psp.vipps.connector import Vipps

_BAMBORA = (
    "checkout_api_url", "merchant_api_url", "transaction_api_url", "merchant_number",
    "access_token", "secret_token", "md5_key",
)  # fmt: skip
_VIPPS = (
    "base_url", "client_id", "client_secret", "subscription_key", "merchant_serial_number",
)  # fmt: skip
CREDENTIALS: Mapping[str, tuple[str, ...]] = {
    "dintero_psp.creditcard": ("base_url", "secret_key", "webhook_secret"),
    "klarna.klarna": ("base_url", "username", "password"),
    **{f"payex.{product}": ("base_url", "access_token", "payee_id") for product in INSTRUMENTS},
    **{f"bambora.{product}": _BAMBORA for product in METHODS},
    "swish.swish": ("base_url", "swish_number"),
    "vipps": _VIPPS,
}
"""What a profile has to know for each option that there is a connector for. What ends in `url` is
an https address."""
OPTIONAL_CREDENTIALS: Mapping[str, tuple[str, ...]] = {
    **{f"payex.{product}": ("payee_name", "subsite") for product in INSTRUMENTS},
    "swish.swish": (*CERTIFICATE, "app_url"),
}
"""What it may know besides."""

_PRODUCT_CURRENCIES: Mapping[str, tuple[str, ...]] = {
    "swish": ("SEK",),
    "vipps": tuple(sorted(VIPPS_CURRENCIES)),
    "mobilepay": tuple(sorted(VIPPS_CURRENCIES)),
}
"""What an app takes, whoever it is reached through."""
CURRENCIES: Mapping[str, tuple[str, ...]] = {
    option: _PRODUCT_CURRENCIES[product]
    for option in CREDENTIALS
    if (product := option.rpartition(".")[2]) in _PRODUCT_CURRENCIES
} | {"klarna.klarna": KLARNA_CURRENCIES}
"""The currencies of each option that takes some alone; one that is not here takes any."""

MINIMUMS: Mapping[str, Mapping[str, int]] = {
    option: minimums.APPS[product]
    for option in CREDENTIALS
    if (product := option.rpartition(".")[2]) in minimums.APPS
} | {"dintero_psp.creditcard": minimums.CARD_GATEWAY}
"""The smallest amount (minor units) of each option, by currency: the `minimums` of the connectors'
capabilities. See `minimum_of`."""


def minimum_of(option: str, currency: str) -> int:
    """The smallest amount that the provider of `option` takes, in minor units of `currency`."""
    return MINIMUMS.get(option, {}).get(currency, minimums.SMALLEST)


class NotConnected(Unavailable):
    """The profile has no credentials for this option, or no connector speaks its protocol."""


def connect(ctx: Backend, option: str, credentials: Mapping[str, Any] | None) -> Connector:
    """The connector of `option` with a profile's credentials. Cheap: connections are pooled in
    `ctx.http`."""
    if credentials is None:
        raise NotConnected(f"{option} is not connected")
    if option == "dintero_psp.creditcard":
        return CardGateway(
            base_url=str(credentials["base_url"]),
            secret_key=str(credentials["secret_key"]),
            webhook_secret=str(credentials.get("webhook_secret") or ""),
            http=ctx.http,
            clock=ctx.clock.now,
            settle_time=timedelta(seconds=ctx.settings.operation_grace),
        )
    if option == "klarna.klarna":
        return Klarna(
            base_url=str(credentials["base_url"]),
            username=str(credentials["username"]),
            password=str(credentials["password"]),
            http=ctx.http,
            clock=ctx.clock.now,
            settle_time=timedelta(seconds=ctx.settings.operation_grace),
        )
    if option == "vipps":
        return Vipps(
            client.Account(**{name: str(credentials[name]) for name in _VIPPS}),
            http=ctx.http,
            clock=ctx.clock.now,
            webhook_secret=str(credentials.get("_webhook_secret") or ""),
            webhook_url=str(credentials.get("_webhook_url") or ""),
            settle_time=timedelta(seconds=ctx.settings.operation_grace),
        )
    payment_type, _, product = option.partition(".")
    if payment_type == "payex" and product in INSTRUMENTS:
        return SwedbankPay(
            product,
            base_url=str(credentials["base_url"]),
            access_token=str(credentials["access_token"]),
            payee_id=str(credentials["payee_id"]),
            payee_name=str(credentials.get("payee_name") or ""),
            subsite=str(credentials.get("subsite") or ""),
            http=ctx.http,
            clock=ctx.clock.now,
            settle_time=timedelta(seconds=ctx.settings.operation_grace),
        )
    if payment_type == "bambora" and product in METHODS:
        return Bambora(
            product,
            Account(**{name: str(credentials[name]) for name in _BAMBORA}),
            http=ctx.http,
            clock=ctx.clock.now,
            settle_time=timedelta(seconds=ctx.settings.operation_grace),
        )
    if option == "swish.swish":
        return _swish(ctx, credentials)
    raise NotConnected(f"{option} is not connected")


def _swish(ctx: Backend, credentials: Mapping[str, Any]) -> Connector:
    """NotConnected without a certificate, but towards a sandbox on this machine."""
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
        http=http,
        clock=ctx.clock.now,
        address_secret=ctx.vault.address_secret,
        app_url=checked_app_url(str(credentials.get("app_url") or APP)),
        settle_time=timedelta(seconds=ctx.settings.operation_grace),
    )
