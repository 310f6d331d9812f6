"""Magento 2 with the extension 1.8: what it sends, and what it reads.

It computes amounts in floating point, puts telephone numbers through a URL encoder, sends an empty
list or null as the body of a void or a cancel, and captures an invoice without quantities. Its
Express sessions get shipping options and discount codes from the shop's own addresses.
"""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.support.plugin import HOME, PROFILE, Plugin, last_event, lines

TOTAL = 588.3 + 99.0
ITEM = {
    "id": "PLEDD-1", "line_id": "PLEDD-1-42", "description": "Ullpledd (PLEDD-1)", "quantity": 2,
    "amount": 58830.0, "vat_amount": 117.66 * 100, "vat": 25,
}  # fmt: skip
SHIPPING_LINE = {
    "id": "flatrate_flatrate", "description": "Flat Rate,Fixed", "quantity": 1,
    "vat_amount": 1980.0, "amount": 9900.0, "line_id": "flatrate_flatrate",
}  # fmt: skip
ADDRESS = {**HOME, "phone_number": "%2B4741234567"}
BILLING = {**ADDRESS, "email": "kari@example.no"}
OPTION = {
    "id": "flatrate_flatrate", "line_id": "flatrate_flatrate", "amount": 99.0 * 100,
    "vat_amount": (99.0 - 79.2) * 100, "vat": 0.25, "title": "Fixed", "description": "Fixed",
    "operator": "Flat Rate", "operator_product_id": "flatrate", "delivery_method": "delivery",
    "countries": ["AF", "AX", "AL", "DZ", "NO", "SE", "XK", "ZW"],
}  # fmt: skip


def session(shop_url: str, kind: str = "standard", **order: Any) -> dict[str, Any]:
    return {
        "profile_id": PROFILE,
        "expires_at": "2099-11-30T16:44:10.333Z",
        "url": {
            "return_url": "https://shop.example/dintero/payment/response/",
            "callback_url": f"{shop_url}/rest/default/V1/dintero/checkout/{kind}/callback"
            "?delay_callback=20&method=GET&report_event=CAPTURE&report_event=REFUND"
            "&report_event=VOID",
        },
        "order": {
            "amount": TOTAL * 100,
            "currency": "NOK",
            "merchant_reference": "000000042",
            "items": [ITEM, SHIPPING_LINE],
            "billing_address": BILLING,
            "shipping_address": ADDRESS,
            **order,
        },
        "customer": {"phone_number": "412 34 567", "email": "kari@example.no"},
        "metadata": {"system_x_id": "Magento Community", "number_x": "2.4.6"},
    }


@pytest.fixture
async def magento(plugin: Plugin) -> Plugin:
    plugin.headers = {
        "content-type": "application/json; charset=utf-8",
        "accept": "application/json",
        "dintero-system-name": "Magento",
        "dintero-system-version": "2.4.6",
        "dintero-system-plugin-name": "Dintero.Checkout.Magento.V2",
        "dintero-system-plugin-version": "1.8.28",
    }
    await plugin.signs_in()
    return plugin


async def paid(magento: Plugin) -> str:
    session_id = await magento.creates(session(magento.server.url))
    return (await magento.payer_pays(session_id, 68730))["transaction_id"]


