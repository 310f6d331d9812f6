"""The page shows Swish as a code on a desktop and as a button on a phone. Another payment is on
hold at its provider."""

from __future__ import annotations

import base64
import io
import re
from typing import Any

import httpx
import pytest
import zxingcpp
from axe_playwright_python.sync_playwright import Axe
from PIL import Image
from playwright.sync_api import Page, expect

from tests.e2e.conftest import NewPayer
from tests.support.checkout import WITHOUT_GIFT_CARDS
from tests.support.demo import Demo, Merchant, Shop
from tests.support.payer import SWEDISH, Payer, violations

DESKTOP = {"viewport": {"width": 1280, "height": 900}}
PHONE = {"has_touch": True, "is_mobile": True}


@pytest.fixture
def session(merchant: Merchant) -> dict[str, str]:
    """Create a session of 400.00 Swedish kronor without gift cards."""
    order: dict[str, Any] = {
        "amount": 40000,
        "currency": "SEK",
        "merchant_reference": "order-1",
        "items": [
            {"id": "1", "line_id": "1", "description": "Ullpledd", "quantity": 1, "amount": 40000}
        ],
    }
    return merchant.session(order=order, configuration=WITHOUT_GIFT_CARDS)


def to_the_app(payer: Payer, session: dict[str, str]) -> None:
    payer.open(session)
    payer.give_details(**SWEDISH)
    expect(payer["#card-form"]).to_have_count(0)
    again(payer)


def again(payer: Payer) -> None:
    payer.choose("swish.swish")
    payer["#pay-button"].click()
    payer.stage("paying")
    expect(payer["#app-open"]).to_be_visible()
    payer.focused("result")


def scanned(payer: Payer) -> str:
    """Read the code from a picture of the screen and return its text."""
    picture = Image.open(io.BytesIO(payer["#app-qr"].screenshot(caret="initial")))
    (found,) = zxingcpp.read_barcodes(picture)
    return str(found.text)


def answer(page: Page, link: str, button: str) -> None:
    """Answer on the phone, outside the payer's browser."""
    page.goto(link)
    page.click(button)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_code_is_scanned_with_the_phone(
    new_payer: NewPayer,
    demo: Demo,
    session: dict[str, str],
    merchant: Merchant,
    shop: Shop,
    scheme: str,
) -> None:
    """The payment is declined once and then paid. The page on the desktop continues automatically
    both times."""
    payer = new_payer(**DESKTOP, color_scheme=scheme)
    browser = payer.page.context.browser
    assert browser is not None
    phone = browser.new_context().new_page()
    to_the_app(payer, session)
    expect(payer["#app-amount"]).to_have_text(re.compile(r"400,00"))
    code = payer["#app-qr"]
    expect(code).to_be_visible()
    expect(code).to_have_attribute("alt", re.compile("QR-kode"))
    assert violations(Axe().run(payer.page)) == []
    answer(phone, scanned(payer), "#decline")
    payer.stage("open")
    expect(payer["#notice"]).to_contain_text("Ingenting er trukket")
    again(payer)
    link = scanned(payer)
    # After a reload the code is the same.
    payer.page.reload()
    payer.alive()
    assert scanned(payer) == link == payer["#app-open"].get_attribute("href")
    answer(phone, link, "#approve")
    payer.at_shop(30)
    phone.context.close()
    paid = [one for one in shop.returned if "transaction_id" in one][-1]
    transaction = merchant.transaction(paid["transaction_id"])
    assert (transaction["status"], transaction["amount"]) == ("CAPTURED", 40000)
    assert transaction["payment_product_type"] == "swish.swish"


def test_on_the_phone_the_app_is_opened(
    new_payer: NewPayer, session: dict[str, str], merchant: Merchant, shop: Shop
) -> None:
    payer = new_payer(**PHONE)
    to_the_app(payer, session)
    expect(payer["#app-qr"]).to_be_hidden()
    assert violations(Axe().run(payer.page)) == []
    payer["#app-open"].click()
    payer["#approve"].click()
    payer.at_shop()
    (query,) = shop.returned
    assert merchant.transaction(query["transaction_id"])["status"] == "CAPTURED"


def test_back_from_the_app_to_change(new_payer: NewPayer, session: dict[str, str]) -> None:
    payer = new_payer(**DESKTOP)
    to_the_app(payer, session)
    link = scanned(payer)
    payer["#wait-change"].click()
    payer.stage("open")
    expect(payer["#notice"]).to_contain_text("Ingenting er trukket")
    # Nobody can pay by the old code any more.
    assert httpx.get(link, headers={"accept-language": "nb"}).text.count("utløpt") > 0


def test_looked_into_by_klarna(
    new_payer: NewPayer, demo: Demo, merchant: Merchant, shop: Shop
) -> None:
    """The payer returns to the shop with the transaction. The checkout's page says what it waits
    for, and continues automatically once Klarna has decided."""
    payer = new_payer()
    card = merchant.card(10000)
    session = merchant.session(40000)
    payer.open(session)
    payer.give_details()
    payer.add_card(card)
    payer.choose("klarna.klarna")
    payer["#pay-button"].click()
    payer.page.fill("input[name=email]", "customer+pending@email.no")
    payer.page.click("#continue")
    payer.page.fill("#code", "123456")
    payer.page.click("#approve")
    payer.at_shop()
    (query,) = shop.returned
    assert "error" not in query
    assert merchant.transaction(query["transaction_id"])["status"] == "ON_HOLD"
    payer.open(session)
    payer.stage("on_hold")
    expect(payer["#result"]).to_have_text("Betalingen blir kontrollert")
    expect(payer["#back-to-shop"]).to_have_attribute("href", re.compile("transaction_id="))
    assert violations(Axe().run(payer.page)) == []
    assert merchant.balance(card) == (0, 10000)
    klarna = demo.base_url.rpartition(":")[0] + f":{int(demo.base_url.rpartition(':')[2]) + 12}"
    assert httpx.post(f"{klarna}/_admin/clock", json={"advance": 61}).status_code == 200
    payer.at_shop(90)
    assert merchant.transaction(query["transaction_id"])["status"] == "AUTHORIZED"
    assert merchant.balance(card) == (0, 10000)


def test_the_code_of_the_api_is_an_image(session: dict[str, str], merchant: Merchant) -> None:
    address = {
        "first_name": "Kari",
        "last_name": "Nordmann",
        "address_line": "Karl Johans gate 1",
        "postal_code": "0154",
        "postal_place": "Oslo",
        "country": "NO",
        "email": "kari@example.no",
        "phone_number": "+4741234567",
    }
    path = f"/v1/view/{session['id']}/session/order/addresses"
    assert merchant.http.put(path, json={"shipping_address": address}).status_code == 200
    body = {"payment_product_type": "swish.swish"}
    answer = merchant.post(f"/v1/sessions/{session['id']}/pay", body)
    kind, _, image = answer["qr_code"].partition(",")
    svg = base64.b64decode(image) if kind.endswith("base64") else httpx.URL(image).path.encode()
    assert kind.startswith("data:image/svg+xml")
    assert svg
