"""The shop takes part while the page is open: it answers callbacks about delivery and discounts,
and locks and changes the order."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, expect

from tests.support.callback_server import CallbackServer
from tests.support.demo import Demo, Merchant, Shop
from tests.support.payer import APPROVED, Payer, press_as_if_unlocked, violations
from tests.support.waiting import stays

NewPayer = Callable[..., Payer]

HOME = {"id": "home", "line_id": "s1", "amount": 9900, "operator": "Posten", "title": "Hjem"}


def shipped(callbacks: CallbackServer) -> dict[str, Any]:
    """Create an Express session whose shop is asked for its deliveries."""
    return {"shipping_options": [], "shipping_address_callback_url": callbacks.url}


def check(payer: Payer) -> None:
    assert violations(Axe().run(payer.page)) == []


# --- delivery -----------------------------------------------------------------------------------


def fill(payer: Payer) -> None:
    payer.page.fill("#email", "kari@example.no")
    payer.page.fill("#phone_number", "41234567")
    for name, value in {
        "first_name": "Kari",
        "last_name": "Nordmann",
        "address_line": "Storgata 1",
        "postal_code": "9170",
        "postal_place": "Longyearbyen",
    }.items():
        payer.page.fill(f"#shipping_address-{name}", value)


def test_delivery_that_cannot_be_worked_out_is_tried_again(
    payer: Payer, merchant: Merchant, callbacks: CallbackServer, shop: Shop
) -> None:
    payer.open(merchant.session(express=shipped(callbacks)))
    fill(payer)
    payer["#details-save"].click()
    problem = payer["#details-problem"]
    expect(problem).to_have_text(
        "Butikken fikk ikke regnet ut leveringen akkurat nå. Det du skrev, er lagret. Prøv igjen."
    )
    payer.focused("details-problem")
    expect(payer["#shipping_address-postal_place"]).to_have_value("Longyearbyen")
    check(payer)
    callbacks.answers({"shipping_options": []})
    payer["#details-save"].click()
    expect(problem).to_have_text("Butikken leverer ikke til denne adressen. Prøv en annen adresse.")
    payer.focused("details-problem")
    callbacks.answers({"shipping_options": [HOME]})
    payer["#shipping_address-postal_code"].fill("0154")
    payer["#shipping_address-postal_place"].fill("Oslo")
    # By keyboard, Enter in a field presses the button.
    payer["#shipping_address-postal_place"].press("Enter")
    payer.focused("details-edit")
    expect(problem).to_have_count(0)
    payer.shows_total("499,00 kr")
    asked = [body["order"]["shipping_address"]["postal_code"] for body in callbacks.asked]
    assert asked == ["9170", "9170", "0154"]
    payer.press_pay()
    payer.pay_with(APPROVED)
    payer.at_shop()
    assert merchant.transaction(shop.returned[0]["transaction_id"])["amount"] == 49900


def test_while_the_shop_works_it_out_nothing_is_half_shown_and_nothing_else_begun(
    payer: Payer, merchant: Merchant, callbacks: CallbackServer
) -> None:
    """By then the address is in the session, which the page reads every other second."""
    callbacks.answers({"shipping_options": [HOME]})
    payer.open(merchant.session(express=shipped(callbacks)))
    payer.give_details()
    payer["#details-edit"].click()
    payer["#shipping_address-address_line"].fill("Storgata 99")
    callbacks.hold()
    payer["#details-save"].click()
    expect(payer["#details-save"]).to_have_attribute("aria-busy", "true")

    def waits() -> bool:
        return (
            payer["#details-save"].get_attribute("aria-busy") == "true"
            and payer["#card-add"].get_attribute("aria-disabled") == "true"
            and payer["#pay-button"].get_attribute("aria-disabled") == "true"
            and payer["#email"].is_visible()
        )

    stays(payer.page, waits, "the page goes on before the shop has answered", seconds=5)
    callbacks.let_go()
    payer.focused("details-edit")
    expect(payer["#card-add"]).to_have_attribute("aria-disabled", "false")
    payer.shows_total("499,00 kr")


def test_an_address_that_is_changed_to_one_the_shop_cannot_reach(
    payer: Payer, merchant: Merchant, callbacks: CallbackServer
) -> None:
    """The details were saved before. Now the page asks for them again, and the payer cannot pay."""
    callbacks.answers({"shipping_options": [HOME]})
    payer.open(merchant.session(express=shipped(callbacks)), language="en")
    payer.give_details()
    expect(payer["#pay-button"]).to_be_enabled()
    payer["#details-edit"].click()
    callbacks.answers({"shipping_options": []})
    payer["#shipping_address-address_line"].fill("Storgata 99")
    payer["#details-save"].click()
    expect(payer["#details-problem"]).to_have_text(
        "The shop does not deliver to this address. Try another address."
    )
    expect(payer["#pay-button"]).to_have_count(0)
    callbacks.answers({"shipping_options": [HOME]})
    payer["#details-save"].click()
    payer.focused("details-edit")
    expect(payer["#pay-button"]).to_be_enabled()


# --- the lock -----------------------------------------------------------------------------------


def test_a_lock_holds_the_page_until_the_shop_has_changed_the_order(
    payer: Payer, merchant: Merchant, shop: Shop
) -> None:
    session = merchant.session()
    payer.open(session)
    payer.give_details()
    payer["#gift_card_pin"].fill("1234")
    merchant.lock(session)
    banner = payer["#locked"]
    expect(banner).to_contain_text("Butikken oppdaterer bestillingen din …")
    for name in ("pay-button", "card-add"):
        expect(payer[f"#{name}"]).to_have_attribute("aria-disabled", "true")
    check(payer)
    payer["#pay-button"].focus()
    payer.page.keyboard.press("Enter")
    payer["#gift_card_pin"].press("Enter")
    payer["#details-edit"].click()
    expect(payer["#details-save"]).to_have_attribute("aria-disabled", "true")
    merchant.change(session, 45000)
    expect(banner).to_have_count(0)
    payer.shows_total("450,00 kr")
    payer.announced("Gjenstår å betale: 450,00 kr")
    expect(payer["#gift_card_pin"]).to_have_value("1234")
    expect(payer["#gift_card_number-error"]).to_have_count(0)
    expect(payer["#pay-button"]).to_have_attribute("aria-disabled", "false")
    payer.press_pay()
    payer.pay_with(APPROVED)
    payer.at_shop()
    assert merchant.transaction(shop.returned[0]["transaction_id"])["amount"] == 45000


def test_what_is_asked_for_during_a_lock_loses_nothing(payer: Payer, merchant: Merchant) -> None:
    """The page does not know of the lock yet. Its request is refused, and it says why."""
    session = merchant.session()
    card = merchant.card()
    payer.open(session)
    payer.give_details()
    payer["#gift_card_number"].fill(card["number"])
    payer["#gift_card_pin"].fill(card["pin"])
    merchant.lock(session)
    press_as_if_unlocked(payer["#card-add"])
    expect(payer["#locked"]).to_be_visible()
    expect(payer["#card-in-use"]).to_have_count(0)
    expect(payer["#notice"]).to_have_count(0)
    expect(payer["#gift_card_pin"]).to_have_value(card["pin"])
    merchant.change(session, 40000)
    expect(payer["#locked"]).to_have_count(0)
    payer.announced("Bestillingen er oppdatert. Du kan fortsette.")
    payer["#card-add"].click()
    expect(payer["#card-in-use"]).to_be_visible()
    payer.shows_total("300,00 kr")


def test_a_lock_that_nobody_takes_off_runs_out(
    browser: Browser,
    built_frontend: Path,
    repository: Path,
    tmp_path: Path,
    shop: Shop,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The shop's server never came back, and the page continues automatically."""
    monkeypatch.setenv("GAVEKORT_PAY_LOCK_LIFETIME", "5")
    demo = Demo(repository, tmp_path)
    demo.start()
    context = browser.new_context(locale="nb-NO")
    try:
        merchant, payer = Merchant(demo, shop), Payer(context, demo.base_url)
        session = merchant.session()
        payer.open(session)
        payer.give_details()
        merchant.lock(session)
        expect(payer["#locked"]).to_be_visible()
        expect(payer["#locked"]).to_have_count(0, timeout=15000)
        payer.announced("Bestillingen er oppdatert. Du kan fortsette.")
        payer.press_pay()
        assert payer.complaints == []
        merchant.http.close()
    finally:
        context.close()
        demo.stop()


def test_the_shop_changes_the_order_without_a_lock(payer: Payer, merchant: Merchant) -> None:
    session = merchant.session()
    payer.open(session)
    payer.give_details()
    merchant.change(session, 50000, without_lock=True)
    payer.shows_total("500,00 kr")
    payer.announced("Gjenstår å betale: 500,00 kr")