async def test_a_whole_life(magento: Plugin) -> None:
    session_id = await magento.creates(session(magento.server.url))
    # Its check of a session that is still open: items, reference, expiry.
    read = await magento.asks("GET", f"sessions/{session_id}")
    assert (read["order"]["amount"], read["order"]["merchant_reference"]) == (68730, "000000042")
    assert lines(read["order"]) == [("PLEDD-1-42", 58830), ("flatrate_flatrate", 9900)]
    assert read["order"]["items"][0]["vat_amount"] == 11766
    assert read["expires_at"].startswith("2099-11-30T16:44:10")
    assert read["order"]["billing_address"]["phone_number"] == "+4741234567"

    back = await magento.payer_pays(session_id, 68730)
    assert back["merchant_reference"] == "000000042"
    transaction_id = back["transaction_id"]
    read = await magento.asks("GET", f"transactions/{transaction_id}")
    assert (read["id"], read["status"], read["amount"]) == (transaction_id, "AUTHORIZED", 68730)
    assert read["merchant_reference"] == "000000042"
    assert read["payment_product_type"] == "dintero_psp.creditcard"
    assert read["session_id"] == session_id

    # The first invoice has one of two blankets, and its lines carry no quantity.
    half = {
        "id": "PLEDD-1",
        "line_id": "PLEDD-1-42",
        "amount": 294.15 * 100,
        "description": "Ullpledd (PLEDD-1)",
        "vat_amount": 58.83 * 100,
    }
    freight = {
        "id": "flatrate_flatrate",
        "description": "Flat Rate, Fixed",
        "vat_amount": 1980.0,
        "amount": 9900.0,
        "line_id": "flatrate_flatrate",
    }
    path = f"transactions/{transaction_id}"
    first = {"id": transaction_id, "amount": 393.15 * 100, "items": [half, freight]}
    captured = await magento.asks("POST", f"{path}/capture", first)
    assert captured["status"] == "PARTIALLY_CAPTURED"
    assert last_event(captured, "CAPTURE")["amount"] == 39315
    # The second has an extra charge that the order never had, for less of the blanket.
    charge = {
        "id": "surcharge",
        "line_id": "surcharge",
        "amount": 1000.0000000000001,
        "description": "Gebyr",
        "vat_amount": 0.0,
    }
    second = {
        "id": transaction_id,
        "amount": 29415.0,
        "items": [{**half, "amount": 28415.000000000004}, charge],
    }
    captured = await magento.asks("POST", f"{path}/capture", second)
    assert captured["status"] == "CAPTURED"
    assert lines(last_event(captured, "CAPTURE")) == [("PLEDD-1-42", 28415), ("surcharge", 1000)]

    # A credit memo with an adjustment fee: the lines are worth more than what is given back.
    memo = {"id": transaction_id, "amount": 244.15 * 100, "items": [half]}
    refunded = await magento.asks("POST", f"{path}/refund", memo)
    assert refunded["status"] == "PARTIALLY_REFUNDED"
    assert last_event(refunded, "REFUND")["amount"] == 24415
    # One with an adjustment refund alone has no lines.
    rest = {"id": transaction_id, "amount": 44315.0, "items": []}
    refunded = await magento.asks("POST", f"{path}/refund", rest)
    assert refunded["status"] == "REFUNDED"
    assert await magento.confirmed_callbacks() == [
        "",
        "CAPTURE",
        "CAPTURE",
        "REFUND",
        "REFUND",
    ]
    assert magento.server.got[0].query["transaction_id"] == transaction_id


@pytest.mark.parametrize("raw", ["[]", "null", ""])
async def test_an_order_that_is_voided(magento: Plugin, raw: str) -> None:
    transaction_id = await paid(magento)
    voided = await magento.asks("POST", f"transactions/{transaction_id}/void", raw=raw)
    assert voided["status"] == "AUTHORIZATION_VOIDED"
    assert await magento.confirmed_callbacks() == ["", "VOID"]


@pytest.mark.parametrize("raw", ["[]", "null", ""])
async def test_a_session_that_is_given_up(magento: Plugin, raw: str) -> None:
    session_id = await magento.creates(session(magento.server.url))
    cancelled = await magento.asks("POST", f"sessions/{session_id}/cancel", raw=raw)
    assert cancelled["id"] == session_id
    assert cancelled["cancelled_at"]


async def test_an_invoice_after_the_capture_is_refused_in_words(magento: Plugin) -> None:
    transaction_id = await paid(magento)
    whole = {"id": transaction_id, "amount": TOTAL * 100, "items": [ITEM, SHIPPING_LINE]}
    await magento.asks("POST", f"transactions/{transaction_id}/capture", whole)
    refused = await magento.asks(
        "POST", f"transactions/{transaction_id}/capture", whole, expect=400
    )
    assert refused["error"]["message"]
    read = await magento.asks("GET", f"transactions/{transaction_id}")
    assert (read["status"], [event["event"] for event in read["events"]].count("CAPTURE")) == (
        "CAPTURED",
        1,
    )


