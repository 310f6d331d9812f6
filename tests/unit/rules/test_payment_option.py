"""The rules say which payment options a session has, with and without a gift card."""

from __future__ import annotations

from typing import Any

import pytest

from backend.rules.payment_option import (
    PRODUCTS,
    PUSHES,
    Switches,
    may_push,
    offered,
    read_switches,
    takes,
    unsupported_with_gift_card,
    works_with_gift_card,
)

CONNECTED = ("dintero_psp.creditcard", "vipps", "klarna.klarna", "klarna.billie", "payex.swish")
CURRENCIES = {"payex.swish": ("SEK",), "klarna.klarna": ("NOK", "SEK", "EUR")}
ON, OFF = {"enabled": True}, {"enabled": False}


@pytest.mark.parametrize(
    "option",
    [*(f"payex.{p}" for p in PRODUCTS["payex"]), *(f"bambora.{p}" for p in PRODUCTS["bambora"]),
     "dintero_psp.creditcard", "klarna.klarna"],
)  # fmt: skip
def test_these_go_with_a_gift_card(option: str) -> None:
    assert works_with_gift_card(option) is True
    assert unsupported_with_gift_card([(option, True), ("vipps", True)]) == ("vipps",)


@pytest.mark.parametrize(
    "option",
    ["vipps", "swish.swish", "klarna.billie", "collector.invoice", "instabank.finance",
     "netaxept.creditcard", "dintero_psp.vipps", "dintero_psp.applepay", "santander.debit_account",
     "two.invoice", "kravia.invoice", "seitatech.creditcard", "payexx.creditcard"],
)  # fmt: skip
def test_these_do_not(option: str) -> None:
    assert works_with_gift_card(option) is False
    assert unsupported_with_gift_card([(option, True)]) == (option,)
    assert unsupported_with_gift_card([(option, False)]) == ()


@pytest.mark.parametrize(
    ("option", "pushes"),
    [("vipps", True), ("swish.swish", True), ("payex.vipps", False), ("payex.swish", False),
     ("bambora.vipps", False), ("dintero_psp.vipps", False), ("dintero_psp.creditcard", False),
     ("klarna.klarna", False), ("swish", False), ("", False), (None, False)],
)  # fmt: skip
def test_only_an_apps_own_provider_pushes_and_never_beside_a_gift_card(
    option: str | None, pushes: bool
) -> None:
    assert may_push(option, gift_card=False) is pushes
    assert may_push(option, gift_card=True) is False
    assert (option in PUSHES) is pushes


def test_every_option_that_pushes_exists() -> None:
    products = {f"{type_}.{product}" for type_, known in PRODUCTS.items() for product in known}
    assert products | {"vipps"} >= PUSHES


def test_an_option_takes_the_currencies_that_are_listed_for_it() -> None:
    assert takes("payex.swish", "SEK", CURRENCIES) is True
    assert takes("payex.swish", "NOK", CURRENCIES) is False
    assert takes("vipps", "NOK", CURRENCIES) is True


def test_switches_are_read_and_the_unknown_is_no_option() -> None:
    read = read_switches(
        {
            "active_payment_types": ON,
            "vipps": ON,
            "payex": {"type": "payment_type", "creditcard": ON, "vipps": OFF, "swish": {}},
            "klarna": "yes",
            "dintero_psp": {"creditcard": {"enabled": "true"}},
            "something": {"else": ON},
            "dintero": {"wallets": ON, "zero": OFF},
        }
    )
    assert read == Switches(
        all_active=True,
        named=(("vipps", True), ("payex.creditcard", True), ("payex.vipps", False)),
        wallets=True,
        zero=False,
    )
    assert read.is_on("payex.vipps") is False
    assert read.is_on("payex.swish") is None


@pytest.mark.parametrize("configuration", [{}, {"dintero": None}, {"dintero": {"wallets": None}}])
def test_what_is_not_said_is_none(configuration: dict[str, Any]) -> None:
    assert read_switches(configuration) == Switches(None, (), None, None)


@pytest.mark.parametrize(
    ("request_", "profile", "gift_card", "options"),
    [
        ({"active_payment_types": ON}, {}, False, CONNECTED),
        ({"active_payment_types": ON}, {}, True,
         ("dintero_psp.creditcard", "klarna.klarna", "payex.swish")),
        ({}, {"active_payment_types": ON}, True,
         ("dintero_psp.creditcard", "klarna.klarna", "payex.swish")),
        ({"active_payment_types": OFF}, {"active_payment_types": ON}, True, ()),
        ({"klarna": {"klarna": OFF}}, {"active_payment_types": ON}, True,
         ("dintero_psp.creditcard", "payex.swish")),
        ({"klarna": {"klarna": ON}}, {}, False, ("klarna.klarna",)),
        ({}, {"vipps": ON}, False, ("vipps",)),
        ({}, {"vipps": ON}, True, ()),
        ({"vipps": OFF}, {"vipps": ON}, False, ()),
        # The option is named and not connected, so nobody can pay with it.
        ({"bambora": {"creditcard": ON}}, {}, False, ()),
        ({}, {}, False, ()),
    ],
)  # fmt: skip
def test_offered(
    request_: dict[str, Any], profile: dict[str, Any], gift_card: bool, options: tuple[str, ...]
) -> None:
    asked, given = read_switches(request_), read_switches(profile)
    found = offered(
        asked, given, CONNECTED, gift_card=gift_card, currency="SEK", currencies=CURRENCIES
    )
    assert found == options


@pytest.mark.parametrize(
    ("currency", "options"),
    [
        ("SEK", ("dintero_psp.creditcard", "klarna.klarna", "payex.swish")),
        ("NOK", ("dintero_psp.creditcard", "klarna.klarna")),
        ("USD", ("dintero_psp.creditcard",)),
    ],
)
def test_what_does_not_take_the_currency_is_not_offered(
    currency: str, options: tuple[str, ...]
) -> None:
    """This holds although the request itself names it."""
    connected = ("dintero_psp.creditcard", "klarna.klarna", "payex.swish")
    named = read_switches({"payex": {"swish": ON}, "klarna": {"klarna": ON}})
    all_on = read_switches({"active_payment_types": ON})
    found = offered(
        named, all_on, connected, gift_card=True, currency=currency, currencies=CURRENCIES
    )
    assert found == options
