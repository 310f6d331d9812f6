"""What a session's request says, read whole, and what holds where it says nothing."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from backend.rules.order import Order, SessionConfiguration, ShippingOption
from backend.rules.session_body import (
    Checkbox,
    Customer,
    Express,
    PresetCard,
    SessionBody,
    Urls,
)

POST: dict[str, Any] = {
    "id": "post",
    "line_id": "ship",
    "amount": 4900,
    "operator": "Posten",
    "title": "Hjem",
}
ORDER: dict[str, Any] = {
    "amount": 34890,
    "currency": "NOK",
    "items": [{"id": "lamp", "line_id": "1", "amount": 29990}],
    "shipping_option": POST,
    "shipping_address": {"first_name": "Kari", "country": "NO", "email": "kari@example.com"},
}
BOX: dict[str, Any] = {
    "id": "terms",
    "label": "I accept the terms",
    "required": True,
    "checked": True,
    "link": {"url": "https://shop.example/terms", "text": "the terms"},
}
WHOLE: dict[str, Any] = {
    "order": ORDER,
    "express": {
        "shipping_mode": "shipping_not_required",
        "shipping_options": [POST, {**POST, "id": "pickup"}],
        "shipping_address_callback_url": "https://shop.example/shipping",
        "discount_codes": {"callback_url": "https://shop.example/codes", "max_count": 3},
        "customer_types": ["b2b"],
    },
    "configuration": {"auto_capture": True, "channel": "in_store"},
    "customer": {
        "customer_id": "c-1",
        "email": "kari@example.com",
        "phone_number": "+4799887766",
        "gift_cards": {
            "dintero.wallets": [{"card_id": "card-1", "amount": 500}, {"card_id": "card-2"}]
        },
    },
    "checkboxes": [BOX, {"our_own": 1}],
    "url": {
        "return_url": "https://shop.example/return",
        "callback_url": "https://shop.example/callback",
        "merchant_terms_url": "https://shop.example/terms",
    },
    "merchant": {"name": "Butikk"},
    "metadata": {"till": 4},
}


def test_a_session_is_read_whole() -> None:
    read = SessionBody.read(WHOLE)
    assert read.order == Order.read(ORDER)
    assert read.configuration == SessionConfiguration.read(WHOLE["configuration"])
    assert (read.merchant, read.metadata) == ({"name": "Butikk"}, {"till": 4})
    assert read.urls == Urls(
        "https://shop.example/return",
        "https://shop.example/callback",
        "https://shop.example/terms",
    )
    assert read.customer == Customer(
        "c-1", "kari@example.com", "+4799887766", PresetCard("card-1", 500)
    )
    assert read.express == Express(
        given=True,
        shipping_required=False,
        shipping_options=(
            ShippingOption.read(POST),
            ShippingOption.read({**POST, "id": "pickup"}),
        ),
        offers_nothing=False,
        shipping_callback_url="https://shop.example/shipping",
        discount_callback_url="https://shop.example/codes",
        most_discount_codes=3,
        customer_types=("b2b",),
    )
    assert read.raw is WHOLE


def test_the_checkboxes_are_read_whole() -> None:
    first, second = SessionBody.read(WHOLE).checkboxes
    assert first == Checkbox(
        "terms", "I accept the terms", True, True, "https://shop.example/terms", "the terms", BOX
    )
    assert first.raw is BOX
    assert second == Checkbox("", "", False, False, None, None, {"our_own": 1})


@pytest.mark.parametrize("nothing", [None, {}, [], "", 7, "x"])
def test_what_a_session_does_not_say_has_its_default(nothing: object) -> None:
    names = ("order", "configuration", "customer", "checkboxes", "url", "merchant", "metadata")
    read = SessionBody.read(dict.fromkeys(names, nothing))
    assert read.order == Order.read(None)
    assert read.configuration == SessionConfiguration.read(None)
    assert read.customer == Customer("", "", "", None)
    assert read.urls == Urls("", None, None)
    assert (read.checkboxes, read.merchant, read.metadata) == ((), {}, {})
    assert read.express == Express(
        given=False,
        shipping_required=True,
        shipping_options=(),
        offers_nothing=False,
        shipping_callback_url=None,
        discount_callback_url=None,
        most_discount_codes=1,
        customer_types=("b2c", "b2b"),
    )


@pytest.mark.parametrize("nothing", [None, [], "x", 7, {}])
def test_parts_of_parts_that_are_nothing_have_their_defaults(nothing: object) -> None:
    express = Express.read({"discount_codes": nothing})
    assert (express.discount_callback_url, express.most_discount_codes) == (None, 1)
    assert Checkbox.read({"link": nothing}).link_url is None
    assert Customer.read({"gift_cards": nothing}).preset_card is None
    assert Customer.read({"gift_cards": {"dintero.wallets": nothing}}).preset_card is None
    assert Express.read(nothing).given is (nothing is not None)


def test_a_card_may_be_preset_without_an_amount() -> None:
    read = Customer.read({"gift_cards": {"dintero.wallets": [{"card_id": 7}]}})
    assert read.preset_card == PresetCard("7", None)


def test_what_came_is_not_printed_with_what_was_read() -> None:
    secret = {"our_own": "hush"}
    read = SessionBody.read({**secret, "checkboxes": [secret]})
    assert len(read.checkboxes) == 1
    assert read.raw["our_own"] == read.checkboxes[0].raw["our_own"] == "hush"
    assert "hush" not in repr(read)


def body(**parts: Any) -> SessionBody:
    return SessionBody.read({"order": ORDER, **parts})


def test_a_session_without_an_express_object_has_its_defaults() -> None:
    assert body().express == replace(body(express={}).express, given=False)
    assert body(express={}).express.shipping_required is True
    assert body(express={"shipping_mode": "shipping_required"}).express.shipping_required is True
    not_required = body(express={"shipping_mode": "shipping_not_required"})
    assert not_required.express.shipping_required is False
    assert body(express={"shipping_options": []}).express.offers_nothing is True
    assert body(express={}).express.offers_nothing is False


def test_an_option_of_the_shop_is_fixed_and_missing_is_only_what_can_be_chosen() -> None:
    without = {key: value for key, value in ORDER.items() if key != "shipping_option"}
    offered = {"shipping_options": [POST]}
    assert body().is_shipping_fixed(None) is True
    assert body().is_shipping_fixed("0:post") is False
    assert body(express=offered).is_shipping_missing(None) is False
    open_ = SessionBody.read({"order": without, "express": offered})
    assert open_.is_shipping_missing(None) is True
    assert open_.is_shipping_missing("0:post") is False
    assert SessionBody.read({"order": without}).is_shipping_missing(None) is False


def test_splits_of_an_offered_option_count_too() -> None:
    divided = {**POST, "splits": [{"amount": 1}]}
    assert body(express={"shipping_options": [POST]}).is_divided is False
    assert body(express={"shipping_options": [POST, divided]}).is_divided is True


def test_the_payer_is_reached_by_what_is_given_first() -> None:
    order = {
        "shipping_address": {"phone_number": "1", "email": "ship@example.com"},
        "billing_address": {"phone_number": "2", "email": "bill@example.com"},
    }
    customer = {"phone_number": "3", "email": "kari@example.com"}
    with_customer = SessionBody.read({"order": order, "customer": customer})
    assert (with_customer.phone_number, with_customer.email) == ("3", "kari@example.com")
    without = SessionBody.read({"order": order})
    assert (without.phone_number, without.email) == ("1", "bill@example.com")
    nobody = SessionBody.read({"order": {}})
    assert (nobody.phone_number, nobody.email) == (None, None)


@pytest.mark.parametrize(
    ("customer_types", "default", "separate", "allowed"),
    [
        (None, None, ["b2c"], True),
        (None, None, ["b2b"], False),
        (None, "b2b", ["b2b"], True),
        (["b2c"], "b2b", ["b2b"], False),
        (["b2b"], "b2c", ["b2b"], True),
        (["b2b", "b2c"], None, ["b2c"], True),
        (["b2b", "b2c"], None, ["b2b"], False),
        (None, None, [], False),
    ],
)
def test_who_may_give_another_billing_address(
    customer_types: list[str] | None, default: str | None, separate: list[str], allowed: bool
) -> None:
    configuration = SessionConfiguration.read(
        {
            "default_customer_type": default,
            "allow_different_billing_shipping_address": separate,
        }
    )
    read = body(express={"customer_types": customer_types})
    assert read.separate_billing(configuration) is allowed


def test_consents_and_a_preset_card() -> None:
    read = body(
        checkboxes=[{"id": "a", "required": True}, {"id": "b"}, {"id": "c", "required": False}],
        customer={"gift_cards": {"dintero.wallets": [{"card_id": "card-1", "amount": 500}]}},
    )
    assert read.required_consents == {"a"}
    assert read.customer.preset_card == PresetCard("card-1", 500)
    assert body().customer.preset_card is None


SHIP = {"first_name": "Kari", "country": "NO", "email": "kari@example.com"}


@pytest.mark.parametrize(
    ("billing", "customer", "own"),
    [
        (None, {}, False),
        ({}, {}, False),
        ({"first_name": "", "country": None}, {}, False),
        (SHIP, {}, False),
        ({**SHIP, "last_name": ""}, {}, False),
        ({"first_name": "Kari", "country": "NO"}, {}, False),
        ({**SHIP, "first_name": "Ola"}, {}, True),
        ({**SHIP, "cost_center": "7"}, {}, True),
        ({**SHIP, "email": "ola@example.com"}, {}, True),
        ({**SHIP, "phone_number": "+4799887766"}, {}, False),
        ({**SHIP, "phone_number": "+4799887766"}, {"phone_number": "+4799887766"}, False),
        ({**SHIP, "phone_number": "+4799887766"}, {"phone_number": "+4790000000"}, True),
    ],
)
def test_a_billing_address_of_its_own(
    billing: dict[str, Any] | None, customer: dict[str, Any], own: bool
) -> None:
    order = {"shipping_address": SHIP, "billing_address": billing}
    assert SessionBody.read({"order": order, "customer": customer}).has_own_billing is own


def test_a_billing_address_without_a_shipping_address_is_one_of_its_own() -> None:
    assert SessionBody.read({"order": {"billing_address": SHIP}}).has_own_billing is True


def test_what_is_the_customers_own_is_compared_with_the_address_that_lacks_it() -> None:
    """The shipping address has the last word on what both of them say."""
    ship = {"first_name": "Kari", "phone_number": "+4790000001", "email": "a@example.com"}
    customer = {"email": "b@example.com", "phone_number": "+4790000002"}

    def own(billing: dict[str, Any]) -> bool:
        order = {"shipping_address": ship, "billing_address": billing}
        return SessionBody.read({"order": order, "customer": customer}).has_own_billing

    assert own(ship) is False
    assert own({**ship, "email": "b@example.com"}) is True
    assert own({**ship, "phone_number": "+4790000002"}) is True
    assert own({"first_name": "Kari"}) is False
    assert own({"phone_number": "+4790000001"}) is True


def test_an_email_or_number_that_only_the_customer_has_makes_no_other_address() -> None:
    for name in ("email", "phone_number"):
        order = {"shipping_address": {"country": "NO"}, "billing_address": {"country": "NO"}}
        read = SessionBody.read({"order": order, "customer": {name: "one"}})
        assert read.has_own_billing is False
        order["billing_address"][name] = "another"
        read = SessionBody.read({"order": order, "customer": {name: "one"}})
        assert read.has_own_billing is True


def test_a_session_is_divided_if_its_order_is() -> None:
    assert body().is_divided is False
    divided = {**ORDER, "items": [{"amount": 1, "splits": [{"amount": 1}]}]}
    assert SessionBody.read({"order": divided}).is_divided is True


def test_the_payer_is_reached_by_what_is_given_last_if_nothing_else_is() -> None:
    bill = {"billing_address": {"phone_number": "2", "email": "bill@example.com"}}
    read = SessionBody.read({"order": bill})
    assert (read.phone_number, read.email) == ("2", "bill@example.com")
    ship = {"shipping_address": {"phone_number": "1", "email": "ship@example.com"}}
    read = SessionBody.read({"order": ship})
    assert (read.phone_number, read.email) == ("1", "ship@example.com")


def test_an_option_is_not_fixed_if_there_is_none() -> None:
    read = SessionBody.read({"order": {}})
    assert read.is_shipping_fixed(None) is False
    assert read.is_shipping_fixed("0:post") is False
