"""The payer chooses on the page how much of a gift card to use."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import expect

from tests.support.demo import Merchant, Shop
from tests.support.payer import Payer, violations, written

NewPayer = Callable[..., Payer]


def in_days(days: int) -> str:
    return (datetime.now(UTC) + timedelta(days=days, hours=1)).isoformat()


def preset(card: dict[str, str], **more: Any) -> dict[str, Any]:
    return {"gift_cards": {"dintero.wallets": [{"card_id": card["card_id"], **more}]}}


def has(payer: Payer, selector: str, text: str) -> None:
    expect(payer[selector]).to_have_text(written(text))


def open_with(payer: Payer, merchant: Merchant, card: dict[str, str], **more: Any) -> None:
    payer.open(merchant.session(40000, **more))
    payer.give_details()
    payer.add_card(card)


def type_amount(payer: Payer, typed: str) -> None:
    payer["#card-amount-summary"].click()
    payer.page.fill("#gift_card_amount", typed)
    payer.page.press("#gift_card_amount", "Enter")


def test_a_part_of_a_card_that_could_pay_all(payer: Payer, merchant: Merchant, shop: Shop) -> None:
    card = merchant.card(100000)
    open_with(payer, merchant, card)
    payer.shows_total("0,00 kr", order="400,00 kr", card="−400,00 kr")
    has(payer, "#card-use", "Bruk 400,00 kr av 1 000,00 kr")
    expect(payer["#gift_card_amount"]).not_to_be_visible()

    # The payer uses only the keyboard.
    payer["#card-amount-summary"].focus()
    payer.page.keyboard.press("Enter")
    expect(payer["#gift_card_amount"]).to_have_value("400,00")
    payer.page.keyboard.press("Tab")
    payer.focused("gift_card_amount")
    payer.page.keyboard.press("Control+a")
    payer.page.keyboard.type("150,5")
    payer.page.keyboard.press("Enter")
    payer.shows_total("249,50 kr", order="400,00 kr", card="−150,50 kr")
    payer.announced("Gavekortet betaler nå 150,50 kr. Gjenstår å betale: 249,50 kr.")
    payer.focused("card-amount-summary")
    expect(payer["#gift_card_amount"]).not_to_be_visible()
    has(payer, "#card-now", "1 000,00 kr")
    has(payer, "#card-pays", "150,50 kr")
    has(payer, "#card-left", "849,50 kr")
    has(payer, "#card-note", "De resterende 249,50 kr betaler du nedenfor.")
    expect(payer["input[name=payment_product_type]"]).not_to_have_count(0)
    assert merchant.balance(card) == (100000, 0)

    payer.press_pay()
    assert merchant.balance(card) == (84950, 15050)
    payer.pay_with()
    payer.at_shop()
    (query,) = shop.returned
    transaction = merchant.transaction(query["transaction_id"])
    assert [part["amount"] for part in transaction["gift_cards"]] == [15050]
    assert transaction["amount"] == 40000


def test_wrong_amounts_are_said_at_the_field(payer: Payer, merchant: Merchant) -> None:
    card = merchant.card(10000)
    open_with(payer, merchant, card)
    has(
        payer,
        "#card-note",
        "Gavekortet dekker ikke hele bestillingen. De resterende 300,00 kr betaler du nedenfor.",
    )
    payer["#card-amount-summary"].click()
    for typed, said in (
        ("", "Skriv hvor mye av gavekortet som skal brukes."),
        ("mye", "Vi klarer ikke å lese beløpet. Skriv det slik: 123,45."),
        ("-5", "Vi klarer ikke å lese beløpet. Skriv det slik: 123,45."),
        ("0", "Bruk minst 0,01 kr, eller fjern gavekortet."),
        ("100,01", "Høyst 100,00 kr av gavekortet kan brukes på denne bestillingen."),
        ("x" * 90, "Vi klarer ikke å lese beløpet. Skriv det slik: 123,45."),
    ):
        payer.page.fill("#gift_card_amount", typed)
        payer.page.press("#gift_card_amount", "Enter")
        has(payer, "#gift_card_amount-error", said)
        payer.focused("gift_card_amount")
        field = payer["#gift_card_amount"]
        expect(field).to_have_attribute("aria-invalid", "true")
        expect(field).to_have_attribute(
            "aria-describedby", "gift_card_amount-error card-amount-hint"
        )
        expect(field).to_have_value(typed)
    payer.shows_total("300,00 kr", order="400,00 kr", card="−100,00 kr")
    for typed, total in (("50.25", "349,75 kr"), ("kr 20,-", "380,00 kr"), ("0,01", "399,99 kr")):
        if not payer["#gift_card_amount"].is_visible():
            payer["#card-amount-summary"].click()
        payer.page.fill("#gift_card_amount", typed)
        payer.page.click("#card-amount-set")
        expect(payer["#total-to-pay"]).to_have_text(written(total))
        expect(payer["#gift_card_amount-error"]).to_have_count(0)
    payer["#card-amount-summary"].click()
    payer.page.click("#card-amount-all")
    payer.shows_total("300,00 kr", order="400,00 kr", card="−100,00 kr")
    payer.focused("card-amount-summary")


def test_grouping_as_english_writes_it(new_payer: NewPayer, merchant: Merchant) -> None:
    card = merchant.card(500000)
    payer = new_payer(locale="en-GB")
    payer.open(merchant.session(400000))
    payer.give_details()
    payer.add_card(card)
    has(payer, "#card-use", "Use NOK 4,000.00 of NOK 5,000.00")
    type_amount(payer, "1,234.50")
    payer.shows_total("NOK 2,765.50", order="NOK 4,000.00", card="−NOK 1,234.50")
    type_amount(payer, "1 234,00")
    payer.shows_total("NOK 2,766.00", order="NOK 4,000.00", card="−NOK 1,234.00")


def test_preset_with_an_amount_and_an_end_that_is_near(
    payer: Payer, merchant: Merchant, shop: Shop
) -> None:
    card = merchant.card(30000, expires_at=in_days(10))
    payer.open(merchant.session(40000, customer=preset(card, amount=5000)))
    payer.give_details()
    payer.shows_total("350,00 kr", order="400,00 kr", card="−50,00 kr")
    expect(payer["#card-ending"]).to_contain_text("Bruk det som er igjen, før den tid")
    type_amount(payer, "60")
    payer.shows_total("340,00 kr", order="400,00 kr", card="−60,00 kr")
    payer.press_pay()
    payer.pay_with()
    payer.at_shop()
    assert merchant.balance(card) == (24000, 6000)


@pytest.mark.parametrize(("days", "said"), [(45, "tilbake for bestillingen senere"), (90, "")])
def test_an_end_before_a_refund_may_come(
    payer: Payer, merchant: Merchant, days: int, said: str
) -> None:
    open_with(payer, merchant, merchant.card(10000, expires_at=in_days(days)))
    if said:
        expect(payer["#card-ending"]).to_contain_text(said)
    else:
        expect(payer["#card-ending"]).to_have_count(0)


def test_a_card_that_has_come_to_cover_all_is_said_and_confirmed(
    payer: Payer, merchant: Merchant, shop: Shop
) -> None:
    card = merchant.card(10000)
    open_with(payer, merchant, card)
    payer.shows_total("300,00 kr", order="400,00 kr", card="−100,00 kr")
    fund(merchant, card, 50000)
    payer["#pay-button"].click()
    expect(payer["#notice"]).to_contain_text(
        written("nå betaler gavekortet hele bestillingen på 400,00 kr.")
    )
    payer.focused("notice")
    payer.shows_total("0,00 kr", order="400,00 kr", card="−400,00 kr")
    assert merchant.balance(card) == (60000, 0)
    payer["#pay-button"].click()
    payer.at_shop()
    assert merchant.balance(card) == (20000, 40000)


def test_what_shrinks_meanwhile_is_said_and_confirmed(
    payer: Payer, merchant: Merchant, shop: Shop
) -> None:
    card = merchant.card(20000)
    open_with(payer, merchant, card)
    type_amount(payer, "150")
    payer.shows_total("250,00 kr", order="400,00 kr", card="−150,00 kr")
    spend(merchant, card, 14000)
    payer["#pay-button"].click()
    expect(payer["#notice"]).to_contain_text(written("340,00 kr"))
    payer.focused("notice")
    payer.shows_total("340,00 kr", order="400,00 kr", card="−60,00 kr")
    has(payer, "#card-note", "Du valgte 150,00 kr, men bare 60,00 kr kan brukes nå.")
    assert merchant.balance(card) == (6000, 0)
    # The payer asks for more than is left by now, and the page says how much is left.
    spend(merchant, card, 1000)
    type_amount(payer, "60")
    has(
        payer,
        "#gift_card_amount-error",
        "Høyst 50,00 kr av gavekortet kan brukes på denne bestillingen.",
    )
    payer.shows_total("350,00 kr", order="400,00 kr", card="−50,00 kr")
    payer.press_pay()
    payer.pay_with()
    payer.at_shop()
    assert merchant.balance(card) == (0, 5000)


def spend(merchant: Merchant, card: dict[str, str], amount: int) -> None:
    _move(merchant, card, amount, "drawdown")


def fund(merchant: Merchant, card: dict[str, str], amount: int) -> None:
    _move(merchant, card, amount, "fund")


def _move(merchant: Merchant, card: dict[str, str], amount: int, kind: str) -> None:
    body = {"card_id": card["card_id"], "ref_id": f"{amount}", "amount": amount, "currency": "NOK"}
    merchant.post(f"/v1/accounts/{merchant.account_id}/wallets/transactions", body | {"type": kind})


def test_two_tabs(new_payer: NewPayer, merchant: Merchant) -> None:
    """The other tab follows. If the card is gone, it says so instead of failing."""
    session = merchant.session(40000)
    one, other = new_payer(), new_payer()
    one.open(session)
    one.give_details()
    one.add_card(merchant.card(100000))
    other.open(session)
    expect(other["#card-amount-summary"]).to_be_visible()
    type_amount(one, "100")
    other.shows_total("300,00 kr", order="400,00 kr", card="−100,00 kr")
    other.announced("Gjenstår å betale: 300,00 kr.")
    # Two presses at once count as one.
    other["#card-amount-summary"].click()
    other.page.fill("#gift_card_amount", "200")
    other["#card-amount-set"].dblclick()
    one.shows_total("200,00 kr", order="400,00 kr", card="−200,00 kr")
    other.page.evaluate("fetch(location.pathname + '/session/order/gift_card', {method: 'DELETE'})")
    for payer in (one, other):
        payer.shows_total("400,00 kr")
        expect(payer["#card-amount"]).to_have_count(0)


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [320, 1280])
def test_axe_and_narrow_screens(
    new_payer: NewPayer, merchant: Merchant, scheme: str, width: int
) -> None:
    payer = new_payer(
        color_scheme=scheme, viewport={"width": width, "height": 900}, reduced_motion="reduce"
    )
    open_with(payer, merchant, merchant.card(100000, expires_at=in_days(10)))
    assert violations(Axe().run(payer.page)) == []
    type_amount(payer, "0")
    expect(payer["#gift_card_amount-error"]).to_be_visible()
    assert violations(Axe().run(payer.page)) == []
    wide = payer.page.evaluate("document.documentElement.scrollWidth - innerWidth")
    assert wide <= 0
    payer.page.fill("#gift_card_amount", "100")
    payer.page.click("#card-amount-set")
    expect(payer["#card-note"]).to_have_text(re.compile("nedenfor"))
    assert violations(Axe().run(payer.page)) == []
