"""Every field of an order and its configuration, and what holds where the JSON says nothing."""

from __future__ import annotations

from typing import Any

import pytest

from backend.rules.order import (
    THEME_KEYS,
    Address,
    Countries,
    Item,
    Merchant,
    Order,
    Publication,
    ReceiptSwitches,
    SessionConfiguration,
    ShippingOption,
    option_of,
)
from backend.rules.payment_option import read_switches

ADDRESS = {
    "first_name": "Kari",
    "last_name": "Nordmann",
    "address_line": "Storgata 1",
    "address_line_2": "H0101",
    "postal_code": "0155",
    "postal_place": "Oslo",
    "country": "NO",
    "email": "kari@example.com",
    "phone_number": "+4799887766",
    "our_own": "hush",
}
ITEM: dict[str, Any] = {
    "line_id": 1,
    "id": "lamp",
    "description": "Lampe",
    "quantity": 1.5,
    "amount": 29990,
    "vat": 25,
    "vat_amount": 5998,
    "type": "physical",
    "thumbnail_url": "https://shop.example/lamp.png",
    "our_own": "hush",
}
OPTION: dict[str, Any] = {
    "id": "post",
    "line_id": "ship",
    "title": "Hjem",
    "operator": "Posten",
    "operator_product_id": "home",
    "description": "In two days",
    "amount": 4900,
    "vat_amount": 980,
    "our_own": "hush",
}
ORDER: dict[str, Any] = {
    "amount": 34890,
    "currency": "NOK",
    "merchant_reference_2": "m-2",
    "event_reference": "e-1",
    "vat_amount": 6978,
    "items": [ITEM],
    "shipping_option": OPTION,
    "shipping_address": ADDRESS,
    "billing_address": {"country": "SE"},
    "discount_codes": ["SOMMER", 10],
    "partial_payment": True,
    "our_own": "hush",
}
CONFIGURATION: dict[str, Any] = {
    "auto_capture": True,
    "strict_items": False,
    "refund_to_unusable_gift_card": "new_card",
    "channel": "in_store",
    "language": "nb",
    "default_payment_type": "vipps",
    "default_customer_type": "b2b",
    "allow_different_billing_shipping_address": ["b2b"],
    "countries": {
        "preferred_country": "NO",
        "allow_countries": ["NO", "SE"],
        "deny_countries": ["DK"],
    },
    "receipt": {"show": True, "email": False, "sms": True, "time_zone": "Europe/Oslo"},
    "publish": [{"channel": "sms", "type": "checkout-link"}],
    "theme": {"primary": "#123456"},
    "wallets": {"type": "payment_type", "enabled": True},
    "our_own": "hush",
}


def test_an_address_is_read_whole() -> None:
    assert Address.read(ADDRESS) == Address(
        "Kari",
        "Nordmann",
        "Storgata 1",
        "H0101",
        "0155",
        "Oslo",
        "NO",
        "kari@example.com",
        "+4799887766",
        ADDRESS,
    )


@pytest.mark.parametrize("nothing", [None, {}, [], "x", 7])
def test_an_address_that_says_nothing_is_empty(nothing: object) -> None:
    empty = Address("", "", "", "", "", "", "", "", "", {})
    assert Address.read(nothing) == empty == Address()
    assert Address().raw == {}


def test_an_item_is_read_whole() -> None:
    assert Item.read(ITEM) == Item(
        line_id="1",
        id="lamp",
        description="Lampe",
        quantity=1.5,
        amount=29990,
        vat=25,
        vat_amount=5998,
        type="physical",
        thumbnail_url="https://shop.example/lamp.png",
        divided=False,
        raw=ITEM,
    )
    assert Item.read({}) == Item(None, None, None, None, 0, None, None, None, None, False, {})


def test_an_item_is_called_by_its_description_or_else_its_id() -> None:
    assert Item.read(ITEM).name == "Lampe"
    assert Item.read({"description": "Lampe"}).name == "Lampe"
    assert Item.read({"id": "lamp"}).name == "lamp"
    assert Item.read({}).name == ""


