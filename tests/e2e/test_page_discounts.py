"""The payer enters discount codes on the page, and the shop accepts or refuses them by callback."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import expect

from tests.support.callback_server import CallbackServer
from tests.support.demo import Merchant, Shop
from tests.support.payer import APPROVED, Payer, violations, written
from tests.support.waiting import until_on

NewPayer = Callable[..., Payer]


def discounted(callbacks: CallbackServer, maximum: int = 1) -> dict[str, Any]:
    return {
        "shipping_options": [],
        "discount_codes": {"max_count": maximum, "callback_url": callbacks.url},
    }


def check(payer: Payer) -> None:
    assert violations(Axe().run(payer.page)) == []


def takes(callbacks: CallbackServer, **amounts: int) -> None:
    """Run a shop that knows these codes in capitals, with the order's price for each."""

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
    """The shop is asked about 400.00, raises the order to 500.00, and answers about 400.00."""

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
    until_on(payer.page, lambda: callbacks.asked, "the shop is asked")
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
