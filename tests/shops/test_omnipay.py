"""A shop in PHP with a driver of Omnipay: what the driver sends, and what it reads.

It sends Express orders with nulls for what its caller left out, changes an order with the body that
made it, and captures by amount. What the driver has no word for, its shop sends by itself.
"""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.checkout import ACCOUNT
from tests.support.plugin import HOME, PROFILE, Plugin, last_event

HOME_DELIVERY = {
    "id": "home", "line_id": "home", "amount": 9900, "vat_amount": 1980, "vat": 25,
    "operator": "Posten", "title": "Hjem", "description": None, "delivery_method": "delivery",
    "pick_up_address": None, "eta": None, "metadata": None, "countries": ["NO"],
}  # fmt: skip


def item(quantity: int = 2, kind: str | None = None) -> dict[str, Any]:
    return {
        "id": "PLEDD-1",
        "line_id": "1",
        "description": "Ullpledd",
        "quantity": quantity,
        "amount": 29990 * quantity,
        "vat_amount": 5998 * quantity,
        "vat": 25,
        "type": kind,
    }


def order(server: str, quantity: int = 2, **express: Any) -> dict[str, Any]:
    return {
        "url": {
            "return_url": "https://shop.example/kassa/klar",
            "merchant_terms_url": None,
            "callback_url": f"{server}/dintero/callback?report_event=REFUND"
            "&report_event=CAPTURE&report_event=VOID&method=POST",
        },
        "order": {
            "amount": 29990 * quantity,
            "currency": "NOK",
            "merchant_reference": None,
            "items": [item(quantity)],
        },
        "express": {"shipping_options": [HOME_DELIVERY], **express},
        "profile_id": PROFILE,
    }


@pytest.fixture
async def omnipay(plugin: Plugin) -> Plugin:
    plugin.headers = {
        "content-type": "application/json",
        "dintero-system-name": "Nyehandel-omnipay",
        "dintero-system-version": "1.0.0",
    }
    token = await plugin.signs_in({"audience": f"https://api.dintero.com/v1/accounts/{ACCOUNT}"})
    assert token["expires_in"] > 0
    return plugin


async def paid(omnipay: Plugin, quantity: int = 2) -> str:
    body = order(omnipay.server.url, quantity)
    body["order"]["merchant_reference"] = "N-1001"
    session_id = await omnipay.creates(body)
    contact = {"email": "kari@example.no", "phone_number": "+4741234567"}
    await omnipay.payer_gives(session_id, shipping_address={**HOME, **contact})
    return (await omnipay.payer_pays(session_id, 29990 * quantity + 9900))["transaction_id"]


async def test_a_whole_life(omnipay: Plugin) -> None:
    small = order(omnipay.server.url, 1)
    small["order"]["merchant_reference"] = "N-1001"
    session_id = await omnipay.creates(small)
    read = await omnipay.asks("GET", f"sessions/{session_id}")
    assert "type" not in read["order"]["items"][0]
    assert read["express"]["shipping_options"][0]["id"] == "home"
    absent = ("description", "pick_up_address", "eta", "metadata")
    assert [name for name in absent if name in read["express"]["shipping_options"][0]] == []

    # The page locks; the driver sends the whole body again.
    await omnipay.payer_asks("POST", f"view/{session_id}/session/lock")
    changed = order(omnipay.server.url, 2)
    assert changed["order"]["merchant_reference"] is None
    updated = await omnipay.asks("PUT", f"sessions/{session_id}", changed)
    assert (updated["id"], updated["order"]["merchant_reference"]) == (session_id, "N-1001")
    assert updated["order"]["items"][0]["quantity"] == 2

    contact = {"email": "kari@example.no", "phone_number": "+4741234567"}
    await omnipay.payer_gives(session_id, shipping_address={**HOME, **contact})
    back = await omnipay.payer_pays(session_id, 69880)
    transaction_id = back["transaction_id"]
    path = f"transactions/{transaction_id}"
    named = await omnipay.asks("PUT", path, {"merchant_reference_2": "N-1001"})
    assert named["merchant_reference_2"] == "N-1001"
    confirmed = await omnipay.asks("GET", path)
    assert (confirmed["status"], confirmed["amount"]) == ("AUTHORIZED", 69880)
    assert confirmed["billing_address"]["postal_code"] == "0154"
    assert confirmed["billing_address"]["email"] == "kari@example.no"
    assert confirmed["shipping_option"]["id"] == "home"

    # The order became cheaper before it was sent; what is left is let go later.
    captured = await omnipay.asks("POST", f"{path}/capture", {"amount": 65000})
    assert captured["status"] == "PARTIALLY_CAPTURED"
    assert last_event(captured, "CAPTURE")["amount"] == 65000
    back_again = {"amount": 5000, "reason": None, "refund_reference": None, "items": None}
    refunded = await omnipay.asks("POST", f"{path}/refund", back_again)
    assert last_event(refunded, "REFUND")["amount"] == 5000
    assert refunded["status"] == "PARTIALLY_CAPTURED_REFUNDED"
    assert await omnipay.confirmed_callbacks() == ["", "CAPTURE", "REFUND"]
    assert [got.method for got in omnipay.server.got] == ["POST"] * 3
    assert {got.json["id"] for got in omnipay.server.got} == {transaction_id}


async def test_an_order_that_is_voided(omnipay: Plugin) -> None:
    transaction_id = await paid(omnipay)
    voided = await omnipay.asks("POST", f"transactions/{transaction_id}/void", {})
    assert voided["status"] == "AUTHORIZATION_VOIDED"
    assert await omnipay.confirmed_callbacks() == ["", "VOID"]


async def test_express_as_null_is_none(omnipay: Plugin) -> None:
    """A caller who does not want Express leaves it null."""
    body = {**order(omnipay.server.url), "express": None}
    body["order"]["merchant_reference"] = "N-1001"
    session_id = await omnipay.creates(body)
    back = await omnipay.payer_pays(session_id, 59980)
    assert back["merchant_reference"] == "N-1001"
    read = await omnipay.asks("GET", f"sessions/{session_id}")
    assert read.get("express") is None


@pytest.mark.parametrize("mode", [None, "", "shipping_required"])
async def test_a_mode_that_was_left_out(omnipay: Plugin, mode: str | None) -> None:
    body = order(omnipay.server.url, 1, shipping_mode=mode, customer_types=None)
    body["order"]["merchant_reference"] = "N-1001"
    session_id = await omnipay.creates(body)
    read = await omnipay.asks("GET", f"sessions/{session_id}")
    assert read["express"]["shipping_mode"] == "shipping_required"


async def test_paths_that_do_not_exist(omnipay: Plugin) -> None:
    """The driver has words of another provider, and reads what we say to them."""
    for method, path in (("POST", "orders/1/acknowledge"), ("DELETE", "orders/1")):
        refused = await omnipay.asks(method, path, [], expect=404)
        assert refused["error"]["message"]
