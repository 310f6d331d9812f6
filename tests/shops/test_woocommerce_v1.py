"""WooCommerce with the older extension: what version 2021 to 2023 sends, and what it reads.

It updates an embedded session only after the page has locked it, sends empty strings where the shop
knows nothing, captures under other line ids than the session's, and refunds by amount alone.
"""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.plugin import HOME, PROFILE, Plugin, last_event, lines

ITEMS = [
    {
        "id": "item_1",
        "description": "Ullpledd",
        "quantity": 2,
        "vat_amount": 11996,
        "vat": 20,
        "amount": 59980,
        "line_id": "1",
    },
    {
        "id": "shipping",
        "description": "Shipping: Hjem",
        "quantity": 1,
        "vat_amount": 1980,
        "vat": 25,
        "amount": 9900,
        "line_id": "2",
    },
]
EMPTY = dict.fromkeys(HOME, "")
FLAT_RATE = {
    "id": "shipping_express", "line_id": "2", "amount": 9900, "vat_amount": 1980, "vat": 25,
    "title": "Shipping: Hjem", "description": "", "delivery_method": "delivery", "operator": "",
    "operator_product_id": "",
}  # fmt: skip


def session(
    shop_url: str, amount: int, items: list[dict[str, Any]], **order: Any
) -> dict[str, Any]:
    return {
        "url": {
            "return_url": "https://shop.example/?dhp-ajax=dhp_update_ord&order=1742",
            "callback_url": f"{shop_url}/?dhp-ajax=dhp_create_order&delay_callback=30"
            "&report_error=true",
            "merchant_terms_url": "",
        },
        "customer": {"email": "kari@example.no", "phone_number": "+47 412 34 567"},
        "order": {
            "amount": amount,
            "vat_amount": 13976,
            "currency": "NOK",
            "merchant_reference": "1742",
            "shipping_address": HOME,
            "billing_address": HOME,
            "items": items,
            "store": {"id": "shop.example"},
            **order,
        },
        "profile_id": PROFILE,
        "metadata": {"woo_customer_id": "t_5c1f2e7b"},
    }


@pytest.fixture
async def woo(plugin: Plugin) -> Plugin:
    plugin.headers = {
        "content-type": "application/json; charset=utf-8",
        "accept": "application/json",
        "user-agent": "Dintero.Checkout.Woocomerce.1.2.1 (+https://shop.example)",
        "dintero-system-name": "woocommerce",
        "dintero-system-version": "5.9.0",
        "dintero-system-plugin-name": "Dintero.Checkout.WooCommerce",
        "dintero-system-plugin-version": "2023.02.06",
    }
    await plugin.signs_in()
    return plugin


async def paid(woo: Plugin) -> str:
    session_id = await woo.creates(session(woo.server.url, 69880, ITEMS))
    return (await woo.payer_pays(session_id, 69880))["transaction_id"]


async def test_a_whole_life(woo: Plugin) -> None:
    session_id = await woo.creates(session(woo.server.url, 69880, ITEMS))
    back = await woo.payer_pays(session_id, 69880)
    assert (back["dhp-ajax"], back["order"], back["merchant_reference"]) == (
        "dhp_update_ord",
        "1742",
        "1742",
    )
    transaction_id = back["transaction_id"]
    read = await woo.asks("GET", f"transactions/{transaction_id}")
    assert "error" not in read
    assert (read["status"], read["amount"], read["merchant_reference"]) == (
        "AUTHORIZED",
        69880,
        "1742",
    )
    # By the ids of its items the extension tells a redirect from an embedded checkout.
    assert [item["id"] for item in read["items"]] == ["item_1", "shipping"]
    assert read["metadata"]["woo_customer_id"] == "t_5c1f2e7b"

    # A fee came to the order after it was paid, and a discount of the same amount.
    fee = {
        "id": "fee_1",
        "description": "Gebyr",
        "quantity": 1,
        "vat_amount": 0,
        "vat": 0,
        "amount": 2000,
        "line_id": "fee_1",
    }
    cheaper = {**ITEMS[0], "amount": 57980}
    capture = {"amount": 69880, "capture_reference": "1742", "items": [cheaper, ITEMS[1], fee]}
    captured = await woo.asks("POST", f"transactions/{transaction_id}/capture", capture)
    assert captured["status"] == "CAPTURED"
    assert lines(last_event(captured, "CAPTURE")) == [("1", 57980), ("2", 9900), ("fee_1", 2000)]

    part = {"amount": 29990, "reason": ""}
    refunded = await woo.asks("POST", f"transactions/{transaction_id}/refund", part)
    assert refunded["status"] == "PARTIALLY_REFUNDED"
    rest = {"amount": 39890, "reason": "Angret"}
    refunded = await woo.asks("POST", f"transactions/{transaction_id}/refund", rest)
    assert refunded["status"] == "REFUNDED"
    heard = [got.query for got in await woo.hears()]
    assert [one.get("event", "") for one in heard] == [""]
    assert (heard[0]["dhp-ajax"], heard[0]["transaction_id"], heard[0]["session_id"]) == (
        "dhp_create_order",
        transaction_id,
        session_id,
    )


async def test_one_oere_too_few(woo: Plugin) -> None:
    """Where its sum is one øre beside ours, the extension sends our amount and no lines."""
    transaction_id = await paid(woo)
    capture = {"amount": 69880, "capture_reference": "1742"}
    captured = await woo.asks("POST", f"transactions/{transaction_id}/capture", capture)
    assert captured["status"] == "CAPTURED"


