"""A shop's order in a real browser, over the whole product: the payer is sent to our page, pays at
the provider's, and comes back; the shop's pages show our images of the ways to pay.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from playwright.sync_api import Page

from tests.support.demo import Demo, Merchant, Shop
from tests.support.host import make_profile
from tests.support.payer import APPROVED, Payer
from tests.support.plugin import CONTACT, HOME, last_event, lines
from tests.support.receiver import Receiver
from tests.support.waiting import until

BLANKET = {"id": "PLEDD-1", "line_id": "9f61408e", "description": "Ullpledd", "quantity": 2,
           "amount": 59980, "vat_amount": 11996, "vat": 25}  # fmt: skip
SHIPPING = {"id": "flat_rate:3", "line_id": "flat_rate:3", "amount": 9900, "vat_amount": 1980,
            "vat": 25, "operator": "", "title": "Hjem", "description": "",
            "delivery_method": "unspecified", "quantity": 1, "type": "shipping"}  # fmt: skip
FEE = {"id": "Montering", "line_id": "Montering", "description": "Montering", "quantity": 1,
       "amount": 2000, "vat_amount": 400, "vat": 0.2}  # fmt: skip


@pytest.fixture(scope="module")
def standard(demo: Demo, browser: Any) -> Iterator[str]:
    """A profile whose sessions are standard, and take whatever the shop has asked for."""
    with Shop().running() as shop:
        merchant = Merchant(demo, shop)
        yield make_profile(demo, merchant, express={"enabled": False})
        merchant.http.close()


def _woocommerce_urls(server: Receiver) -> dict[str, str]:
    steering = "report_error=true&sid_parameter_name=sid"
    events = "report_event=CAPTURE&report_event=REFUND&report_event=VOID"
    return {
        "return_url": f"{server.url}/?gateway=dintero",
        "callback_url": f"{server.url}/wc-api/dintero_callback/?{steering}&{events}",
    }


def test_an_order_of_woocommerce(
    merchant: Merchant, server: Receiver, standard: str, payer: Payer
) -> None:
    """The callback has no delay of 120 s. tests/shops/test_woocommerce_v2.py covers that."""
    merchant.http.headers["dintero-system-name"] = "woocommerce"
    address = {**HOME, **CONTACT}
    order: dict[str, Any] = {
        "amount": 69880,
        "currency": "NOK",
        "vat_amount": 13976,
        "items": [BLANKET],
        "store": {"id": "shop.example"},
        "shipping_option": SHIPPING,
        "billing_address": address,
        "shipping_address": address,
    }
    body = {
        "url": _woocommerce_urls(server),
        "order": {
            **order,
            "amount": 39890,
            "merchant_reference": "dwc65a7",
            "items": [{**BLANKET, "quantity": 1, "amount": 29990}],
        },
        "profile_id": standard,
    }
    made = merchant.post("/v1/sessions-profile", body)
    path = f"/v1/sessions/{made['id']}"
    changed = merchant.http.put(
        f"{path}?update_without_lock=true", json={"order": order, "remove_lock": True}
    )
    assert changed.status_code == 200, changed.text

    # The order does not exist in the shop yet when the payer and the callback come.
    payer.open(made, language="no")
    payer.shows_total("698,80 kr")
    payer.press_pay()
    payer.pay_with(APPROVED)
    payer.page.wait_for_url(f"{server.url}/**")
    back = wait_for(server, lambda got: "gateway" in got.query)[0].query
    assert (back["gateway"], back["merchant_reference"]) == ("dintero", "dwc65a7")
    transaction_id = back["transaction_id"]

    confirmed = merchant.transaction(transaction_id)
    assert (confirmed["status"], confirmed["amount"]) == ("AUTHORIZED", 69880)
    assert confirmed["billing_address"]["email"] == CONTACT["email"]
    assert confirmed["shipping_option"]["id"] == "flat_rate:3"
    cheaper = {**BLANKET, "amount": 57980}
    captured = merchant.post(
        f"/v1/transactions/{transaction_id}/capture",
        {"amount": 69880, "capture_reference": "1742", "items": [cheaper, SHIPPING, FEE]},
    )
    assert captured["status"] == "CAPTURED"
    assert lines(last_event(captured, "CAPTURE")) == [
        ("9f61408e", 57980),
        ("flat_rate:3", 9900),
        ("Montering", 2000),
    ]
    refunded = merchant.post(
        f"/v1/transactions/{transaction_id}/refund",
        {
            "amount": 25000,
            "refund_reference": "1742",
            "reason": "",
            "items": [{**BLANKET, "quantity": 1, "amount": 29990}],
        },
    )
    assert refunded["status"] == "PARTIALLY_REFUNDED"
    callbacks = wait_for(server, lambda got: "dintero_callback" in got.target, 3)
    assert [got.query.get("event", "") for got in callbacks] == ["", "CAPTURE", "REFUND"]
    assert {got.query["sid"] for got in callbacks} == {made["id"]}


def test_an_order_that_is_cancelled_in_the_shop(
    merchant: Merchant, server: Receiver, standard: str, payer: Payer
) -> None:
    body = {
        "url": {
            "return_url": f"{server.url}/takk",
            "callback_url": f"{server.url}/dintero_callback?report_event=VOID",
        },
        "order": {
            "amount": 59980,
            "currency": "NOK",
            "merchant_reference": "1743",
            "items": [BLANKET],
        },
        "customer": CONTACT,
        "profile_id": standard,
    }
    payer.open(merchant.post("/v1/sessions-profile", body))
    payer.press_pay()
    payer.pay_with(APPROVED)
    payer.page.wait_for_url(f"{server.url}/**")
    [back] = wait_for(server, lambda got: got.target.startswith("/takk"))
    path = f"/v1/transactions/{back.query['transaction_id']}/void"
    assert merchant.post(path, {})["status"] == "AUTHORIZATION_VOIDED"
    callbacks = wait_for(server, lambda got: "dintero_callback" in got.target, 2)
    assert [got.query.get("event", "") for got in callbacks] == ["", "VOID"]


@pytest.mark.parametrize("kind", ["svg", "png"])
def test_the_images_on_a_page_of_the_shop(
    demo: Demo, merchant: Merchant, server: Receiver, standard: str, payer: Payer, kind: str
) -> None:
    """Of another origin, which the browser asks us about; and from its cache the second time."""
    account = merchant.account_id
    head = f"{demo.base_url}/v1/branding"
    looks = f"variant/colors/color/444444/width/420/dintero_top_frame.{kind}"
    addresses = [
        f"{head}/accounts/{account}/profiles/{standard}/{looks}",
        f"{head}/profiles/{standard}/{looks}",
        f"{head}/logos/visa_mastercard_vipps/{looks}",
    ]
    images = "".join(f'<img src="{address}" alt="">' for address in addresses)
    page = f"<!DOCTYPE html><title>The shop</title>{images}".encode()
    server.replies = [(200, page)]
    shown = widths(payer.page, server.url)
    assert shown == [420, 420, 420]
    answer = merchant.http.get(addresses[0])
    assert answer.headers["cache-control"].startswith("public, max-age=")
    assert answer.headers["cross-origin-resource-policy"] == "cross-origin"
    assert "set-cookie" not in answer.headers
    policy = answer.headers["content-security-policy"]
    assert "default-src 'none'" in policy


def widths(page: Page, url: str) -> list[int]:
    """Return the real widths of the page's images, with 0 for a broken one."""
    page.goto(url, wait_until="load")
    found: list[int] = page.evaluate("[...document.images].map((image) => image.naturalWidth)")
    return found


def wait_for(server: Receiver, wanted: Callable[[Any], bool], count: int = 1) -> list[Any]:
    """Return the requests to the shop that are `wanted`, as soon as there are `count`."""

    def found() -> list[Any]:
        return [got for got in server.got if wanted(got)]

    until(lambda: len(found()) >= count, f"{count} requests to the shop")
    return found()