async def test_express_with_the_shops_own_shipping(magento: Plugin) -> None:
    body = session(magento.server.url, "express", amount=588.3 * 100, items=[ITEM])
    del body["customer"]
    for address in ("billing_address", "shipping_address"):
        del body["order"][address]
    body["order"]["discount_lines"] = [
        {
            "amount": 1170.0,
            "discount_id": "7",
            "discount_type": "customer",
            "description": "Sommer",
            "line_id": 1,
            "percentage": 2.0,
        },
    ]
    body["discount_codes"] = ["SOMMER"]
    body["checkboxes"] = [
        {"id": "1", "label": "Jeg godtar kjøpsvilkårene", "checked": True, "required": True}
    ]
    body["configuration"] = {
        "allow_different_billing_shipping_address": ["b2c"],
        "discounts": {"express_discount_codes": {"enabled": True}},
    }
    body["express"] = {
        "customer_types": ["b2c", "b2b"],
        "shipping_address_callback_url": f"{magento.server.url}/rest/V1/dintero/shipping",
        "shipping_options": [],
        "discount_codes": {"max_count": 1, "callback_url": f"{magento.server.url}/rest/V1/coupon"},
    }
    session_id = await magento.creates(body)
    read = await magento.asks("GET", f"sessions/{session_id}")
    assert json.dumps(read["order"]["discount_lines"][0]["amount"]) == "1170"

    options = {"shipping_options": [OPTION]}
    magento.server.replies = [(200, json.dumps(options).encode())]
    contact = {"email": "kari@example.no", "phone_number": "+4741234567"}
    await magento.payer_gives(session_id, shipping_address={**HOME, **contact})
    asked = magento.server.got.pop()
    assert (asked.method, asked.target) == ("POST", "/rest/V1/dintero/shipping")
    assert asked.json["id"] == session_id
    assert asked.json["order"]["merchant_reference"] == "000000042"
    assert asked.json["order"]["shipping_address"]["postal_code"] == "0154"

    # The shop reads the choice from the session, and sends the order again with it.
    chosen = await magento.asks("GET", f"sessions/{session_id}")
    assert (chosen["order"]["shipping_option"]["id"], chosen["order"]["amount"]) == (
        "flatrate_flatrate",
        68730,
    )
    assert chosen["order"]["shipping_option"]["operator"] == "Flat Rate"
    assert chosen["order"]["billing_address"]["last_name"] == "Nordmann"
    back = await magento.payer_asks(
        "POST",
        f"sessions/{session_id}/pay",
        {
            "payment_product_type": "dintero_psp.creditcard",
            "amount": 68730,
            "checkboxes": [{"id": "1", "checked": True}],
        },
    )
    answer = magento.card_gateway.pay(back["redirect_url"])
    await magento.merchant.come_back(answer.headers["location"])
    paid_session = await magento.asks("GET", f"sessions/{session_id}")
    transaction = await magento.asks("GET", f"transactions/{paid_session['transaction_id']}")
    assert transaction["shipping_option"]["id"] == "flatrate_flatrate"
    assert transaction["billing_address"]["email"] == "kari@example.no"
    capture = {"id": transaction["id"], "amount": TOTAL * 100, "items": [ITEM, SHIPPING_LINE]}
    captured = await magento.asks("POST", f"transactions/{transaction['id']}/capture", capture)
    assert captured["status"] == "CAPTURED"


async def test_the_cart_changes_while_the_page_is_open(magento: Plugin) -> None:
    """It sends the reference, which cannot change, and a customer, whom a change has no place
    for."""
    body = session(magento.server.url, "embedded")
    body["express"] = {"customer_types": ["b2c"], "shipping_options": [OPTION]}
    body["order"] |= {"amount": 58830.0, "items": [ITEM]}
    session_id = await magento.creates(body)
    await magento.payer_asks("POST", f"view/{session_id}/session/lock")
    one = {**ITEM, "quantity": 1, "amount": 29415.000000000004, "vat_amount": 5883.0}
    change = {
        "remove_lock": True,
        "order": {
            "amount": 294.15 * 100,
            "currency": "NOK",
            "merchant_reference": "000000042",
            "items": [one],
            "shipping_option": OPTION,
        },
        "customer": {"email": "kari@example.no"},
    }
    change["order"]["amount"] += 9900.0  # type: ignore[index]
    updated = await magento.asks("PUT", f"sessions/{session_id}", change)
    assert (updated["order"]["amount"], updated["order"]["items"][0]["amount"]) == (39315, 29415)


async def test_the_images_in_the_footer(magento: Plugin) -> None:
    """With a profile, and in the form that the extension has without one."""
    profile = f"accounts/T12345678/profiles/{PROFILE}/variant/mono/color/444444/width/600"
    without = "logos/visa_mastercard_vipps_swish_walley/variant/colors/colors/color/444444"
    for path, shown in (
        (f"{profile}/dintero_left_frame.svg", "Visa, Mastercard"),
        (f"{without}/width/600/dintero_left_frame.svg", "Visa, Mastercard, Vipps, Swish, Walley"),
    ):
        image = await magento.merchant.api.get(
            f"/v1/branding/{path}", headers={"authorization": ""}
        )
        assert (image.status_code, image.headers["content-type"]) == (200, "image/svg+xml")
        assert f"<title>{shown}</title>" in image.text
