"""A payer moves from a desktop to a phone by code or link. The tests use both pages at once and
check which one goes to the shop."""

from __future__ import annotations

import io
import re

import pytest
import zxingcpp
from axe_playwright_python.sync_playwright import Axe
from PIL import Image
from playwright.sync_api import expect

from tests.e2e.conftest import PHONE, NewPayer
from tests.support.demo import Demo, Merchant, Shop
from tests.support.payer import Payer, violations
from tests.support.waiting import stays, until_on

DESKTOP = {"width": 1280, "height": 900}
TOUCH = {"viewport": PHONE, "is_mobile": True, "has_touch": True}


@pytest.fixture
def desktop(new_payer: NewPayer) -> Payer:
    return new_payer(viewport=DESKTOP, permissions=["clipboard-read", "clipboard-write"])


@pytest.fixture
def phone(new_payer: NewPayer) -> Payer:
    """The phone has another language than the desktop. The link carries the desktop's language."""
    return new_payer(**TOUCH, locale="en-GB")


def show_code(desktop: Payer) -> str:
    desktop.page.click("#phone-show")
    expect(desktop["#phone-link"]).to_be_visible()
    return desktop["#phone-link"].input_value()


def open_on(phone: Payer, link: str) -> None:
    phone.page.goto(link)
    phone.alive()


def test_the_code_is_the_link(demo: Demo, merchant: Merchant, desktop: Payer) -> None:
    session = merchant.session()
    desktop.open(session)
    link = show_code(desktop)
    assert re.fullmatch(re.escape(demo.base_url) + r"/v1/phone/[\w-]{22}", link)
    assert session["id"] not in link
    (code,) = zxingcpp.read_barcodes(Image.open(io.BytesIO(desktop["img.qr"].screenshot())))
    assert code.text == link
    expect(desktop["img.qr"]).to_have_attribute("alt", "QR-kode for lenken ved siden av")
    desktop.focused("phone-scan")
    desktop.announced("Koden og lenken vises. De virker i 10 minutter.")
    desktop.page.click("#phone-copy")
    expect(desktop["#phone-copied"]).to_have_text("Kopiert")
    assert desktop.page.evaluate("navigator.clipboard.readText()") == link
    assert violations(Axe().run(desktop.page)) == []
    desktop.page.click("#phone-renew")
    expect(desktop["#phone-link"]).not_to_have_value(link)
    desktop.page.click("#phone-hide")
    desktop.focused("phone-show")


def test_in_the_dark_it_is_read_too(merchant: Merchant, new_payer: NewPayer) -> None:
    payer = new_payer(viewport=DESKTOP, color_scheme="dark")
    payer.open(merchant.session())
    link = show_code(payer)
    (code,) = zxingcpp.read_barcodes(Image.open(io.BytesIO(payer.page.screenshot())))
    assert code.text == link


def test_the_phone_pays_and_the_desktop_goes_to_the_shop(
    merchant: Merchant, shop: Shop, desktop: Payer, phone: Payer
) -> None:
    session, card = merchant.session(), merchant.card()
    desktop.open(session, language="nb")
    desktop.page.fill("#email", "kari@example.no")
    open_on(phone, show_code(desktop))
    # The same session, in the desktop's language.
    assert f"/v1/view/{session['id']}?" in phone.page.url
    expect(phone["#first-order"]).to_have_text("Bestillingen")
    expect(phone["#phone"]).to_have_count(0)
    expect(desktop["#phone-following"]).to_contain_text("Du fortsetter på mobilen")
    # Text typed on the desktop stays until something else is saved.
    expect(desktop["#email"]).to_have_value("kari@example.no")
    phone.give_details()
    expect(desktop["#phone-following li.done"]).to_contain_text("Opplysningene dine")
    phone.add_card(card)
    expect(desktop["#phone-following"]).to_contain_text("Gavekort")
    desktop.shows_total("300,00 kr", order="400,00 kr", card="−100,00 kr")
    phone.press_pay()
    desktop.stage("paying")
    expect(desktop["#result"]).to_have_text("Fullfør på mobilen")
    assert violations(Axe().run(desktop.page)) == []
    phone.pay_with()
    desktop.at_shop()
    phone.stage("paid", 20)
    expect(phone["#phone-done"]).to_be_visible()
    expect(phone["#receipt"]).to_contain_text("Kvittering")
    assert violations(Axe().run(phone.page)) == []
    # Exactly one of the two returns to the shop, and nothing is paid twice.
    stays(phone.page, lambda: len(shop.returned) == 1, "both go to the shop", seconds=2.5)
    assert merchant.balance(card) == (0, 10000)
    found = merchant.get(f"/v1/sessions/{session['id']}")
    names = [event.get("own_name", event["name"]) for event in found["events"]]
    assert (names.count("CONTINUED_ON_PHONE"), names.count("AUTHORIZED")) == (1, 1)


