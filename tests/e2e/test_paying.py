"""Issue: an order is paid with a gift card and a bank card, in a browser, at the real provider."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import expect

from tests.support.demo import Demo, Merchant, Shop
from tests.support.payer import APPROVED, CHALLENGE, DECLINED, TIMES_OUT, Payer
from tests.support.waiting import until

NewPayer = Callable[..., Payer]


def paid(merchant: Merchant, shop: Shop) -> Any:
    """Return the transaction of the only payer who came back to the shop."""
    assert len(shop.returned) == 1
    (query,) = shop.returned
    assert query["merchant_reference"] == "order-1"
    assert "error" not in query
    return merchant.transaction(query["transaction_id"])


def test_card_pays_a_part(payer: Payer, merchant: Merchant, shop: Shop) -> None:
    card = merchant.card(10000)
    payer.open(merchant.session(40000))
    payer.give_details()
    payer.shows_total("400,00 kr")
    payer.add_card(card)
    payer.shows_total("300,00 kr", order="400,00 kr", card="−100,00 kr")
    payer.announced("Gjenstår å betale: 300,00 kr")
    payer.focused("card-remove")
    expect(payer["#card-number"]).to_contain_text(f"•••• •••• •••• {card['number'][-4:]}")
    expect(payer["#card-pays"]).to_have_text(re.compile(r"100,00\s*kr"))
    expect(payer["#card-left"]).to_have_text(re.compile(r"0,00\s*kr"))
    expect(payer["#pay-button"]).to_have_text(re.compile(r"Betal 300,00\s*kr"))
    assert merchant.balance(card) == (10000, 0), "nothing is held before Pay"
    payer.press_pay()
    assert merchant.balance(card) == (0, 10000)
    payer.pay_with(APPROVED)
    payer.at_shop()
    transaction = paid(merchant, shop)
    assert (transaction["amount"], transaction["status"]) == (40000, "AUTHORIZED")
    assert [part["amount"] for part in transaction["gift_cards"]] == [10000]
    _called_back(shop, transaction["id"])


def _called_back(shop: Shop, transaction_id: str) -> None:
    until(lambda: shop.called_back, "the merchant is called back")
    assert shop.called_back[0]["transaction_id"] == transaction_id


def test_card_pays_all(payer: Payer, merchant: Merchant, shop: Shop) -> None:
    card = merchant.card(100000)
    payer.open(merchant.session(40000))
    payer.give_details()
    payer.add_card(card)
    payer.shows_total("0,00 kr", order="400,00 kr", card="−400,00 kr")
    expect(payer["#card-left"]).to_have_text(re.compile(r"600,00\s*kr"))
    expect(payer["input[name=payment_product_type]"]).to_have_count(0)
    payer["#pay-button"].click()
    payer.at_shop()
    transaction = paid(merchant, shop)
    assert transaction["payment_product_type"] == "dintero.wallets"
    assert merchant.balance(card) == (60000, 40000)


def test_no_gift_card_and_the_bank_asks(payer: Payer, merchant: Merchant, shop: Shop) -> None:
    payer.open(merchant.session(40000))
    payer.give_details()
    payer.press_pay()
    payer.pay_with(CHALLENGE)
    payer["#complete"].click()
    payer.at_shop()
    transaction = paid(merchant, shop)
    assert transaction["payment_product_type"] == "dintero_psp.creditcard"
    assert not transaction.get("gift_cards")


def preset(card: dict[str, str]) -> dict[str, Any]:
    return {"gift_cards": {"dintero.wallets": [{"card_id": card["card_id"]}]}}


def test_preset_card_is_paid_without_pin(payer: Payer, merchant: Merchant, shop: Shop) -> None:
    card = merchant.card(10000)
    payer.open(merchant.session(40000, customer=preset(card)))
    expect(payer["#card-in-use"]).to_be_visible()
    expect(payer["#gift_card_pin"]).to_have_count(0)
    payer.give_details()
    payer.shows_total("300,00 kr", order="400,00 kr", card="−100,00 kr")
    payer.press_pay()
    payer.pay_with(APPROVED)
    payer.at_shop()
    assert paid(merchant, shop)["gift_cards"][0]["amount"] == 10000


def test_preset_card_once_removed_needs_number_and_pin(
    payer: Payer, merchant: Merchant, shop: Shop
) -> None:
    card = merchant.card(10000)
    payer.open(merchant.session(40000, customer=preset(card)))
    payer.give_details()
    payer["#card-remove"].click()
    payer.shows_total("400,00 kr")
    payer.announced("Gavekortet er fjernet. Gjenstår å betale: 400,00 kr")
    payer.focused("gift_card_number")
    payer.type_card(card["number"], "")
    expect(payer["#gift_card_pin-error"]).to_have_text("Skriv inn PIN-koden.")
    payer.focused("gift_card_pin")
    payer.add_card(card)
    payer.press_pay()
    payer.pay_with(APPROVED)
    payer.at_shop()
    assert paid(merchant, shop)["gift_cards"][0]["amount"] == 10000


def test_declined_then_paid_with_another_try(payer: Payer, merchant: Merchant, shop: Shop) -> None:
    card = merchant.card(10000)
    payer.open(merchant.session(40000))
    payer.give_details()
    payer.add_card(card)
    payer.press_pay()
    payer.pay_with(DECLINED)
    # The provider's page lets the payer try again, or go back to ours.
    expect(payer["#back"]).to_be_visible()
    payer["#back"].click()
    payer.alive()
    payer.stage("open")
    expect(payer["#notice"]).to_contain_text("Ingenting er trukket")
    payer.focused("notice")
    payer.shows_total("300,00 kr", order="400,00 kr", card="−100,00 kr")
    assert merchant.balance(card) == (10000, 0), "the card is untouched"
    payer.press_pay()
    payer.pay_with(APPROVED)
    payer.at_shop()
    assert paid(merchant, shop)["gift_cards"][0]["amount"] == 10000
    assert merchant.balance(card) == (0, 10000)


def test_cancelled_by_the_payer(payer: Payer, merchant: Merchant, shop: Shop) -> None:
    card = merchant.card(10000)
    session = merchant.session(40000)
    payer.open(session)
    payer.give_details()
    payer.add_card(card)
    payer["#cancel summary"].click()
    payer["#cancel-yes"].click()
    payer.at_shop()
    assert [query.get("error") for query in shop.returned] == ["cancelled"]
    assert merchant.balance(card) == (10000, 0)
    response = payer.open(session)
    assert response is not None and response.status == 410
    payer.stage("cancelled")


def test_double_click_pays_once(payer: Payer, merchant: Merchant, shop: Shop) -> None:
    card = merchant.card(100000)
    payer.open(merchant.session(40000))
    payer.give_details()
    payer.add_card(card)
    payer["#pay-button"].dblclick()
    payer.at_shop()
    paid(merchant, shop)
    assert merchant.balance(card) == (60000, 40000)


def test_two_tabs_pay_once(new_payer: NewPayer, merchant: Merchant, shop: Shop) -> None:
    card = merchant.card(100000)
    session = merchant.session(40000)
    one, other = new_payer(), new_payer()
    one.open(session)
    one.give_details()
    one.add_card(card)
    other.open(session)
    other.shows_total("0,00 kr", order="400,00 kr", card="−400,00 kr")
    # Press Pay in both browsers as nearly at the same moment as possible.
    for payer in (one, other):
        payer.page.evaluate("setTimeout(() => document.querySelector('#pay-button').click(), 50)")
    one.at_shop()
    other.at_shop()
    assert len({query["transaction_id"] for query in shop.returned}) == 1
    assert merchant.balance(card) == (60000, 40000)


def test_other_tab_follows(new_payer: NewPayer, merchant: Merchant, shop: Shop) -> None:
    """The other tab shows the new total and then the payment automatically."""
    card = merchant.card(10000)
    session = merchant.session(40000)
    one, other = new_payer(), new_payer()
    one.open(session)
    one.give_details()
    other.open(session)
    other.shows_total("400,00 kr")
    one.add_card(card)
    other.shows_total("300,00 kr", order="400,00 kr", card="−100,00 kr")
    other.announced("Gjenstår å betale: 300,00 kr")
    one.press_pay()
    other.stage("paying")
    expect(other["#wait-continue"]).to_be_visible()
    one.pay_with(APPROVED)
    one.at_shop()
    other.at_shop()
    assert merchant.balance(card) == (0, 10000)


def test_back_button_from_the_provider(payer: Payer, merchant: Merchant, shop: Shop) -> None:
    card = merchant.card(10000)
    payer.open(merchant.session(40000))
    payer.give_details()
    payer.add_card(card)
    payer.press_pay()
    payer.page.go_back()
    payer.alive()
    payer.stage("paying")
    payer["#wait-change"].click()
    payer.stage("open")
    assert merchant.balance(card) == (10000, 0), "the payment was given up: the hold is gone"
    payer["#card-remove"].click()
    payer.shows_total("400,00 kr")
    payer.press_pay()
    payer.pay_with(APPROVED)
    payer.at_shop()
    assert paid(merchant, shop)["amount"] == 40000
    assert merchant.balance(card) == (10000, 0)


def test_back_button_after_paying(payer: Payer, merchant: Merchant, shop: Shop) -> None:
    card = merchant.card(100000)
    session = merchant.session(40000)
    payer.open(session)
    payer.give_details()
    payer.add_card(card)
    payer["#pay-button"].click()
    payer.at_shop()
    payer.page.go_back()
    payer.alive()
    payer.stage("paid")
    expect(payer["#pay-button"]).to_have_count(0)
    expect(payer["#back-to-shop"]).to_have_attribute("href", re.compile("transaction_id="))
    assert merchant.balance(card) == (60000, 40000)


def test_balance_that_shrank_is_shown_and_confirmed(
    payer: Payer, new_payer: NewPayer, merchant: Merchant, shop: Shop
) -> None:
    """The card is used elsewhere between the page's total and Pay: the payer sees the new split
    and presses again."""
    card = merchant.card(10000)
    payer.open(merchant.session(40000))
    payer.give_details()
    payer.add_card(card)
    other = new_payer()
    other.open(merchant.session(6000))
    other.give_details()
    other.add_card(card)
    other["#pay-button"].click()
    other.at_shop()
    payer.shows_total("300,00 kr", order="400,00 kr", card="−100,00 kr")
    payer["#pay-button"].click()
    expect(payer["#notice"]).to_contain_text(re.compile(r"360,00\s*kr"))
    payer.focused("notice")
    payer.shows_total("360,00 kr", order="400,00 kr", card="−40,00 kr")
    payer.press_pay()
    payer.pay_with(APPROVED)
    expect(payer.page).to_have_title("The shop")
    assert merchant.balance(card) == (0, 10000)


DOCUMENTED: dict[str, Any] = {
    "order": {
        "amount": 72200,
        "currency": "NOK",
        "vat_amount": 13660,
        "items": [
            {
                "amount": 72200,
                "quantity": 2,
                "line_id": "1",
                "description": "Forsvinnignspølse",
                "vat": 20,
                "id": "10",
            }
        ],
        "merchant_reference": "string",
    },
    "configuration": {
        "active_payment_types": {"enabled": True},
        "dintero": {
            "type": "payment_type",
            "wallets": {"type": "payment_product_type", "enabled": True},
        },
    },
    "profile_id": "default",
    "merchant": {"name": "string", "logo_url": "http://example.com"},
}


@pytest.mark.parametrize("which", ["first", "second"])
def test_documented_requests_are_paid(
    which: str, payer: Payer, merchant: Merchant, shop: Shop, demo: Demo
) -> None:
    """The requests are verbatim except for return_url and callback_url. The second one has a real
    card id."""
    card = merchant.card(10000)
    body = {"url": merchant.addresses(), **DOCUMENTED}
    if which == "second":
        zero = {"type": "payment_product_type", "enabled": True, "payability": "payable"}
        dintero = {**DOCUMENTED["configuration"]["dintero"], "zero": zero}
        body["configuration"] = {**DOCUMENTED["configuration"], "dintero": dintero}
        body["customer"] = preset(card)
    payer.open(merchant.post("/v1/sessions-profile", body))
    expect(payer["#first-merchant"]).to_have_text("string")
    payer.give_details()
    if which == "first":
        payer.add_card(card)
    payer.shows_total("622,00 kr", order="722,00 kr", card="−100,00 kr")
    payer.press_pay()
    payer.pay_with(APPROVED)
    payer.at_shop()
    (query,) = shop.returned
    assert query["merchant_reference"] == "string"
    transaction = merchant.transaction(query["transaction_id"])
    assert (transaction["amount"], transaction["status"]) == (72200, "AUTHORIZED")
    assert transaction["gift_cards"][0]["amount"] == 10000
    demo.audit()


def test_a_bank_that_does_not_answer_is_waited_for(
    payer: Payer, merchant: Merchant, demo: Demo
) -> None:
    """Nobody knows yet whether it is paid, so nothing may change and nothing is released. The page
    continues automatically once the provider knows."""
    demo.card_gateway_settings(settle_seconds=8)
    card = merchant.card(10000)
    payer.open(merchant.session(40000))
    payer.give_details()
    payer.add_card(card)
    payer.press_pay()
    payer.pay_with(TIMES_OUT)
    payer["#onward"].click()
    payer.alive()
    payer.stage("paying")
    payer["#wait-change"].click()
    expect(payer["#notice"]).to_contain_text("fortsatt i gang")
    payer.focused("notice")
    assert merchant.balance(card) == (0, 10000), "held until the provider has said so"
    payer.stage("open", seconds=60)
    expect(payer["#notice"]).to_contain_text("Betalingen ble avvist.")
    payer.focused("notice")
    assert merchant.balance(card) == (10000, 0)
