"""The payer gets a receipt on the page, on paper and by e-mail, in the language of the payment."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import httpx
import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import expect

from tests.e2e.conftest import NewPayer
from tests.support.demo import Demo, Merchant, Shop
from tests.support.payer import Payer, violations
from tests.support.waiting import stays, until_on

ON = {"type": "payment_product_type", "enabled": True}


def wants(**switches: Any) -> dict[str, Any]:
    return {
        "active_payment_types": {"enabled": True},
        "dintero": {"type": "payment_type", "wallets": ON},
        "receipt": switches,
    }


def pay(payer: Payer, session: dict[str, str], card: dict[str, str], language: str) -> None:
    payer.open(session, language=language)
    payer.give_details(email=f"{session['id'].lower()}@example.no")
    payer.add_card(card)
    payer.press_pay()
    payer.pay_with()


def mail_to(demo: Demo, payer: Payer, session: dict[str, str]) -> Any:
    """Wait for the only mail of this session and return it."""
    address = f"{session['id'].lower()}@example.no"

    def mails() -> list[Any]:
        listed = httpx.get(f"{demo.facts['mail_url']}/messages").json()["messages"]
        return [mail for mail in listed if mail["recipients"] == [address]]

    (mail,) = until_on(payer.page, mails, "the mail comes")
    return mail


def test_by_default_the_shop_comes_first_and_the_receipt_on_a_later_visit(
    demo: Demo, merchant: Merchant, shop: Shop, payer: Payer
) -> None:
    session, card = merchant.session(), merchant.card(expires_at="2030-06-01T00:00:00.000Z")
    pay(payer, session, card, "nb")
    payer.at_shop()
    (returned,) = shop.returned
    payer.open(session)
    receipt = payer["#receipt"]
    for words in (
        "Kvittering",
        "order-1",
        returned["transaction_id"],
        "Ullpledd × 2",
        f"Gavekort •••• {card['number'][-4:]}",
        "Bankkort",
        "Visa •••• 0002",
        "Igjen på gavekortet",
        "Gyldig til 1. juni 2030",
    ):
        expect(receipt).to_contain_text(words)
    for amount in (r"400,00\skr", r"100,00\skr", r"300,00\skr", r"80,00\skr", r"0,00\skr"):
        expect(receipt).to_contain_text(re.compile(amount))
    expect(receipt).to_contain_text(re.compile(r"\d+\. \w+ 20\d\d, \d\d:\d\d:\d\d CES?T"))
    assert violations(Axe().run(payer.page)) == []
    # A screen reader gets the masked number as one text. The whole number is nowhere.
    assert card["number"] not in payer.page.content()
    mail = mail_to(demo, payer, session)
    assert mail["headers"]["subject"] == "Kvittering fra Fjord & Form, ordre order-1"
    assert mail["headers"]["content-language"] == "nb"


def test_the_mail_leads_to_the_receipt_in_its_language(
    demo: Demo, merchant: Merchant, payer: Payer
) -> None:
    session, card = merchant.session(), merchant.card()
    pay(payer, session, card, "en")
    payer.at_shop()
    mail = mail_to(demo, payer, session)
    assert mail["headers"]["subject"] == "Receipt from Fjord & Form, order order-1"
    page = payer.page
    page.goto(f"{demo.facts['mail_url']}/")
    expect(page.locator("#mails")).to_contain_text("Receipt from Fjord & Form, order order-1")
    page.goto(f"{demo.facts['mail_url']}/messages/{mail['number']}/html")
    for words in ("What you bought", "Gift card ••••", "NOK\u00a0400.00"):
        expect(page.locator("body")).to_contain_text(words)
    page.get_by_role("link", name="See the receipt online").click()
    payer.alive()
    payer.stage("paid")
    expect(payer["#receipt"]).to_contain_text("Payment reference")


@pytest.mark.parametrize("with_card", [True, False])
def test_a_merchant_may_let_the_payer_stay(
    merchant: Merchant, shop: Shop, payer: Payer, with_card: bool
) -> None:
    """The card pays everything on our page, or a provider sends the payer back."""
    session = merchant.session(configuration=wants(show=True, email=False))
    payer.open(session, language="nb")
    payer.give_details()
    if with_card:
        payer.add_card(merchant.card(50000))
        payer.page.click("#pay-button")
    else:
        payer.press_pay()
        payer.pay_with()
    payer.stage("paid", 20)
    expect(payer["#receipt"]).to_be_visible()
    stays(payer.page, lambda: shop.returned == [], "the page leaves by itself", seconds=2.5)
    payer.page.click("#back-to-shop")
    payer.at_shop()
    assert len(shop.returned) == 1


def test_on_paper(merchant: Merchant, payer: Payer, tmp_path: Path) -> None:
    session, card = merchant.session(), merchant.card()
    pay(payer, session, card, "nb")
    payer.at_shop()
    payer.open(session)
    expect(payer["#receipt"]).to_be_visible()
    page = payer.page
    page.emulate_media(media="print", color_scheme="dark")
    for hidden in ("#back-to-shop", "#receipt-print", "#result", ".foot", ".head"):
        expect(page.locator(hidden).first).to_be_hidden()
    expect(payer["#receipt .merchant"]).to_be_visible()
    ink = page.locator("#receipt").evaluate(
        "e => [getComputedStyle(e).color, getComputedStyle(document.body).backgroundColor]"
    )
    assert ink == ["rgb(0, 0, 0)", "rgb(255, 255, 255)"]
    file = tmp_path / "receipt.pdf"
    page.pdf(path=file, prefer_css_page_size=True)
    pdf = file.read_bytes()
    assert pdf.startswith(b"%PDF-")
    assert len(re.findall(rb"/Type\s*/Page\b", pdf)) == 1
    # These are the sizes of A4 in points.
    box = re.search(rb"/MediaBox\s*\[\s*0 0 ([\d.]+) ([\d.]+)\s*\]", pdf)
    assert box is not None
    assert (round(float(box[1])), round(float(box[2]))) == (595, 842)


def test_the_button_prints(merchant: Merchant, payer: Payer) -> None:
    session, card = merchant.session(), merchant.card()
    pay(payer, session, card, "nb")
    payer.at_shop()
    payer.page.add_init_script(
        "window.print = () => { window.printed = (window.printed || 0) + 1 }"
    )
    payer.open(session)
    payer.page.click("#receipt-print")
    assert payer.page.evaluate("window.printed") == 1


def test_a_refund_is_said_and_changes_nothing(merchant: Merchant, shop: Shop, payer: Payer) -> None:
    session, card = merchant.session(), merchant.card()
    pay(payer, session, card, "nb")
    payer.at_shop()
    paid = f"/v1/transactions/{shop.returned[0]['transaction_id']}"
    merchant.post(f"{paid}/capture", {"amount": 40000})
    merchant.post(f"{paid}/refund", {"amount": 12000})
    payer.open(session)
    expect(payer["#receipt-became"]).to_have_text(
        re.compile(r"120,00\skr av denne betalingen er refundert\.")
    )
    expect(payer["#receipt"]).to_contain_text(re.compile(r"Totalt\s*400,00\skr"))
    merchant.post(f"{paid}/refund", {"amount": 28000})
    payer.open(session)
    expect(payer["#receipt-became"]).to_have_text("Denne betalingen er refundert.")


def test_a_narrow_phone_shows_all_of_it(merchant: Merchant, new_payer: NewPayer) -> None:
    payer = new_payer(viewport={"width": 320, "height": 640})
    session, card = merchant.session(), merchant.card()
    pay(payer, session, card, "nb")
    payer.at_shop()
    payer.open(session)
    expect(payer["#receipt"]).to_be_visible()
    wide = payer.page.evaluate("document.documentElement.scrollWidth")
    assert wide <= 320
    # The name is above the value. Beside it a date needed five lines.
    date = payer["#receipt .facts dd"].nth(2)
    assert date.evaluate("e => e.offsetHeight / parseFloat(getComputedStyle(e).lineHeight)") <= 2.1


# --- by text message ------------------------------------------------------------------------------


def test_a_receipt_that_is_sent_to_the_phone_opens_there(
    merchant: Merchant, shop: Shop, payer: Payer, new_payer: NewPayer, demo: Demo
) -> None:
    session = merchant.session(configuration=wants(sms=True))
    pay(payer, session, merchant.card(10000), "en")
    payer.at_shop()
    phone = new_payer(locale="en-GB")
    link = phone.page.get_by_role("link", name=session["url"])
    outbox = f"{demo.facts['sms_url']}/"
    until_on(phone.page, lambda: (phone.page.goto(outbox), link.count())[1], "the SMS comes")
    message = phone.page.locator("#messages li", has=link)
    expect(message).to_contain_text("+4741234567")
    expect(message).to_contain_text("Receipt for")
    link.click()
    phone.stage("paid")
    expect(phone["#receipt"]).to_contain_text("order-1")
    expect(phone["#receipt"]).to_contain_text("300.00")
