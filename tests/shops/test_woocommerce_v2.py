"""WooCommerce with the extension V2: what version 1.14 sends, and what it reads.

It updates with `update_without_lock`, names a shop's fee by the fee's name, ends every order with a
line `rounding-fee` where the lines do not sum, and takes 500 for "ask me again".
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import pytest

from tests.support.card_gateway import DECLINED
from tests.support.plugin import CONTACT, HOME, PROFILE, Plugin, last_event, lines

REFERENCE = "dwc65a7f3d2c41b07.12345678"
STEERING = (
    "delay_callback=120&report_error=true&sid_parameter_name=sid"
    "&report_event=CAPTURE&report_event=REFUND&report_event=VOID"
)
BLANKET = {
    "id": "PLEDD-1", "line_id": "9f61408e3afb633e50cdf1b20de6f466", "description": "Ullpledd",
    "quantity": 2, "amount": 59980, "vat_amount": 11996, "vat": 25,
    "thumbnail_url": "https://shop.example/wp-content/uploads/pledd-300x300.jpg",
}  # fmt: skip
WRAPPING = {"id": "Innpakning", "line_id": "Innpakning", "description": "Innpakning",
            "quantity": 1, "amount": 2500, "vat_amount": 500, "vat": 20}  # fmt: skip
SHIPPING = {
    "id": "flat_rate:3", "line_id": "flat_rate:3", "amount": 9900, "vat_amount": 1980, "vat": 25,
    "operator": "", "title": "Hjem", "description": "", "delivery_method": "unspecified",
    "operator_product_id": "3", "quantity": 1, "type": "shipping",
    "thumbnail_url": "https://shop.example/icon-neutral.svg",
}  # fmt: skip


def rounding(amount: int) -> dict[str, Any]:
    return {
        "id": "rounding-fee",
        "line_id": "rounding-fee",
        "description": "Rounding fee",
        "quantity": 1,
        "amount": amount,
        "vat_amount": 0,
        "vat": 0,
    }


def shipped(amount: int = 9900, line_id: str = "flat_rate:3") -> dict[str, Any]:
    """The shipping line of a capture or a refund: without operator and VAT rate."""
    return {
        "id": "flat_rate:3",
        "line_id": line_id,
        "amount": amount,
        "description": "",
        "title": "Hjem",
        "vat_amount": 1980,
        "quantity": 1,
    }


def order(items: Iterable[dict[str, Any]], amount: int, **more: Any) -> dict[str, Any]:
    return {
        "amount": amount,
        "currency": "NOK",
        "vat_amount": 14476,
        "items": list(items),
        "store": {"id": "shop.example"},
        **more,
    }


def session(shop_url: str, order: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {
        "url": {
            "return_url": "https://shop.example/?gateway=dintero",
            "callback_url": f"{shop_url}/wc-api/dintero_callback/?{STEERING}",
        },
        "order": {**order, "merchant_reference": REFERENCE},
        "profile_id": PROFILE,
        **more,
    }


@pytest.fixture
async def woo(plugin: Plugin) -> Plugin:
    plugin.headers = {
        "content-type": "application/json; charset=utf-8",
        "accept": "application/json",
        "dintero-system-name": "woocommerce",
        "dintero-system-version": "9.9.3",
        "dintero-system-plugin-name": "Dintero.Checkout.WooCommerce.V2",
        "dintero-system-plugin-version": "1.14.2",
        "user-agent": "WordPress/6.8.1; https://shop.example - WooCommerce: 9.9.3",
    }
    token = await plugin.signs_in()
    assert token["token_type"] == "Bearer"
    assert token["expires_in"] >= 1200
    return plugin


async def paid(woo: Plugin, **more: Any) -> str:
    """The standard checkout: the shop has asked for everything, and we take the payment."""
    addresses = {"billing_address": {**HOME, **CONTACT}, "shipping_address": {**HOME, **CONTACT}}
    whole = order([BLANKET, WRAPPING], 72380, shipping_option=SHIPPING, **addresses)
    session_id = await woo.creates(session(woo.server.url, whole, **more))
    back = await woo.payer_pays(session_id, 72380)
    assert (back["gateway"], back["merchant_reference"]) == ("dintero", REFERENCE)
    assert "error" not in back
    return back["transaction_id"]


async def test_a_whole_life(woo: Plugin) -> None:
    addresses = {"billing_address": {**HOME, **CONTACT}, "shipping_address": {**HOME, **CONTACT}}
    one = {**BLANKET, "quantity": 1, "amount": 29990, "vat_amount": 5998}
    small = order([one], 39890, shipping_option=SHIPPING, **addresses)
    session_id = await woo.creates(session(woo.server.url, small))

    # The cart grows, and its lines sum to one øre less than its total.
    grown = order([BLANKET, WRAPPING, rounding(1)], 72381, shipping_option=SHIPPING, **addresses)
    path = f"sessions/{session_id}?update_without_lock=true"
    updated = await woo.asks("PUT", path, {"order": grown, "remove_lock": True})
    assert updated["order"]["amount"] == 72381
    assert updated["order"]["merchant_reference"] == REFERENCE
    read = await woo.asks("GET", f"sessions/{session_id}")
    assert lines({"items": read["order"]["items"]})[-1] == ("rounding-fee", 1)
    assert read["order"]["shipping_option"]["line_id"] == "flat_rate:3"

    # The order does not exist yet when the first callback comes.
    woo.server.replies = [500, 500]
    back = await woo.payer_pays(session_id, 72381)
    transaction_id = back["transaction_id"]
    heard = [got.query for got in await woo.hears()]
    assert len(heard) == 3
    assert {one["merchant_reference"] for one in heard} == {REFERENCE}
    assert {one["transaction_id"] for one in heard} == {transaction_id}
    assert {one["sid"] for one in heard} == {session_id}
    assert all("error" not in one and "event" not in one for one in heard)

    await woo.asks("PUT", f"transactions/{transaction_id}", {"merchant_reference_2": "1742"})
    confirmed = await woo.asks("GET", f"transactions/{transaction_id}?includes=card.payment_token")
    assert confirmed["status"] == "AUTHORIZED"
    assert confirmed["merchant_reference_2"] == "1742"
    assert confirmed["payment_product_type"] == "dintero_psp.creditcard"
    assert confirmed["shipping_option"]["id"] == "flat_rate:3"
    assert confirmed["billing_address"]["email"] == CONTACT["email"]
    assert confirmed["billing_address"]["phone_number"] == CONTACT["phone_number"]

    await _captures_with_a_fee_and_a_discount(woo, transaction_id)

    # A refund without a rounding line: the lines sum to more than the shop gives back.
    refund = {
        "refund_reference": "1742",
        "amount": 30000,
        "reason": "",
        "items": [{**BLANKET, "quantity": 1, "amount": 29990}, shipped(20)],
    }
    refunded = await woo.asks("POST", f"transactions/{transaction_id}/refund", refund)
    assert refunded["status"] == "PARTIALLY_REFUNDED"
    event = last_event(refunded, "REFUND")
    assert (event["amount"], event["event_reference"]) == (30000, "1742")
    assert lines(event) == [(BLANKET["line_id"], 29990), ("flat_rate:3", 20)]
    rest = {"refund_reference": "1742", "amount": 42381, "reason": "Angret", "items": []}
    refunded = await woo.asks("POST", f"transactions/{transaction_id}/refund", rest)
    assert refunded["status"] == "REFUNDED"
    assert await woo.confirmed_callbacks() == ["", "", "", "CAPTURE", "REFUND", "REFUND"]
    assert {got.query["merchant_reference"] for got in woo.server.got} == {REFERENCE}


async def _captures_with_a_fee_and_a_discount(woo: Plugin, transaction_id: str) -> None:
    """A fee was added to the order afterwards, and a discount was given: the lines say so."""
    added = {
        "id": "Montering",
        "line_id": "Montering",
        "description": "Montering",
        "quantity": 1,
        "amount": 3000,
        "vat_amount": 600,
        "vat": 0.2,
    }
    cheaper = {**BLANKET, "amount": 56980, "vat_amount": 11396}
    capture = {
        "capture_reference": "1742",
        "amount": 72381,
        "items": [cheaper, WRAPPING, added, shipped(), rounding(1)],
    }
    captured = await woo.asks("POST", f"transactions/{transaction_id}/capture", capture)
    assert (captured["status"], captured["amount"], captured["currency"]) == (
        "CAPTURED",
        72381,
        "NOK",
    )
    event = last_event(captured, "CAPTURE")
    assert (event["success"], event["amount"], event["event_reference"]) == (True, 72381, "1742")
    assert lines(event) == [
        (BLANKET["line_id"], 56980),
        ("Innpakning", 2500),
        ("Montering", 3000),
        ("flat_rate:3", 9900),
        ("rounding-fee", 1),
    ]


async def test_an_order_that_is_cancelled(woo: Plugin) -> None:
    transaction_id = await paid(woo)
    voided = await woo.asks("POST", f"transactions/{transaction_id}/void", {"id": transaction_id})
    assert voided["status"] == "AUTHORIZATION_VOIDED"
    read = await woo.asks("GET", f"transactions/{transaction_id}")
    assert read["status"] == "AUTHORIZATION_VOIDED"
    assert await woo.confirmed_callbacks() == ["", "VOID"]


@pytest.mark.parametrize(
    "line",
    [
        {**BLANKET, "line_id": "PLEDD-1"},  # an order of an older version of the extension
        {**BLANKET, "amount": 59981},
        {**BLANKET, "amount": 1},
        {**BLANKET, "quantity": 0, "vat": 0.25, "vat_amount": 11996.000000000002},
        {"id": "GAVE-1", "line_id": "GAVE-1", "type": "gift_card", "description": "Gavekort: 1",
         "quantity": 1, "tax_rate": 0, "vat_amount": 0, "vat": 0, "amount": -10000},
    ],
)  # fmt: skip
async def test_a_line_that_is_not_the_sessions(woo: Plugin, line: dict[str, Any]) -> None:
    transaction_id = await paid(woo)
    body = {"capture_reference": "1742", "amount": 72380, "items": [line, shipped(line_id="17")]}
    captured = await woo.asks("POST", f"transactions/{transaction_id}/capture", body)
    assert captured["status"] == "CAPTURED"
    event = last_event(captured, "CAPTURE")
    assert event["amount"] == 72380
    assert lines(event) == [(line["line_id"], line["amount"]), ("17", 9900)]
    back = {"refund_reference": "1742", "amount": 72380, "items": [line], "reason": ""}
    refunded = await woo.asks("POST", f"transactions/{transaction_id}/refund", back)
    assert refunded["status"] == "REFUNDED"


async def test_more_than_was_authorized_is_refused_in_words(woo: Plugin) -> None:
    """The note on the order shows the code of the answer, and the message."""
    transaction_id = await paid(woo)
    body = {"capture_reference": "1742", "amount": 72381, "items": [BLANKET]}
    refused = await woo.asks("POST", f"transactions/{transaction_id}/capture", body, expect=400)
    assert refused["error"]["message"]
    read = await woo.asks("GET", f"transactions/{transaction_id}")
    assert (read["status"], [event["event"] for event in read["events"]]) == (
        "AUTHORIZED",
        ["INITIALIZE", "AUTHORIZE"],
    )


async def test_express_of_a_cart_that_is_not_shipped(woo: Plugin) -> None:
    """A cart of downloads: the page asks for e-mail and phone alone."""
    course = {**BLANKET, "id": "KURS", "line_id": "kurs", "quantity": 1, "amount": 29990}
    express = {
        "customer_types": ["b2c", "b2b"],
        "shipping_options": [],
        "shipping_mode": "shipping_not_required",
    }
    body = session(woo.server.url, order([course], 29990), express=express)
    session_id = await woo.creates(body)
    contact = {"email": "kari@example.no", "phone_number": "412 34 567"}
    await woo.payer_gives(session_id, shipping_address=contact)
    back = await woo.payer_pays(session_id, 29990)
    confirmed = await woo.asks("GET", f"transactions/{back['transaction_id']}")
    assert confirmed["status"] == "AUTHORIZED"
    assert confirmed["billing_address"]["email"] == "kari@example.no"
    assert confirmed["billing_address"]["phone_number"] == "+4741234567"


async def test_express_with_shipping_that_the_shop_chose(woo: Plugin) -> None:
    """Shipping is chosen on the shop's page: one option, in both places, and none is asked for."""
    express = {
        "customer_types": ["b2c"],
        "shipping_options": [SHIPPING],
        "shipping_mode": "shipping_not_required",
    }
    whole = order([BLANKET], 69880, shipping_option=SHIPPING)
    session_id = await woo.creates(session(woo.server.url, whole, express=express))
    await woo.payer_gives(session_id, shipping_address={**HOME, **CONTACT})
    read = await woo.asks("GET", f"sessions/{session_id}")
    assert read["order"]["amount"] == 69880
    assert read["order"]["billing_address"]["email"] == CONTACT["email"]
    assert read["order"]["billing_address"]["postal_code"] == "0154"
    same = {
        "order": order([BLANKET], 69880, shipping_option=SHIPPING),
        "express": express,
        "remove_lock": True,
    }
    await woo.asks("PUT", f"sessions/{session_id}?update_without_lock=true", same)
    back = await woo.payer_pays(session_id, 69880)
    confirmed = await woo.asks("GET", f"transactions/{back['transaction_id']}")
    assert confirmed["amount"] == 69880
    assert [line for line, _ in lines(confirmed)].count("flat_rate:3") == 1
    for name in ("first_name", "last_name", "address_line", "postal_code", "postal_place"):
        assert confirmed["billing_address"][name] == HOME[name]


