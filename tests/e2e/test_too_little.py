"""Too little is left beside the card for any payment option. The page says why and how to
continue."""

from __future__ import annotations

import httpx
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import expect

from tests.support.checkout import options_alone
from tests.support.demo import Demo, Merchant, Shop
from tests.support.payer import Payer, violations, written

CARD, KLARNA = "dintero_psp.creditcard", "klarna.klarna"
CARD_ALONE = options_alone(CARD)
"""The one option that is offered takes 3.00 at least."""
WITH_KLARNA = options_alone(CARD, KLARNA)


def has(payer: Payer, selector: str, text: str) -> None:
    expect(payer[selector]).to_have_text(written(text))


def test_one_press_uses_a_little_less_of_the_card(
    payer: Payer, merchant: Merchant, shop: Shop
) -> None:
    card = merchant.card(10000)
    payer.open(merchant.ready(10001, configuration=CARD_ALONE))
    payer.add_card(card)
    payer.shows_total("0,01 kr", order="100,01 kr", card="−100,00 kr")
    has(
        payer,
        "#pay-too-little-why",
        "Det ville stått igjen 0,01 kr å betale, og det er mindre enn det minste beløpet som kan "
        "betales her, 3,00 kr. Bruk litt mindre av gavekortet: det du ikke bruker, blir stående "
        "på det.",
    )
    expect(payer["input[name=payment_product_type]"]).to_have_count(0)
    expect(payer["#pay-button"]).to_be_disabled()
    assert violations(Axe().run(payer.page)) == []
    has(payer, "#use-less", "Bruk 97,01 kr av gavekortet")

    # The payer uses the keyboard and one press.
    payer["#use-less"].focus()
    payer.page.keyboard.press("Enter")
    payer.shows_total("3,00 kr", order="100,01 kr", card="−97,01 kr")
    payer.announced("Gavekortet betaler nå 97,01 kr. Gjenstår å betale: 3,00 kr.")
    payer.focused("pay-heading")
    expect(payer["#pay-too-little"]).to_have_count(0)
    has(payer, "#card-left", "2,99 kr")
    assert merchant.balance(card) == (10000, 0)

    payer.press_pay()
    assert merchant.balance(card) == (299, 9701)
    payer.pay_with()
    payer.at_shop()
    (query,) = shop.returned
    transaction = merchant.transaction(query["transaction_id"])
    assert [part["amount"] for part in transaction["gift_cards"]] == [9701]


def test_an_amount_that_leaves_too_little_is_refused_at_its_field(
    payer: Payer, merchant: Merchant
) -> None:
    card = merchant.card(20000)
    payer.open(merchant.ready(10000, configuration=CARD_ALONE))
    payer.add_card(card)
    payer["#card-amount-summary"].click()
    payer.page.fill("#gift_card_amount", "99")
    payer.page.press("#gift_card_amount", "Enter")
    has(
        payer,
        "#gift_card_amount-error",
        "Da står det igjen 1,00 kr å betale, og det minste beløpet som kan betales her, er "
        "3,00 kr. Bruk 97,00 kr eller mindre.",
    )
    payer.focused("gift_card_amount")
    payer.shows_total("0,00 kr", order="100,00 kr", card="−100,00 kr")
    payer.page.fill("#gift_card_amount", "97")
    payer.page.press("#gift_card_amount", "Enter")
    payer.shows_total("3,00 kr", order="100,00 kr", card="−97,00 kr")


def test_an_order_that_cannot_be_shared_says_so(payer: Payer, merchant: Merchant) -> None:
    payer.open(merchant.ready(300, configuration=CARD_ALONE))
    payer.add_card(merchant.card(100))
    expect(payer["#pay-too-little-why"]).to_contain_text("Fjern det for å betale")
    expect(payer["#use-less"]).to_have_count(0)
    expect(payer["#pay-button"]).to_be_disabled()
    payer["#card-remove"].click()
    payer.shows_total("3,00 kr")
    expect(payer["input[name=payment_product_type]"]).to_have_count(1)
    expect(payer["#pay-button"]).to_be_enabled()


def test_an_order_below_the_minimum_says_so(payer: Payer, merchant: Merchant) -> None:
    payer.open(merchant.ready(200, configuration=CARD_ALONE))
    has(
        payer,
        "#pay-too-little-why",
        "Bestillingen på 2,00 kr er mindre enn det minste beløpet som kan betales her, 3,00 kr. "
        "Den kan bare betales med et gavekort som dekker alt. Har du ikke det, ta kontakt med "
        "butikken.",
    )
    expect(payer["#pay-button"]).to_be_disabled()
    payer.add_card(merchant.card(500))
    payer.shows_total("0,00 kr")
    expect(payer["#pay-button"]).to_be_enabled()


def test_an_option_that_does_not_take_so_little_is_named(payer: Payer, merchant: Merchant) -> None:
    payer.open(merchant.ready(10001, configuration=WITH_KLARNA))
    expect(payer["input[name=payment_product_type]"]).to_have_count(2)
    payer.add_card(merchant.card(10000))
    payer.shows_total("0,01 kr")
    expect(payer["input[name=payment_product_type]"]).to_have_count(1)
    expect(payer["input[name=payment_product_type]"]).to_have_value("klarna.klarna")
    expect(payer["#pay-unable"]).to_contain_text("fra 3,00")
    expect(payer["#pay-too-little"]).to_have_count(0)
    expect(payer["#pay-button"]).to_be_enabled()


def test_the_providers_refusal_of_the_amount_is_told_as_that(
    payer: Payer, merchant: Merchant, demo: Demo
) -> None:
    card = merchant.card(10000)
    payer.open(merchant.ready(14000, configuration=CARD_ALONE))
    payer.add_card(card)
    payer.shows_total("40,00 kr")
    settings = f"{demo.card_gateway_url}/_admin/settings"
    httpx.post(settings, json={"minimum": 5000}).raise_for_status()
    try:
        payer["#pay-button"].click()
        has(
            payer,
            "#notice",
            "Betalingstjenesten godtar ikke dette beløpet. Ingenting er trukket, og gavekortet er "
            "urørt. Velg en annen betalingsmåte, eller endre hvor mye av gavekortet som brukes.",
        )
        payer.focused("notice")
        assert merchant.balance(card) == (10000, 0)
    finally:
        httpx.post(settings, json={"minimum": 0}).raise_for_status()
    payer["#card-amount-summary"].click()
    payer.page.fill("#gift_card_amount", "90")
    payer.page.press("#gift_card_amount", "Enter")
    payer.shows_total("50,00 kr")
    payer.press_pay()
