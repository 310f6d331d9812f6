"""The page while the shop has a say: delivery and discounts by callback, and a lock with a change
of the order while the page is open."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, expect

from tests.support.callback_server import CallbackServer
from tests.support.demo import Demo, Merchant, Shop
from tests.support.payer import APPROVED, Payer, violations, written

NewPayer = Callable[..., Payer]

HOME = {"id": "home", "line_id": "s1", "amount": 9900, "operator": "Posten", "title": "Hjem"}


@pytest.fixture
def callbacks() -> Iterator[CallbackServer]:
    with CallbackServer().running() as server:
        yield server


def shipped(callbacks: CallbackServer) -> dict[str, Any]:
    """An Express session whose shop is asked what it can deliver."""
    return {"shipping_options": [], "shipping_address_callback_url": callbacks.url}


def discounted(callbacks: CallbackServer, maximum: int = 1) -> dict[str, Any]:
    return {
        "shipping_options": [],
        "discount_codes": {"max_count": maximum, "callback_url": callbacks.url},
    }


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
    # By keyboard: Enter in a field is the button.
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
    """The address is in the session by then, which the page follows every other second."""
    callbacks.answers({"shipping_options": [HOME]})
    payer.open(merchant.session(express=shipped(callbacks)))
    payer.give_details()
    payer["#details-edit"].click()
    payer["#shipping_address-address_line"].fill("Storgata 99")
    callbacks.delay = 6.0
    payer["#details-save"].click()
    for _ in range(10):
        payer.page.wait_for_timeout(500)
        expect(payer["#details-save"]).to_have_attribute("aria-busy", "true", timeout=1)
        expect(payer["#card-add"]).to_have_attribute("aria-disabled", "true", timeout=1)
        expect(payer["#pay-button"]).to_have_attribute("aria-disabled", "true", timeout=1)
        expect(payer["#email"]).to_be_visible(timeout=1)
    payer.focused("details-edit")
    expect(payer["#card-add"]).to_have_attribute("aria-disabled", "false")
    payer.shows_total("499,00 kr")


def test_an_address_that_is_changed_to_one_the_shop_cannot_reach(
    payer: Payer, merchant: Merchant, callbacks: CallbackServer
) -> None:
    """The details were saved before: now they are asked for again, and nothing can be paid."""
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
    """The page does not know of the lock yet: what it asks for is refused, and it says why."""
    session = merchant.session()
    card = merchant.card()
    payer.open(session)
    payer.give_details()
    payer["#gift_card_number"].fill(card["number"])
    payer["#gift_card_pin"].fill(card["pin"])
    merchant.lock(session)
    payer["#card-add"].click()
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
    """The shop's server never came back: the page goes on by itself."""
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


# --- discount codes -----------------------------------------------------------------------------


