"""A payer who asked to be remembered returns, and a code by SMS fills in the details."""

from __future__ import annotations

import re
import uuid
from typing import Any

import httpx
import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import expect

from tests.support.demo import ADDRESS, Demo, Merchant
from tests.support.payer import Payer, violations
from tests.support.waiting import until_on


@pytest.fixture
def phone() -> str:
    """Return a new number each time, because codes are counted by number."""
    return f"41{uuid.uuid4().int % 10**4:04}23"


def code_for(demo: Demo, phone: str, payer: Payer) -> str:
    """Wait for the newest message to this number and return its code."""

    def texts() -> list[str]:
        messages = httpx.get(f"{demo.facts['sms_url']}/messages").json()["messages"]
        return [message["text"] for message in messages if message["to"].endswith(phone)]

    return str(re.findall(r"\b\d{6}\b", until_on(payer.page, texts, "the SMS comes")[0])[0])


def buy(payer: Payer, merchant: Merchant, phone: str, *, remember: bool) -> dict[str, Any]:
    session: dict[str, Any] = merchant.session()
    payer.open(session)
    payer.give_details(phone=phone)
    expect(payer["#remember_me"]).not_to_be_checked()
    if remember:
        payer["#remember_me"].check()
    payer.press_pay()
    payer.pay_with()
    payer.at_shop()
    return session


def test_remembered_recognised_and_filled_in(
    demo: Demo, merchant: Merchant, payer: Payer, phone: str
) -> None:
    buy(payer, merchant, phone, remember=True)
    (cookie,) = payer.page.context.cookies(demo.base_url)
    assert (cookie["httpOnly"], cookie["sameSite"]) == (True, "Lax")
    session = merchant.session()
    payer.open(session)
    expect(payer["#returning"]).to_contain_text(phone[-2:])
    assert phone not in payer.page.content()
    assert violations(Axe().run(payer.page)) == []
    payer["#returning-send"].click()
    payer.focused("scc")
    payer.announced("en kode på vei")
    payer["#scc"].fill("12345")
    payer["#returning-use"].click()
    expect(payer["#scc-error"]).to_contain_text("Koden stemmer ikke")
    payer["#scc"].fill(code_for(demo, phone, payer))
    payer["#returning-use"].click()
    payer.focused("details-edit")
    expect(payer["#details"]).to_contain_text(ADDRESS["address_line"])
    expect(payer["#returning"]).to_have_count(0)
    names = [e["name"] for e in merchant.get(f"/v1/sessions/{session['id']}")["events"]]
    assert names.count("SECRET_CONFIRMATION_CODE_SENT") == 1


def test_who_did_not_ask_is_not_recognised(
    demo: Demo, merchant: Merchant, payer: Payer, phone: str
) -> None:
    buy(payer, merchant, phone, remember=False)
    assert payer.page.context.cookies(demo.base_url) == []
    payer.open(merchant.session())
    expect(payer["#details-form"]).to_be_visible()
    expect(payer["#returning"]).to_have_count(0)


def test_forgotten_on_this_device(merchant: Merchant, payer: Payer, phone: str) -> None:
    buy(payer, merchant, phone, remember=True)
    session = merchant.session()
    payer.open(session)
    payer["#returning-forget"].click()
    expect(payer["#returning"]).to_have_count(0)
    payer.focused("details-heading")
    payer.page.reload()
    payer.alive()
    expect(payer["#details-form"]).to_be_visible()
    expect(payer["#returning"]).to_have_count(0)


def test_a_number_of_the_shops_is_offered_a_code_whoever_it_is(
    merchant: Merchant, payer: Payer, phone: str
) -> None:
    """Nothing is remembered about the number, and the page does not reveal that."""
    payer.open(merchant.session(customer={"phone_number": f"+47{phone}"}))
    payer["#returning summary"].click()
    payer["#returning-send"].click()
    payer.focused("scc")
    expect(payer["#returning"]).to_contain_text("Hvis vi kjenner nummeret")


def test_a_code_in_the_address(demo: Demo, merchant: Merchant, payer: Payer, phone: str) -> None:
    """An app that has the code passes it in the view's `scc`."""
    buy(payer, merchant, phone, remember=True)
    session = merchant.session()
    payer.open(session)
    payer["#returning-send"].click()
    payer.focused("scc")
    payer.open(session, scc=code_for(demo, phone, payer))
    expect(payer["#details-edit"]).to_be_visible()
    expect(payer["#details"]).to_contain_text(ADDRESS["address_line"])
