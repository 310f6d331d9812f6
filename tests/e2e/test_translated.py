"""A browser translates the page. The page stays intact, and nobody pays an amount that they did not
see."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import expect

from tests.support.demo import Demo, Merchant, Shop
from tests.support.host import HostPage, HostServer
from tests.support.orders import RICH
from tests.support.payer import Payer, written
from tests.support.translation import is_as_it_should, translate

NewPayer = Callable[..., Payer]
ACCOUNT = "T12345678"


@pytest.fixture(params=[False, True], ids=["as Chrome does it", "everything"])
def translated(request: pytest.FixtureRequest, new_payer: NewPayer) -> Payer:
    """Make a payer whose browser translates from the first moment."""
    payer = new_payer()
    translate(payer.page, harsh=request.param)
    return payer


def test_from_the_details_to_the_shop(translated: Payer, merchant: Merchant, shop: Shop) -> None:
    payer, card = translated, merchant.card()
    payer.open(merchant.session(**RICH))
    payer["#details-save"].click()
    expect(payer["#email-error"]).to_be_visible()
    payer.give_details()
    is_as_it_should(payer.page)
    payer["#details-edit"].click()
    payer.page.fill("#email", "ola@example.no")
    payer["#details-save"].click()
    expect(payer["#details .folded"]).to_contain_text("ola@example.no")
    payer["input[name=shipping_option]"].nth(1).check()
    payer.type_card(card["number"], "0000" if card["pin"] != "0000" else "1111")
    expect(payer["#gift_card_number-error"]).to_be_visible()
    payer.add_card(card)
    is_as_it_should(payer.page)
    payer["#card-amount-summary"].click()
    payer.page.fill("#gift_card_amount", "60")
    payer["#card-amount-set"].click()
    expect(payer["#card-pays"]).to_contain_text(written("60,00 kr"))
    payer["#language"].select_option("sv")
    expect(payer["#pay-heading"]).to_contain_text("Betalning")
    is_as_it_should(payer.page)
    payer["#card-remove"].click()
    expect(payer["#gift_card_number"]).to_be_visible()
    payer.add_card(card)
    payer["#pay-button"].click()
    expect(payer[".consent .error"]).to_be_visible()
    payer["[id='consent.terms']"].check()
    is_as_it_should(payer.page)
    payer.press_pay()
    payer.pay_with()
    payer.at_shop()
    assert shop.returned[-1].keys() >= {"transaction_id"}
    assert merchant.balance(card) == (0, 10000)


def test_an_order_that_grows_is_not_paid_before_it_is_shown(
    translated: Payer, merchant: Merchant, shop: Shop
) -> None:
    """The card pays everything. The button names no amount, and the press takes the money."""
    payer, card = translated, merchant.card(100000)
    session = merchant.with_card(merchant.ready(40000), card)
    payer.open(session)
    expect(payer["#first-total"]).to_contain_text(written("400,00 kr"))
    merchant.change(session, 50000, without_lock=True)
    expect(payer["#first-total"]).to_contain_text(written("500,00 kr"))
    expect(payer["#total-order"]).to_contain_text(written("500,00 kr"))
    expect(payer["#changed"]).to_be_visible()
    is_as_it_should(payer.page)
    payer["#pay-button"].click()
    payer.at_shop()
    assert merchant.balance(card) == (50000, 50000)


@pytest.mark.parametrize("frozen", ["#total-order", "#first-total", "#total-to-pay"])
def test_what_is_shown_counts_before_what_was_sent(
    payer: Payer, merchant: Merchant, shop: Shop, frozen: str
) -> None:
    """Whatever keeps the old amount on the screen, Pay takes no other one."""
    card = merchant.card(10000)
    session = merchant.with_card(merchant.ready(40000), card)
    payer.open(session)
    expect(payer["#total-to-pay"]).to_have_text(written("300,00 kr"))
    payer.page.evaluate(
        """(selector) => {
          const shown = document.querySelector(selector);
          const text = shown.textContent;
          new MutationObserver(() => {
            if (shown.textContent !== text && !window.released) shown.textContent = text;
          }).observe(shown, { childList: true, characterData: true, subtree: true });
        }""",
        frozen,
    )
    merchant.change(session, 50000, without_lock=True)
    expect(payer["#changed"]).to_be_visible()
    payer["#pay-button"].click()
    expect(payer["#notice"]).to_contain_text(written("400,00 kr"))
    payer.stage("open")
    assert merchant.balance(card) == (10000, 0)
    # After the page is drawn again, the payer can pay.
    payer.page.evaluate("window.released = true")
    payer["#pay-button"].click()
    expect(payer["#notice"]).to_contain_text(written("400,00 kr"))
    payer.press_pay()
    assert merchant.balance(card) == (0, 10000)
    assert shop.returned == []


def test_an_amount_that_nobody_can_read_is_not_paid(
    payer: Payer, merchant: Merchant, shop: Shop
) -> None:
    card = merchant.card(10000)
    session = merchant.with_card(merchant.ready(10000), card)
    payer.open(session)
    payer.page.evaluate("document.querySelector('#total-to-pay').textContent = 'ten'")
    payer["#pay-button"].click()
    expect(payer["#notice"]).to_be_visible()
    assert merchant.balance(card) == (10000, 0)
    # The page was drawn again.
    expect(payer["#total-to-pay"]).to_have_text(written("0,00 kr"))
    payer["#pay-button"].click()
    payer.at_shop()
    assert merchant.balance(card) == (0, 10000)


def test_the_balance_page(translated: Payer, merchant: Merchant, demo: Demo) -> None:
    payer, card = translated, merchant.card(87655)
    payer.page.goto(f"{demo.base_url}/balance/{ACCOUNT}")
    payer.stage("ask")
    payer["#balance-look"].click()
    expect(payer["#gift_card_number-error"]).to_be_visible()
    is_as_it_should(payer.page)
    payer.page.fill("#gift_card_number", card["number"])
    payer.page.fill("#gift_card_pin", card["pin"])
    payer["#balance-look"].click()
    payer.stage("shown")
    expect(payer["#balance-available"]).to_contain_text(written("876,55 kr"))
    is_as_it_should(payer.page)
    payer["#balance-done"].click()
    payer.stage("ask")
    is_as_it_should(payer.page)


def test_in_a_shops_frame(
    translated: Payer, demo: Demo, merchant: Merchant, host: HostServer, embeddable: str
) -> None:
    """The shop raises the order while its page embeds us."""
    session, card = merchant.session(profile_id=embeddable), merchant.card(100000)
    page = HostPage(translated.page, demo, session["id"], host.origin)
    page.embed()
    frame = translated.page.frames[1]
    is_as_it_should(frame)
    page.give_details()
    page.add_card(card)
    is_as_it_should(frame)
    merchant.change(session, 50000, without_lock=True)
    expect(frame.locator("#total-order")).to_contain_text(written("500,00 kr"))
    is_as_it_should(frame)
    frame.click("#pay-button")
    assert page.event("onPayment")["transaction_id"]
    assert merchant.balance(card) == (50000, 50000)


def test_what_must_not_be_translated_is_marked(
    new_payer: NewPayer, merchant: Merchant, shop: Shop
) -> None:
    payer, card = new_payer(), merchant.card()
    translate(payer.page)
    session: dict[str, Any] = merchant.with_card(merchant.ready(**RICH), card)
    payer.open(session)
    untouched = ("#first-total", "#total-to-pay", "#card-number .digits", "#first-merchant")
    for selector in (*untouched, ".lines li > span:first-child > span", "#details .folded"):
        assert "⟦" not in payer[selector].first.inner_text(), selector
    klarna = payer["input[value='klarna.klarna'] + span .strong"]
    card_option = payer["input[value='dintero_psp.creditcard'] + span .strong"]
    assert klarna.inner_text() == "Klarna"
    assert card_option.inner_text() == "⟦Kort⟧"
    assert re.fullmatch(r"⟦Betal ⟧300,00\skr|⟦Betal ⟧[\d\s,]+kr", payer["#pay-button"].inner_text())
    # All our own headings can be translated.
    for heading in payer["h2:visible"].all():
        assert heading.inner_text().startswith("⟦"), heading.inner_text()