async def test_express_with_shipping_in_the_frame(woo: Plugin) -> None:
    pick_up = {
        **SHIPPING,
        "id": "pickup:9",
        "line_id": "pickup:9",
        "amount": 0,
        "vat_amount": 0,
        "title": "Hent",
        "operator": "posten",
        "delivery_method": "pick_up",
        "countries": ["NO"],
        "pick_up_address": {
            "address_line": "Storgata 1",
            "postal_code": "0155",
            "postal_place": "Oslo",
            "country": "NO",
            "business_name": "Kiosken",
            "latitude": 59.91,
            "longitude": 10.75,
        },
    }
    express = {
        "customer_types": ["b2c", "b2b"],
        "shipping_options": [SHIPPING, pick_up],
        "shipping_mode": "shipping_required",
    }
    whole = order([BLANKET], 69880, shipping_option=SHIPPING)
    session_id = await woo.creates(session(woo.server.url, whole, express=express))
    await woo.payer_gives(session_id, shipping_address={**HOME, **CONTACT})
    path = f"view/{session_id}/session/order/shipping_option"
    shown = await woo.payer_asks("PUT", path, {"id": "pickup:9", "line_id": "pickup:9"})
    assert shown["order"]["amount"] == 59980
    chosen = {
        "order": order([BLANKET], 59980, shipping_option=pick_up),
        "express": express,
        "remove_lock": True,
    }
    await woo.asks("PUT", f"sessions/{session_id}?update_without_lock=true", chosen)
    back = await woo.payer_pays(session_id, 59980)
    confirmed = await woo.asks("GET", f"transactions/{back['transaction_id']}")
    assert confirmed["shipping_option"]["id"] == "pickup:9"
    assert confirmed["shipping_option"]["pick_up_address"]["business_name"] == "Kiosken"
    assert confirmed["billing_address"]["first_name"] == "Kari"