def takes(callbacks: CallbackServer, **amounts: int) -> None:
    """A shop that knows these codes, in capitals: what the order costs with each."""

    def answer(body: dict[str, Any]) -> tuple[int, bytes]:
        given = [code.upper() for code in body["order"]["discount_codes"]]
        known = [code for code in given if code in amounts]
        amount = amounts[known[-1]] if known else 40000
        order = {"amount": amount, "vat_amount": amount // 5, "discount_codes": known}
        return 200, json.dumps({"order": order}).encode()

    callbacks.answer = answer


def give_code(payer: Payer, code: str) -> None:
    payer["#discount_code"].fill(code)
    payer["#discount_code"].press("Enter")


def test_a_discount_code_is_taken_and_taken_away(
    payer: Payer, merchant: Merchant, callbacks: CallbackServer, shop: Shop
) -> None:
    takes(callbacks, SPRING=30000)
    payer.open(merchant.session(express=discounted(callbacks)))
    payer.give_details()
    expect(payer["#discount_code"]).to_be_hidden()
    payer["#discount-summary"].focus()
    payer.page.keyboard.press("Enter")
    expect(payer["#discount_code"]).to_be_visible()
    error = payer["#discount_code-error"]
    give_code(payer, " ")
    expect(error).to_have_text("Skriv inn rabattkoden.")
    give_code(payer, "autumn")
    expect(error).to_have_text("Butikken godtok ikke koden. Se etter og prøv igjen.")
    payer.focused("discount_code")
    expect(payer["#discount_code"]).to_have_value("autumn")
    check(payer)
    give_code(payer, "spring")
    expect(payer["#discount-codes li"]).to_have_count(1)
    expect(payer["#discount-codes"]).to_contain_text("SPRING")
    expect(error).to_have_count(0)
    expect(payer["#discount_code"]).to_have_value("")
    payer.focused("discount_code")
    payer.shows_total("300,00 kr")
    payer.announced("Rabattkoden er i bruk. Gjenstår å betale: 300,00 kr")
    check(payer)
    give_code(payer, "Spring")
    expect(error).to_have_text("Denne koden er allerede i bruk.")
    give_code(payer, "more")
    expect(error).to_have_text("Det kan ikke brukes flere koder. Fjern en for å bruke en annen.")
    payer.page.get_by_role("button", name="Fjern SPRING").click()
    expect(payer["#discount-codes"]).to_have_count(0)
    payer.focused("discount-summary")
    payer.shows_total("400,00 kr")
    give_code(payer, "spring")
    payer.shows_total("300,00 kr")
    payer.press_pay()
    payer.pay_with(APPROVED)
    payer.at_shop()
    assert merchant.transaction(shop.returned[0]["transaction_id"])["amount"] == 30000


def test_what_the_shop_changes_while_it_checks_a_code_is_said(
    payer: Payer, merchant: Merchant, callbacks: CallbackServer, shop: Shop
) -> None:
    """It is asked about 400.00, raises the order to 500.00, and answers about the 400.00."""

    def fifty_off(body: dict[str, Any]) -> tuple[int, bytes]:
        order = body["order"]
        amount = sum(i["amount"] for i in order["items"] if i.get("type") != "correction") - 5000
        answer = {"order": {"amount": amount, "discount_codes": order["discount_codes"]}}
        return 200, json.dumps(answer).encode()

    callbacks.answer = fifty_off
    session = merchant.session(express=discounted(callbacks))
    payer.open(session)
    payer.give_details()
    payer.shows_total("400,00 kr")
    payer["#discount-summary"].click()
    callbacks.hold()
    give_code(payer, "SPRING")
    expect(payer["#discount-apply"]).to_have_attribute("aria-busy", "true")
    for _ in range(200):
        if callbacks.asked:
            break
        payer.page.wait_for_timeout(50)
    merchant.change(session, 50000, without_lock=True)
    callbacks.let_go()
    expect(payer["#discount-codes"]).to_contain_text("SPRING")
    payer.shows_total("450,00 kr")
    expect(payer["#changed"]).to_contain_text(written("400,00 kr"))
    expect(payer["#changed"]).to_contain_text(written("450,00 kr"))
    payer.announced("450,00 kr")
    assert [body["order"]["amount"] for body in callbacks.asked] == [40000, 50000]
    check(payer)
    payer.press_pay()
    payer.pay_with(APPROVED)
    payer.at_shop()
    assert merchant.transaction(shop.returned[0]["transaction_id"])["amount"] == 45000


def test_a_shop_that_does_not_answer_for_a_code(
    payer: Payer, merchant: Merchant, callbacks: CallbackServer
) -> None:
    payer.open(merchant.session(express=discounted(callbacks, maximum=2)), language="en")
    payer.give_details()
    payer["#discount-summary"].click()
    error = payer["#discount_code-error"]
    give_code(payer, "SPRING")
    expect(error).to_contain_text("The shop could not check the code just now.")
    payer.focused("discount_code")
    expect(payer["#discount_code"]).to_have_value("SPRING")
    takes(callbacks, SPRING=30000, MORE=25000)
    payer["#discount-apply"].click()
    payer.shows_total("NOK 300.00")
    give_code(payer, "more")
    payer.shows_total("NOK 250.00")
    expect(payer["#discount-codes li"]).to_have_count(2)
    callbacks.answers({}, status=500)
    payer.page.get_by_role("button", name="Remove MORE").click()
    expect(error).to_contain_text("The shop could not check the code just now.")
    expect(payer["#discount-codes li"]).to_have_count(2)
    payer.shows_total("NOK 250.00")


def test_no_codes_where_the_shop_takes_none(payer: Payer, merchant: Merchant) -> None:
    payer.open(merchant.session())
    payer.give_details()
    expect(payer["#discount"]).to_have_count(0)


# --- room ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("width", [320, 360, 390, 430, 1280])
def test_remove_has_room_beside_the_card_number(
    new_payer: NewPayer, merchant: Merchant, callbacks: CallbackServer, width: int
) -> None:
    takes(callbacks, SPRING=30000)
    payer = new_payer(viewport={"width": width, "height": 900}, locale="en-GB")
    payer.open(merchant.session(express=discounted(callbacks)))
    payer.give_details()
    payer.add_card(merchant.card())
    payer["#discount-summary"].click()
    give_code(payer, "spring")
    expect(payer["#discount-codes"]).to_be_visible()
    number = payer["#card-number .digits"].bounding_box()
    remove = payer["#card-remove"].bounding_box()
    assert number is not None and remove is not None
    beneath = remove["y"] >= number["y"] + number["height"]
    assert beneath or remove["x"] - (number["x"] + number["width"]) >= 8
    wider = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
    assert payer.page.evaluate(wider) == 0


def test_a_reload_forgets_that_the_card_is_held_elsewhere(
    new_payer: NewPayer, merchant: Merchant
) -> None:
    card = merchant.card()
    first, second = new_payer(), new_payer()
    first.open(merchant.session())
    first.give_details()
    first.add_card(card)
    first.press_pay()
    second.open(merchant.session())
    second.give_details()
    second.type_card(card["number"], card["pin"])
    expect(second["#card-add"]).to_have_text("Avbryt den andre betalingen, og bruk gavekortet her")
    second.page.reload()
    second.alive()
    expect(second["#card-add"]).to_have_text("Bruk gavekortet")
