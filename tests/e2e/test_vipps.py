"""A payer uses Vipps in a browser, in sessions without gift cards, by redirect or by a push to the
phone."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

from tests.e2e.conftest import NewPayer
from tests.support.demo import Demo, Merchant, Shop
from tests.support.payer import Payer, violations

PROFILE = "wallets"
NUMBER = "push_number.vipps"


class Phone:
    """Another device of the payer, on which the sandbox's page represents the app."""

    def __init__(self, page: Page, url: str) -> None:
        self.page = page
        self._url = url

    def waits_for(self, count: int) -> None:
        self.page.goto(self._url)
        expect(self.page.locator("article.push")).to_have_count(count)

    def answer(self, result: str) -> None:
        self.waits_for(1)
        self.page.click(f"button[value={result}]")


@pytest.fixture
def phone(new_payer: NewPayer, demo: Demo) -> Iterator[Phone]:
    vipps = demo.base_url.rpartition(":")[0] + f":{int(demo.base_url.rpartition(':')[2]) + 14}"
    yield Phone(new_payer().page, f"{vipps}/c/app")
    recorded = httpx.get(f"{vipps}/_admin/pushes").json()["pushes"]
    assert [one for one in recorded if one["state"] == "CREATED"] == []


def begin(merchant: Merchant, payer: Payer, **more: Any) -> None:
    payer.open(merchant.session(40000, **({"profile_id": PROFILE, "configuration": {}} | more)))
    payer.stage("open")
    payer.page.check("input[name=payment_product_type][value=vipps]")


def send_to_phone(payer: Payer, number: str) -> None:
    payer.page.get_by_label("Send til appen på telefonen min").check()
    payer.page.fill(f"[id='{NUMBER}']", number)
    payer["#pay-button"].click()


def waits(payer: Payer) -> None:
    payer.stage("paying")
    expect(payer["#result"]).to_have_text("Åpne Vipps på telefonen")
    expect(payer["#wait-lead"]).to_contain_text("400,00")
    expect(payer["#wait-lead"]).to_contain_text(re.compile(r"\+47\s••\s••\s••\s66"))
    assert "99887766" not in payer.page.content().replace(" ", "")
    payer.focused("result")


def paid(merchant: Merchant, shop: Shop) -> None:
    (query,) = shop.returned
    transaction = merchant.transaction(query["transaction_id"])
    assert (transaction["payment_product_type"], transaction["status"]) == ("vipps", "AUTHORIZED")


def test_declined_once_then_paid_by_redirect(payer: Payer, merchant: Merchant, shop: Shop) -> None:
    begin(merchant, payer)
    payer["#pay-button"].click()
    expect(payer["#amount"]).to_have_text(re.compile(r"400,00\s*kr"))
    payer.page.click("#reject")
    payer.alive()
    payer.stage("open")
    expect(payer["#notice"]).to_contain_text("Ingenting er trukket")
    payer.page.check("input[name=payment_product_type][value=vipps]")
    payer["#pay-button"].click()
    payer.page.click("#approve")
    payer.at_shop()
    paid(merchant, shop)


def test_declined_once_then_paid_on_the_phone(
    payer: Payer, phone: Phone, merchant: Merchant, shop: Shop
) -> None:
    begin(merchant, payer)
    send_to_phone(payer, "12")
    expect(payer[f"[id='{NUMBER}-error']"]).to_contain_text("ikke et telefonnummer")
    expect(payer[f"[id='{NUMBER}']"]).to_be_focused()
    send_to_phone(payer, "998 87 766")
    waits(payer)
    phone.answer("reject")
    payer.stage("open", seconds=20)
    expect(payer["#notice"]).to_contain_text("Ingenting er trukket")
    payer.page.check("input[name=payment_product_type][value=vipps]")
    send_to_phone(payer, "998 87 766")
    waits(payer)
    phone.answer("approve")
    payer.at_shop(seconds=20)
    paid(merchant, shop)


def test_given_up_on_the_page_it_is_gone_from_the_phone(
    payer: Payer, phone: Phone, merchant: Merchant
) -> None:
    axe = Axe()
    begin(merchant, payer)
    expect(payer[".redirects"]).to_be_visible()
    payer.page.get_by_label("Send til appen på telefonen min").check()
    expect(payer[".redirects"]).to_be_hidden()
    assert violations(axe.run(payer.page)) == []
    send_to_phone(payer, "+47 998 87 766")
    waits(payer)
    assert violations(axe.run(payer.page)) == []
    phone.waits_for(1)
    # After the page is opened again, as after a lost connection, it finds its state.
    payer.page.reload()
    payer.alive()
    payer.stage("paying")
    payer["#wait-change"].click()
    payer.stage("open")
    expect(payer["#notice"]).to_contain_text("Betalingen på telefonen ble avbrutt")
    phone.waits_for(0)


def test_not_offered_where_a_gift_card_can_be_used(payer: Payer, merchant: Merchant) -> None:
    payer.open(merchant.session(40000))
    payer.give_details()
    expect(payer["#pay-button"]).to_be_visible()
    expect(payer["input[name=payment_product_type][value=vipps]"]).to_have_count(0)
    expect(payer[".push"]).to_have_count(0)
