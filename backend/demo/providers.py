"""The sandbox providers that the demo runs beside the card gateway: one row each.

A row has all that the demo needs: which program, on which port, behind which options, with which
credentials. Each provider has one secret that belongs to the demo, and is kept in `seed.json`.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from backend.psp.bambora.connector import METHODS
from backend.psp.swedbankpay.connector import INSTRUMENTS

Credentials = dict[str, str]
DEFAULT = "default"
WALLETS = "wallets"
"""A profile without gift cards. Options that cannot stand beside a gift card are offered only
there."""


@dataclass(frozen=True, slots=True)
class DemoProvider:
    """A provider of the demo. `name` is the name of its module in `sandbox`, and of its folder in
    the demo's directory. `offset` is added to the checkout's port. `credentials` takes base URL and
    secret. `register` is the path where the credentials have to be registered first. `profiles` are
    the demo's profiles that are connected to it."""

    name: str
    label: str
    offset: int
    options: tuple[str, ...]
    credentials: Callable[[str, str], Credentials]
    register: str | None = None
    profiles: tuple[str, ...] = (DEFAULT,)


def _swedbankpay(base_url: str, secret: str) -> Credentials:
    return {
        "base_url": base_url,
        "access_token": secret,
        "payee_id": "5cabf558-5283-482f-b252-4d58e06f6f3b",
        "payee_name": "Fjord & Form",
    }


def _klarna(base_url: str, secret: str) -> Credentials:
    return {"base_url": base_url, "username": "PK_demo", "password": f"klarna_test_{secret}"}


def _bambora(base_url: str, secret: str) -> Credentials:
    return {
        "checkout_api_url": f"{base_url}/checkout-api",
        "merchant_api_url": f"{base_url}/merchant-api",
        "transaction_api_url": f"{base_url}/transaction-api",
        "merchant_number": "T12345678",
        "access_token": secret[:16],
        "secret_token": secret[16:32],
        "md5_key": secret[32:],
    }


def _swish(base_url: str, secret: str) -> Credentials:
    return {
        "base_url": f"{base_url}/swish-cpcapi",
        "swish_number": "1231181189",
        # This page stands for the app, which no desktop has.
        "app_url": f"{base_url}/app",
    }


def _vipps(base_url: str, secret: str) -> Credentials:
    return {
        "base_url": base_url,
        "client_id": f"demo-{secret[:8]}",
        "client_secret": secret[8:28],
        "subscription_key": secret[28:],
        "merchant_serial_number": "123456",
    }


# They are in the order in which a payer sees their options.
PROVIDERS = (
    DemoProvider("klarna", "Klarna", 12, ("klarna.klarna",), _klarna),
    DemoProvider(
        "swedbankpay",
        "Swedbank Pay",
        11,
        tuple(f"payex.{product}" for product in INSTRUMENTS),
        _swedbankpay,
    ),
    DemoProvider(
        "bambora",
        "Bambora",
        13,
        tuple(f"bambora.{product}" for product in METHODS),
        _bambora,
        register="/_admin/merchants",
    ),
    DemoProvider("vipps", "Vipps", 14, ("vipps",), _vipps, profiles=(WALLETS,)),
    DemoProvider("swish", "Swish", 15, ("swish.swish",), _swish, profiles=(DEFAULT, WALLETS)),
)


def new_secrets(known: Mapping[str, str]) -> dict[str, str]:
    """Return a secret for each provider. Known secrets stay, and missing ones are made."""
    return {one.name: known.get(one.name) or secrets.token_hex(24) for one in PROVIDERS}


def connections(
    urls: Mapping[str, str], kept: Mapping[str, str], profile: str = DEFAULT
) -> dict[str, Credentials]:
    """Return option to credentials, for a profile. Both arguments are by the provider's name."""
    return {
        option: one.credentials(urls[one.name], kept[one.name])
        for one in PROVIDERS
        if profile in one.profiles
        for option in one.options
    }


def configuration(profile: str = DEFAULT) -> dict[str, object]:
    """Return the configuration that switches on all options of a profile."""
    on = {"type": "payment_product_type", "enabled": True}
    types: dict[str, dict[str, object]] = {}
    wanted = (one for one in PROVIDERS if profile in one.profiles)
    for option in (option for one in wanted for option in one.options):
        payment_type, _, product = option.partition(".")
        if product:
            types.setdefault(payment_type, {"type": "payment_type"})[product] = on
        else:
            types[payment_type] = dict(on)
    return dict(types)
