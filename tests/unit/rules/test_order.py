"""An order, its configuration and its merchant, as typed values read from JSON."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend.rules.order import (
    Address,
    Countries,
    Item,
    Merchant,
    Order,
    Publication,
    ReceiptSwitches,
    SessionConfiguration,
    ShippingOption,
)
from backend.rules.session_body import SessionBody

LAMP = {
    "id": "lamp",
    "line_id": "1",
    "description": "Lampe",
    "quantity": 1.5,
    "amount": 29990,
    "vat_amount": 5998,
    "vat": 25,
    "our_own": {"shelf": 4},
}
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
    "merchant_reference_2": 12,
    "vat_amount": 5998,
    "items": [LAMP],
    "shipping_option": POST,
    "shipping_address": {"first_name": "Kari", "country": "NO", "email": "kari@example.com"},
    "discount_codes": ["SOMMER", 10],
    "loyalty": {"points": 3},
}


def test_an_order_is_read_whole() -> None:
    order = Order.read(ORDER)
    assert (order.amount, order.currency, order.vat_amount) == (34890, "NOK", 5998)
    assert (order.merchant_reference_2, order.event_reference) == ("12", None)
    assert (order.items_amount, order.shipping_amount) == (29990, 4900)
    assert order.discount_codes == ("SOMMER", "10")
    assert order.partial_payment is False
    assert order.shipping_address == Address(
        first_name="Kari",
        country="NO",
        email="kari@example.com",
        raw=ORDER["shipping_address"],
    )
    assert order.billing_address is None
    assert order.addresses == (order.shipping_address,)


def test_what_we_do_not_know_stays_beside_it_untouched() -> None:
    order = Order.read(ORDER)
    assert order.raw is ORDER
    assert order.items[0].raw is LAMP
    assert order.shipping_option is not None
    assert order.shipping_option.raw is POST


def test_an_item_shows_its_name_quantity_and_rate() -> None:
    [item] = Order.read(ORDER).items
    assert (item.name, item.shown_quantity, item.shown_vat) == ("Lampe", "1.5", "25")
    bare = Item.read({"id": "lamp"})
    assert (bare.name, bare.shown_quantity, bare.shown_vat, bare.amount) == ("lamp", "1", None, 0)
    assert Item.read({}).name == ""


@pytest.mark.parametrize("nothing", [None, {}, [], "", 7, "x"])
def test_what_is_no_order_is_an_empty_one(nothing: object) -> None:
    order = Order.read(nothing)
    assert (order.amount, order.items, order.shipping_option, order.addresses) == (0, (), None, ())


@pytest.mark.parametrize("shape", [[None], ["x"], {"a": 1}, "x", 5, None])
def test_items_of_another_shape_are_none(shape: object) -> None:
    assert Order.read({"items": shape}).items == ()


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3)
    ),
    max_leaves=10,
)
NAMES = st.sampled_from(
    ["order", "items", "amount", "shipping_option", "shipping_address", "express", "customer",
     "configuration", "countries", "receipt", "theme", "publish", "checkboxes", "url", "merchant",
     "gift_cards", "dintero.wallets", "shipping_options", "discount_codes", "allow_countries"]
)  # fmt: skip


@given(
    st.recursive(
        st.dictionaries(NAMES, JSON, max_size=4),
        lambda inner: st.dictionaries(NAMES, inner | st.lists(inner, max_size=2), max_size=4),
        max_leaves=8,
    )
)
def test_old_rows_of_any_shape_are_read(body: dict[str, Any]) -> None:
    read = SessionBody.read(body)
    assert read.raw is body
    assert read.configuration.over(read.configuration).receipt == read.configuration.receipt
    assert isinstance(read.is_shipping_missing(None), bool)


def test_two_descriptions_are_of_one_option_whatever_it_costs() -> None:
    option = ShippingOption.read(POST)
    assert option.is_same(ShippingOption.read({**POST, "amount": 1, "title": "Til døren"}))
    for name in ("id", "line_id", "operator", "operator_product_id"):
        assert not option.is_same(ShippingOption.read({**POST, name: "another"}))


PROFILE = SessionConfiguration.read(
    {
        "auto_capture": True,
        "language": "nb",
        "countries": {"allow_countries": ["NO", "SE"], "preferred_country": "NO"},
        "receipt": {"show": True, "email": True, "time_zone": "Europe/Oslo"},
        "theme": {"primary": "#123456", "backdrop": "#ffffff", "other": "x"},
        "default_customer_type": "b2b",
    }
)


def test_a_request_says_only_what_it_says() -> None:
    nothing = SessionConfiguration.read(None).over(PROFILE)
    assert replace(nothing, raw=PROFILE.raw) == PROFILE


def test_a_request_overrides_its_profile() -> None:
    request = SessionConfiguration.read(
        {
            "auto_capture": False,
            "language": None,
            "countries": {"deny_countries": ["SE"]},
            "receipt": {"email": False},
            "theme": {"primary": "#654321"},
            "publish": [{"channel": "sms", "type": "checkout-link"}],
        }
    )
    merged = request.over(PROFILE)
    assert merged.auto_capture is False
    assert merged.language == "nb"
    assert merged.default_customer_type == "b2b"
    # These are read whole, and the parts of these two one by one.
    assert merged.countries == Countries(denied=("SE",))
    assert merged.receipt == ReceiptSwitches(True, False, None, "Europe/Oslo")
    assert merged.theme == {"primary": "#654321", "backdrop": "#ffffff"}
    assert merged.publish == (Publication("sms", "checkout-link"),)


@pytest.mark.parametrize(
    ("profile", "request_", "name"),
    [
        ({}, {}, "Konto"),
        ({}, None, "Konto"),
        ({"name": "Butikk"}, {}, "Butikk"),
        ({"name": "Butikk"}, {"name": "Filial"}, "Filial"),
        ({"name": "Butikk"}, {"name": ""}, "Butikk"),
        ({"name": None}, {"country": "NO"}, "Konto"),
    ],
)
def test_the_name_of_a_merchant(
    profile: dict[str, Any], request_: dict[str, Any] | None, name: str
) -> None:
    assert Merchant.of("Konto", profile, request_).name == name


def test_the_last_word_on_a_merchant_counts_field_by_field() -> None:
    merchant = Merchant.of(
        "Konto", {"logo_url": "https://a.example/x.png", "country": "NO"}, {"country": "SE"}
    )
    assert (merchant.logo_url, merchant.country) == ("https://a.example/x.png", "SE")
