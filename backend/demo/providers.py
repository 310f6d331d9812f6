"""The sandbox providers that the demo runs beside the one for cards: one row each.

A row is all that the demo needs to know: which program, on which port, behind which options, with
which credentials. Each has one secret of the demo's own, kept in `seed.json`.
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
"""A profile without gift cards: what cannot be combined with one is offered there alone."""


@dataclass(frozen=True, slots=True)
class DemoProvider:
    """`name` is the module's in `sandbox`, and its folder's in the demo's directory;
    `offset` is added to the checkout's port; `credentials` takes base URL and secret. `register`:
    where under the program's address they have to be made known first. `profiles`: those of the
    demo's that are connected to it."""

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
        # Stands for the app, which no desktop has.
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


# In the order in which a payer sees what they offer.
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
    """Return a secret for each provider that has none yet, beside those that are known."""
    return {one.name: known.get(one.name) or secrets.token_hex(24) for one in PROVIDERS}


def connections(
    urls: Mapping[str, str], kept: Mapping[str, str], profile: str = DEFAULT
) -> dict[str, Credentials]:
    """Option to credentials, for a profile; both arguments by the provider's name."""
    return {
        option: one.credentials(urls[one.name], kept[one.name])
        for one in PROVIDERS
        if profile in one.profiles
        for option in one.options
    }


def configuration(profile: str = DEFAULT) -> dict[str, object]:
    """Return what a profile's configuration says to have all of its own switched on."""
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
