"""A payment left open elsewhere holds the card. The payer reclaims it with number and PIN."""

from __future__ import annotations

from collections.abc import Callable

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import expect

from tests.support.demo import Merchant
from tests.support.payer import Payer, violations


def test_take_it_back(new_payer: Callable[..., Payer], merchant: Merchant) -> None:
    card = merchant.card(10000)
    left = merchant.session(40000)
    first = new_payer()
    first.open(left)
    first.give_details()
    first.add_card(card)
    first.press_pay()
    assert merchant.balance(card) == (0, 10000)

    second = new_payer()
    second.open(merchant.session(25000))
    second.give_details()
    second.type_card(card["number"], card["pin"])
    expect(second["#card-form"]).to_contain_text("står åpen et annet sted")
    second.focused("gift_card_number")
    expect(second["#card-add"]).to_have_text("Avbryt den andre betalingen, og bruk gavekortet her")
    assert violations(Axe().run(second.page)) == []
    assert merchant.balance(card) == (0, 10000)
    # The typed text is still there.
    second.page.click("#card-add")
    expect(second["#card-in-use"]).to_be_visible(timeout=15000)
    second.shows_total("150,00 kr", order="250,00 kr", card="−100,00 kr")
    assert merchant.balance(card) == (10000, 0)

    # The payer at the other page comes back and learns why.
    first.open(left)
    first.stage("open")
    expect(first["#notice"]).to_contain_text("tatt i bruk i et annet kjøp")
    second.press_pay()
    second.pay_with()
    second.at_shop()
    assert merchant.balance(card) == (0, 10000)