async def test_a_payment_that_fails_is_told(woo: Plugin) -> None:
    """With `report_error` the shop hears of what went wrong, and of the payment that follows."""
    addresses = {"billing_address": {**HOME, **CONTACT}, "shipping_address": {**HOME, **CONTACT}}
    whole = order([BLANKET], 59980, **addresses)
    session_id = await woo.creates(session(woo.server.url, whole))
    choice = {"payment_product_type": "dintero_psp.creditcard", "amount": 59980}
    started = await woo.payer_asks("POST", f"sessions/{session_id}/pay", choice)
    declined = woo.card_gateway.pay(started["redirect_url"], DECLINED)
    assert declined.status_code in (200, 302, 303, 402)
    back = await woo.payer_pays(session_id, 59980)
    heard = [got.query for got in await woo.hears()]
    assert heard[-1]["transaction_id"] == back["transaction_id"]
    assert "error" not in heard[-1]


async def test_the_images_on_the_checkout(woo: Plugin) -> None:
    """The two forms of the setting: marks alone, or a frame; and in one colour of the shop's."""
    for looks in (
        "logomark/color/cecece/width/300/logos.svg",
        "mono/color/111/width/600/logos.svg",
        "colors/color/cecece/width/600/dintero_top_frame.svg",
    ):
        path = f"/v1/branding/accounts/T12345678/profiles/{PROFILE}/variant/{looks}"
        image = await woo.merchant.api.get(path, headers={"authorization": ""})
        assert (image.status_code, image.headers["content-type"]) == (200, "image/svg+xml")
        assert "<title>Visa, Mastercard</title>" in image.text