async def test_an_order_that_is_cancelled(woo: Plugin) -> None:
    """A request without a body."""
    transaction_id = await paid(woo)
    voided = await woo.asks("POST", f"transactions/{transaction_id}/void")
    assert voided["status"] == "AUTHORIZATION_VOIDED"


async def test_an_order_of_what_is_not_shipped(woo: Plugin) -> None:
    """The shop has no delivery address: all of it is empty text."""
    body = session(woo.server.url, 59980, ITEMS[:1], shipping_address=EMPTY)
    session_id = await woo.creates(body)
    back = await woo.payer_pays(session_id, 59980)
    read = await woo.asks("GET", f"transactions/{back['transaction_id']}")
    assert (read["status"], read["amount"]) == ("AUTHORIZED", 59980)
    assert read["billing_address"]["postal_code"] == "0154"
    given = read.get("shipping_address") or {}
    assert "" not in given.values()


async def test_the_express_button(woo: Plugin) -> None:
    body = session(woo.server.url, 59980, ITEMS[:1], shipping_address=EMPTY, billing_address=EMPTY)
    body["customer"] = {"email": "", "phone_number": ""}
    body["express"] = {"customer_types": ["b2b", "b2c"], "shipping_options": [FLAT_RATE]}
    session_id = await woo.creates(body)
    contact = {"email": "kari@example.no", "phone_number": "41234567"}
    await woo.payer_gives(session_id, shipping_address={**HOME, **contact})
    back = await woo.payer_pays(session_id, 69880)
    read = await woo.asks("GET", f"transactions/{back['transaction_id']}")
    assert read["shipping_option"]["id"] == "shipping_express"
    assert read["billing_address"]["first_name"] == "Kari"
    assert read["billing_address"]["email"] == "kari@example.no"
    assert read["billing_address"]["phone_number"] == "+4741234567"
    # The shipping line has another name in the shop than here.
    products = [
        {**ITEMS[0], "id": "4711", "line_id": "4711"},
        {**ITEMS[1], "id": "flat_rate:3", "line_id": "shipping_method"},
    ]
    capture = {"amount": 69880, "capture_reference": "1742", "items": products}
    captured = await woo.asks("POST", f"transactions/{back['transaction_id']}/capture", capture)
    assert captured["status"] == "CAPTURED"
    assert lines(last_event(captured, "CAPTURE")) == [("4711", 59980), ("shipping_method", 9900)]


async def test_the_express_button_without_shipping(woo: Plugin) -> None:
    """No shipping options, and one in the order that the list does not have."""
    none = {
        "id": "shipping_express",
        "line_id": "shipping_method",
        "amount": 0,
        "title": "Shipping: none",
        "description": "",
        "delivery_method": "none",
        "operator": "",
    }
    body = session(
        woo.server.url,
        59980,
        ITEMS[:1],
        shipping_address=EMPTY,
        billing_address=EMPTY,
        shipping_option=none,
    )
    body["express"] = {"customer_types": ["b2c"], "shipping_options": []}
    session_id = await woo.creates(body)
    contact = {"email": "kari@example.no", "phone_number": "+47 41 23 45 67"}
    await woo.payer_gives(session_id, shipping_address={**HOME, **contact})
    back = await woo.payer_pays(session_id, 59980)
    read = await woo.asks("GET", f"transactions/{back['transaction_id']}")
    assert (read["status"], read["amount"]) == ("AUTHORIZED", 59980)
    assert read["shipping_option"]["id"] == "shipping_express"


async def test_the_cart_changes_while_the_page_is_open(woo: Plugin) -> None:
    """The page locks, the shop's server changes the order, and the lock is gone."""
    body = session(woo.server.url, 59980, ITEMS[:1])
    body["express"] = {"customer_types": ["b2c"], "shipping_options": [FLAT_RATE]}
    session_id = await woo.creates(body)
    locked = await woo.payer_asks("POST", f"view/{session_id}/session/lock")
    assert locked["pay_lock"]["pay_lock_id"]
    read = await woo.asks("GET", f"sessions/{session_id}")
    more = {
        **read["order"],
        "amount": 89970,
        "items": [{**ITEMS[0], "quantity": 3, "amount": 89970}],
    }
    updated = await woo.asks(
        "PUT",
        f"sessions/{session_id}",
        {"order": more, "express": body["express"], "remove_lock": True},
    )
    assert updated["order"]["amount"] == 89970
    again = await woo.asks("GET", f"sessions/{session_id}")
    assert again["order"]["items"][0]["amount"] == 89970
    assert (again.get("pay_lock") or {}).get("pay_lock_id") is None


async def test_a_session_that_cannot_be_names_a_request_to_ask_about(woo: Plugin) -> None:
    """The extension shows the body, and the header `request-id` for the letter to the support."""
    body = session(woo.server.url, 0, [])
    body["order"]["amount"] = -5
    refused = await woo.asks("POST", "sessions-profile", body, expect=400)
    assert "amount" in refused["error"]["message"]
    assert woo.last is not None
    first = woo.last.headers["request-id"]
    assert first
    await woo.asks("POST", "sessions-profile", body, expect=400)
    assert woo.last.headers["request-id"] != first


async def test_the_images_in_the_footer_and_the_checkout(woo: Plugin) -> None:
    for looks in (
        "variant/colors/color/ffffff/width/600/dintero_left_frame.svg",
        "variant/colors/color/cecece/width/420/dintero_left_frame.svg",
        "type/colors/width/600/dintero_top_frame.svg",
    ):
        path = f"/v1/branding/profiles/{PROFILE}/{looks}"
        image = await woo.merchant.api.get(path, headers={"authorization": ""})
        assert (image.status_code, image.headers["content-type"]) == (200, "image/svg+xml")
        assert "<title>Visa, Mastercard</title>" in image.text
