"""The shop presets a card that a payment left open elsewhere holds. The payer sees why the card
does not pay, reclaims it with its PIN or waits, and can always buy without it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import expect

from tests.support.demo import Merchant
from tests.support.payer import Payer, violations, written

HELD = "Gavekortet er opptatt i en betaling som står åpen et annet sted."


def preset(card: dict[str, str], **more: Any) -> dict[str, Any]:
    return {"gift_cards": {"dintero.wallets": [{"card_id": card["card_id"], **more}]}}


def leave_open(payer: Payer, merchant: Merchant, card: dict[str, str]) -> dict[str, str]:
    """Start a payment with the card and leave the provider's page open."""
    left = merchant.session(40000, customer=preset(card))
    payer.open(left)
    payer.give_details()
    payer.press_pay()
    assert merchant.balance(card) == (0, 10000)
    return left


def test_the_pin_takes_it_back(new_payer: Callable[..., Payer], merchant: Merchant) -> None:
    card = merchant.card(10000)
    first, second = new_payer(), new_payer()
    left = leave_open(first, merchant, card)
    second.open(merchant.session(25000, customer=preset(card)))
    second.give_details()
    expect(second["#card-held"]).to_contain_text(HELD)
    expect(second["#card-note"]).to_have_count(0)
    second.shows_total("250,00 kr")
    assert violations(Axe().run(second.page)) == []

    second["#card-reclaim"].click()
    expect(second["#gift_card_pin-error"]).to_have_text("Skriv inn PIN-koden.")
    second.focused("gift_card_pin")
    second["#gift_card_pin"].fill("0000" if card["pin"] != "0000" else "1111")
    second["#card-reclaim"].click()
    expect(second["#gift_card_pin-error"]).to_have_text(
        "PIN-koden stemmer ikke. Se etter og prøv igjen."
    )
    assert merchant.balance(card) == (0, 10000)
    second["#gift_card_pin"].fill(card["pin"])
    second["#gift_card_pin"].press("Enter")
    expect(second["#card-held"]).to_have_count(0, timeout=15000)
    second.focused("card-remove")
    second.announced("Gavekortet er lagt til og betaler 100,00 kr. Gjenstår å betale: 150,00 kr")
    second.shows_total("150,00 kr", order="250,00 kr", card="−100,00 kr")
    assert merchant.balance(card) == (10000, 0)

    first.open(left)
    first.stage("open")
    expect(first["#notice"]).to_contain_text("tatt i bruk i et annet kjøp")
    second.press_pay()
    second.pay_with()
    second.at_shop()
    assert merchant.balance(card) == (0, 10000)


def test_it_pays_by_itself_once_it_is_free(
    new_payer: Callable[..., Payer], merchant: Merchant
) -> None:
    """The payer waits, and presses nothing but Pay."""
    card = merchant.card(10000)
    first, second = new_payer(), new_payer()
    left = leave_open(first, merchant, card)
    second.open(merchant.session(25000, customer=preset(card)))
    second.give_details()
    expect(second["#card-held"]).to_be_visible()
    first.open(left)
    first["#wait-change"].click()
    first.stage("open")
    expect(second["#card-held"]).to_have_count(0, timeout=20000)
    second.shows_total("150,00 kr", order="250,00 kr", card="−100,00 kr")
    second.announced("Gjenstår å betale: 150,00 kr")
    # The other page has the card too, until one of them pays.
    second.press_pay()
    second.pay_with()
    second.at_shop()
    assert merchant.balance(card) == (0, 10000)


def test_who_does_not_want_to_wait_buys_without_it(
    new_payer: Callable[..., Payer], merchant: Merchant
) -> None:
    card = merchant.card(10000)
    first, second = new_payer(), new_payer()
    leave_open(first, merchant, card)
    second.open(merchant.session(25000, customer=preset(card)))
    second.give_details()
    second["#card-remove"].click()
    expect(second["#card-form"]).to_be_visible()
    second.shows_total("250,00 kr")
    second.press_pay()
    second.pay_with()
    second.at_shop()
    assert merchant.balance(card) == (0, 10000)


def test_a_part_of_it_is_held(new_payer: Callable[..., Payer], merchant: Merchant) -> None:
    card = merchant.card(10000)
    first, second = new_payer(), new_payer()
    left = merchant.session(40000, customer=preset(card, amount=6000))
    first.open(left)
    first.give_details()
    first.press_pay()
    second.open(merchant.session(25000, customer=preset(card)))
    second.give_details()
    expect(second["#card-held"]).to_contain_text(written("60,00 kr av gavekortet er opptatt"))
    second.shows_total("210,00 kr", order="250,00 kr", card="−40,00 kr")
    second["#gift_card_pin"].fill(card["pin"])
    second["#card-reclaim"].click()
    expect(second["#card-held"]).to_have_count(0, timeout=15000)
    second.shows_total("150,00 kr", order="250,00 kr", card="−100,00 kr")


def test_a_card_without_a_pin_can_only_wait(
    new_payer: Callable[..., Payer], merchant: Merchant
) -> None:
    path = f"/v1/accounts/{merchant.account_id}/wallets/cards"
    made = merchant.post(path, {"card_id": "held-no-pin", "amount": 10000, "currency": "NOK"})
    card = {"card_id": str(made["card_id"])}
    first, second = new_payer(), new_payer()
    leave_open(first, merchant, card)
    second.open(merchant.session(25000, customer=preset(card)))
    second.give_details()
    expect(second["#card-held"]).to_contain_text(HELD)
    expect(second["#card-reclaim-form"]).to_have_count(0)