def test_the_card_alone_pays_on_the_phone(
    merchant: Merchant, shop: Shop, desktop: Payer, phone: Payer
) -> None:
    card = merchant.card(50000)
    desktop.open(merchant.session())
    open_on(phone, show_code(desktop))
    phone.give_details()
    phone.add_card(card)
    phone.page.click("#pay-button")
    phone.stage("paid")
    expect(phone["#receipt"]).to_be_visible()
    desktop.at_shop()
    assert len(shop.returned) == 1
    assert merchant.balance(card) == (10000, 40000)


def test_both_press_pay(merchant: Merchant, shop: Shop, desktop: Payer, phone: Payer) -> None:
    session = merchant.session()
    desktop.open(session)
    open_on(phone, show_code(desktop))
    phone.give_details()
    expect(desktop["#pay-button"]).to_be_enabled()
    phone.page.click("#pay-button", no_wait_after=True)
    phone.at_provider()
    desktop.stage("paying")
    # The desktop continues with the same payment as the phone's page.
    desktop.page.click("#wait-continue")
    desktop.at_provider()
    assert desktop.page.url == phone.page.url
    desktop.pay_with()
    desktop.stage("paid", 20)
    found = merchant.get(f"/v1/sessions/{session['id']}")
    assert [event["name"] for event in found["events"]].count("AUTHORIZED") == 1


def test_it_is_not_offered_on_a_phone_nor_in_a_window_that_popped_out(
    merchant: Merchant, phone: Payer, new_payer: NewPayer
) -> None:
    session = merchant.session()
    phone.open(session)
    expect(phone["#phone"]).to_be_hidden()
    narrow = new_payer(viewport={"width": 480, "height": 800})
    narrow.open(session)
    expect(narrow["#phone"]).to_be_hidden()
    popped = new_payer(viewport=DESKTOP)
    popped.open(session, role="pop_out_payment")
    expect(popped["#phone"]).to_have_count(0)


def test_by_sms_where_the_number_is_known(
    demo: Demo, merchant: Merchant, desktop: Payer, phone: Payer
) -> None:
    desktop.open(merchant.session(customer={"phone_number": "+4741239876"}))
    before = show_code(desktop)
    desktop.page.click("#phone-sms")
    expect(desktop["#phone-sent"]).to_have_text("Lenken er sendt til nummeret som slutter på 9876.")
    link = desktop["#phone-link"].input_value()
    assert link != before
    reader = phone.page
    shown = reader.get_by_role("link", name=link)
    outbox = f"{demo.facts['sms_url']}/"
    until_on(reader, lambda: (reader.goto(outbox), shown.count())[1], "the SMS comes")
    shown.click()
    phone.alive()
    expect(desktop["#phone-following"]).to_be_visible()


def test_an_old_link_says_so(demo: Demo, merchant: Merchant, desktop: Payer, phone: Payer) -> None:
    desktop.open(merchant.session())
    old = show_code(desktop)
    desktop.page.click("#phone-renew")
    expect(desktop["#phone-link"]).not_to_have_value(old)
    response = phone.page.goto(old)
    assert response is not None
    assert (response.status, response.headers["cache-control"]) == (410, "no-store")
    expect(phone.page.get_by_role("heading")).to_have_text("This link is too old")
    assert violations(Axe().run(phone.page)) == []
