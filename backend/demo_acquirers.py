"""The sandbox acquirers that the demo runs beside the one for cards: one row each.

A row is all that the demo needs to know: which program, on which port, behind which options, with
which credentials. Each has one secret of the demo's own, kept in `seed.json`.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from backend.psp.swedbankpay import INSTRUMENTS

Credentials = dict[str, str]


@dataclass(frozen=True, slots=True)
class Acquirer:
    """`name` is the module's in `backend.sandbox`, and its folder's in the demo's directory;
    `offset` is added to the checkout's port; `credentials` takes base URL and secret."""

    name: str
    label: str
    offset: int
    options: tuple[str, ...]
    credentials: Callable[[str, str], Credentials]


def _swedbankpay(base_url: str, secret: str) -> Credentials:
    return {
        "base_url": base_url,
        "access_token": secret,
        "payee_id": "5cabf558-5283-482f-b252-4d58e06f6f3b",
        "payee_name": "Fjord & Form",
    }


def _klarna(base_url: str, secret: str) -> Credentials:
    return {"base_url": base_url, "username": "PK_demo", "password": f"klarna_test_{secret}"}


ACQUIRERS = (
    Acquirer(
        "swedbankpay",
        "Swedbank Pay",
        11,
        tuple(f"payex.{product}" for product in INSTRUMENTS),
        _swedbankpay,
    ),
    Acquirer("klarna", "Klarna", 12, ("klarna.klarna",), _klarna),
)


def new_secrets(known: Mapping[str, str]) -> dict[str, str]:
    """A secret for each acquirer that has none yet, beside those that are known."""
    return {one.name: known.get(one.name) or secrets.token_hex(24) for one in ACQUIRERS}


def connections(urls: Mapping[str, str], kept: Mapping[str, str]) -> dict[str, Credentials]:
    """Option to credentials, for a profile; both arguments by the acquirer's name."""
    return {
        option: one.credentials(urls[one.name], kept[one.name])
        for one in ACQUIRERS
        for option in one.options
    }


def configuration() -> dict[str, object]:
    """What a profile's configuration says to have them all switched on."""
    on = {"type": "payment_product_type", "enabled": True}
    types: dict[str, dict[str, object]] = {}
    for option in (option for one in ACQUIRERS for option in one.options):
        payment_type, _, product = option.partition(".")
        types.setdefault(payment_type, {"type": "payment_type"})[product] = on
    return dict(types)