def test_numbers_are_shown_as_short_as_they_can_be() -> None:
    shown = [Item.read({"quantity": q, "vat": q}) for q in (2, 2.0, 0, 1.5)]
    assert [item.shown_quantity for item in shown] == ["2", "2", "0", "1.5"]
    assert [item.shown_vat for item in shown] == ["2", "2", "0", "1.5"]


def test_a_shipping_option_is_read_whole() -> None:
    assert ShippingOption.read(OPTION) == ShippingOption(
        id="post",
        line_id="ship",
        title="Hjem",
        operator="Posten",
        operator_product_id="home",
        description="In two days",
        amount=4900,
        vat_amount=980,
        divided=False,
        raw=OPTION,
    )
    assert ShippingOption.read({}) == ShippingOption(
        None, None, "", None, None, "", 0, None, False, {}
    )


@pytest.mark.parametrize(
    ("splits", "divided"),
    [
        ({}, False),
        ({"splits": []}, False),
        ({"splits": None, "fee_split": None}, False),
        ({"splits": [{"amount": 1}]}, True),
        ({"fee_split": {"type": "proportional"}}, True),
        ({"splits": [{"amount": 1}], "fee_split": {"type": "proportional"}}, True),
    ],
)
def test_money_is_divided_by_splits_or_by_the_split_of_a_fee(
    splits: dict[str, Any], divided: bool
) -> None:
    assert Item.read({**ITEM, **splits}).divided is divided
    assert ShippingOption.read({**OPTION, **splits}).divided is divided


@pytest.mark.parametrize("nothing", [None, {}, [], "x", 7])
def test_an_order_without_an_option_has_none(nothing: object) -> None:
    assert option_of({"shipping_option": nothing}) is None
    assert option_of({}) is None
    assert option_of({"shipping_option": OPTION}) == ShippingOption.read(OPTION)
    assert Order.read({"shipping_option": nothing}).shipping_amount == 0


def test_an_order_is_read_in_every_field() -> None:
    assert Order.read(ORDER) == Order(
        amount=34890,
        currency="NOK",
        merchant_reference_2="m-2",
        event_reference="e-1",
        vat_amount=6978,
        items=(Item.read(ITEM),),
        shipping_option=ShippingOption.read(OPTION),
        shipping_address=Address.read(ADDRESS),
        billing_address=Address.read({"country": "SE"}),
        discount_codes=("SOMMER", "10"),
        partial_payment=True,
        raw=ORDER,
    )
    assert Order.read({}) == Order(0, "", None, None, None, (), None, None, None, (), False, {})
    assert Order.read({"partial_payment": 1}).partial_payment is False


def test_an_order_is_divided_if_one_part_of_it_is() -> None:
    divided = {**ITEM, "splits": [{"amount": 1}]}
    shipped_divided = {**OPTION, "splits": [{"amount": 1}]}
    assert Order.read({}).is_divided is False
    assert Order.read({"items": [ITEM], "shipping_option": OPTION}).is_divided is False
    assert Order.read({"items": [ITEM, divided]}).is_divided is True
    assert Order.read({"items": [ITEM], "shipping_option": shipped_divided}).is_divided is True
    assert Order.read({"items": [divided], "shipping_option": OPTION}).is_divided is True


def test_the_addresses_that_are_given_stand_in_their_order() -> None:
    both = Order.read(ORDER).addresses
    assert [address.country for address in both] == ["NO", "SE"]
    billing = Order.read({"billing_address": ADDRESS, "shipping_address": {}})
    assert billing.addresses == (billing.billing_address,)
    assert billing.shipping_address is None


