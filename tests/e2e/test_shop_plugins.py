"""What shop plugins really send: `docs/reference/dintero-api.md#rules-that-a-server-must-not-miss`,
`#updating-a-session`."""

from __future__ import annotations

import base64
from typing import Any

import pytest

from tests.support.demo import Demo, Merchant, Shop
from tests.support.payer import APPROVED, Payer
from tests.support.waiting import until

ITEM = {"id": "sku-1", "line_id": "sku-1", "description": "Ullpledd", "quantity": 1.0,
        "amount": 29990.0, "vat_amount": 5998.0, "vat": 25.0, "tax_rate": "25"}  # fmt: skip


def plugin_body(merchant: Merchant, shop: Shop) -> dict[str, Any]:
    """Floats from `x * 100`, keys that no schema knows, steering parameters in the callback."""
    urls = merchant.addresses()
    urls["callback_url"] = (
        f"{shop.url}/callback?order=17&delay_callback=0&report_event=CAPTURE"
        "&report_event=REFUND&sid_parameter_name=sid"
    )
    return {
        "url": urls,
        "order": {
            "amount": 299.90 * 100,
            "currency": "NOK",
            "vat_amount": 5998.0,
            "merchant_reference": "order-1",
            "items": [ITEM],
            "wc_order_key": "wc_order_abc",
        },
        "express": {
            "shipping_options": [
                {
                    "id": "flat",
                    "line_id": "ship",
                    "amount": 4900.0,
                    "operator": "",
                    "title": "Flat rate",
                    "vat": 25,
                    "vat_amount": 980,
                }
            ],
            "customer_types": ["b2c"],
        },
        "profile_id": "default",
        "plugin": {"name": "a plugin"},
    }


@pytest.mark.parametrize("form", ["dintero", "own", "with a user"])
def test_audience_in_three_forms(demo: Demo, merchant: Merchant, form: str) -> None:
    account = demo.facts["account_id"]
    audience = {
        "dintero": f"https://api.dintero.com/v1/accounts/{account}",
        "own": f"{demo.base_url}/v1/accounts/{account}",
        "with a user": f"https://{account}@api.dintero.com/v1/accounts/{account}",
    }[form]
    pair = f"{demo.facts['client_id']}:{demo.facts['client_secret']}".encode()
    answer = merchant.http.post(
        f"/v1/accounts/{account}/auth/token",
        headers={"authorization": f"Basic {base64.b64encode(pair).decode()}"},
        json={"grant_type": "client_credentials", "audience": audience},
    )
    assert answer.status_code == 200
    assert answer.json()["token_type"] == "Bearer"
    assert answer.json()["expires_in"] >= 1200


def test_an_express_order_as_a_plugin_makes_it(
    merchant: Merchant, shop: Shop, payer: Payer
) -> None:
    made = merchant.post("/v1/sessions-profile", plugin_body(merchant, shop))
    session = merchant.get(f"/v1/sessions/{made['id']}")
    assert session["order"]["amount"] == 29990
    assert session["order"]["wc_order_key"] == "wc_order_abc"
    assert session["plugin"] == {"name": "a plugin"}

    # The cart changed: the plugin sends the whole order again, and always this flag.
    changed = {
        "order": {
            "amount": 59980.0,
            "currency": "NOK",
            "vat_amount": 11996.0,
            "merchant_reference": "order-1",
            "items": [{**ITEM, "quantity": 2.0, "amount": 59980.0}],
        },
        "express": plugin_body(merchant, shop)["express"],
        "customer": {"email": "kari@example.no"},
        "remove_lock": True,
    }
    answer = merchant.http.put(f"/v1/sessions/{made['id']}?update_without_lock=true", json=changed)
    assert answer.status_code == 200, answer.text
    assert answer.json()["order"]["amount"] == 59980

    payer.open(made, language="no")
    payer.give_details()
    payer.shows_total("648,80 kr")
    payer.press_pay()
    payer.pay_with(APPROVED)
    payer.at_shop()
    transaction_id = shop.returned[0]["transaction_id"]
    transaction = merchant.transaction(transaction_id)
    assert [(i["line_id"], i["amount"]) for i in transaction["items"]] == [
        ("sku-1", 59980),
        ("ship", 4900),
    ]

    items = [
        {"line_id": "sku-1", "amount": 59980.0, "quantity": 2.0, "id": "sku-1"},
        {"line_id": "ship", "amount": 4900},
    ]
    captured = merchant.post(
        f"/v1/transactions/{transaction_id}/capture",
        {"amount": 64880.0, "items": items, "capture_reference": "order-1"},
    )
    last = [event for event in captured["events"] if event["event"] == "CAPTURE"][-1]
    assert (captured["status"], last["amount"]) == ("CAPTURED", 64880)
    refunded = merchant.post(
        f"/v1/transactions/{transaction_id}/refund",
        {"amount": 4900, "reason": "", "items": [{"line_id": "ship", "amount": 4900}]},
    )
    assert refunded["status"] == "PARTIALLY_REFUNDED"

    called = _wait_for(shop, 3)
    assert all(query["order"] == "17" and query["sid"] == made["id"] for query in called)
    assert {query.get("event") for query in called} == {None, "CAPTURE", "REFUND"}


def _wait_for(shop: Shop, count: int) -> list[dict[str, str]]:
    until(lambda: len(shop.called_back) >= count, f"{count} callbacks")
    return shop.called_back


def test_a_body_on_void(merchant: Merchant, shop: Shop, payer: Payer) -> None:
    card = merchant.card(100000)
    preset = {"gift_cards": {"dintero.wallets": [{"card_id": card["card_id"]}]}}
    payer.open(merchant.session(40000, customer=preset))
    payer.give_details()
    payer["#pay-button"].click()
    payer.at_shop()
    transaction_id = shop.returned[0]["transaction_id"]
    voided = merchant.post(f"/v1/transactions/{transaction_id}/void", {"amount": 40000})
    assert voided["status"] == "AUTHORIZATION_VOIDED"
    assert merchant.balance(card) == (100000, 0)