def test_a_configuration_is_read_whole() -> None:
    read = SessionConfiguration.read(CONFIGURATION)
    assert read == SessionConfiguration(
        auto_capture=True,
        strict_items=False,
        refund_to_unusable_gift_card="new_card",
        channel="in_store",
        language="nb",
        default_payment_type="vipps",
        default_customer_type="b2b",
        separate_billing_for=("b2b",),
        countries=Countries("NO", ("NO", "SE"), ("DK",)),
        receipt=ReceiptSwitches(True, False, True, "Europe/Oslo"),
        publish=(Publication("sms", "checkout-link"),),
        theme={"primary": "#123456"},
        raw=CONFIGURATION,
    )
    assert read.switches == read_switches(CONFIGURATION)


@pytest.mark.parametrize("nothing", [None, {}, [], "x", 7])
def test_a_configuration_that_says_nothing(nothing: object) -> None:
    expected = SessionConfiguration(
        None, None, None, None, None, None, None, (), Countries(), ReceiptSwitches(), (), {}, {}
    )
    assert SessionConfiguration.read(nothing) == expected
    assert Countries.read(nothing) == Countries(None, (), ())
    assert ReceiptSwitches.read(nothing) == ReceiptSwitches(None, None, None, None)


def test_each_switch_of_a_receipt_is_taken_alone() -> None:
    no = ReceiptSwitches(False, False, False, "Europe/Oslo")
    yes = ReceiptSwitches(True, True, True, "Europe/Helsinki")
    nothing = ReceiptSwitches()
    assert (no.over(yes), yes.over(no)) == (no, yes)
    assert (nothing.over(no), no.over(nothing)) == (no, no)
    assert nothing.over(nothing) == nothing
    assert ReceiptSwitches(sms=True).over(no) == ReceiptSwitches(False, False, True, "Europe/Oslo")


def test_null_in_a_request_leaves_what_the_profile_says() -> None:
    profile = SessionConfiguration.read(CONFIGURATION)
    merged = SessionConfiguration.read({"channel": None, "strict_items": True}).over(profile)
    assert (merged.channel, merged.strict_items) == ("in_store", True)
    assert merged.raw == {**CONFIGURATION, "strict_items": True}
    assert merged.receipt == profile.receipt


def test_a_theme_has_the_keys_that_we_know() -> None:
    assert THEME_KEYS == ("primary", "backdrop", "cardRadius", "buttonRadius")
    theme = {"primary": "#1", "backdrop": "#2", "cardRadius": 4, "buttonRadius": 1.5, "x": "y"}
    assert SessionConfiguration.read({"theme": theme}).theme == {
        "primary": "#1",
        "backdrop": "#2",
        "cardRadius": "4",
        "buttonRadius": "1.5",
    }
    odd: dict[str, Any] = {"primary": None, "backdrop": [], "cardRadius": {}}
    assert SessionConfiguration.read({"theme": odd}).theme == {}


def test_a_merchant_is_read_whole() -> None:
    raw = {"name": "Butikk", "logo_url": "https://shop.example/x.png", "country": "NO", "x": "hush"}
    assert Merchant.read(raw) == Merchant("Butikk", "https://shop.example/x.png", "NO", raw)
    assert Merchant.read(None) == Merchant("", None, None, {})
    merged = Merchant.of("Konto", {"country": "NO", "logo_url": ""}, {"x": 1, "country": None})
    assert merged.raw == {"name": "Konto", "country": "NO", "x": 1}
    assert Merchant.of("Konto", None, 7) == Merchant("Konto", None, None, {"name": "Konto"})


@pytest.mark.parametrize(
    "read",
    [
        Address.read(ADDRESS),
        Item.read(ITEM),
        ShippingOption.read(OPTION),
        Order.read(ORDER),
        SessionConfiguration.read(CONFIGURATION),
        Merchant.read({"name": "Butikk", "our_own": "hush"}),
    ],
    ids=lambda read: type(read).__name__,
)
def test_what_came_is_not_printed_with_what_was_read(read: Any) -> None:
    assert read.raw["our_own"] == "hush"
    assert "hush" not in repr(read)
