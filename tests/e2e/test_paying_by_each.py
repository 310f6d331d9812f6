"""Issue: an order is paid with a gift card and each of the providers, in a browser, at their own
pages; each declines once."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from tests.support.demo import Merchant, Shop
from tests.support.payer import SWEDISH, Payer


def _card(number: str, cvc: str = "123") -> Callable[[Page], None]:
    def pay(page: Page) -> None:
        page.fill("input[name=number]", number)
        page.fill("input[name=expiry]", "12/34")
        page.fill("input[name=cvc]", cvc)
        page.fill("input[name=name]", "Kari Nordmann")
        page.click("#pay")

    return pay


def _klarna(email: str) -> Callable[[Page], None]:
    def pay(page: Page) -> None:
        page.fill("input[name=email]", email)
        page.click("#continue")
        page.fill("#code", "123456")
        page.click("#approve")

    return pay


def _wallet(button: str) -> Callable[[Page], None]:
    return lambda page: page.click(button)


OPTIONS: dict[str, tuple[Callable[[Page], None], Callable[[Page], None]]] = {
    "dintero_psp.creditcard": (_card("4100000000000076"), _card("4000000000000002")),
    "payex.creditcard": (_card("4100000000000076"), _card("4925000000000004")),
    "payex.swish": (_wallet("#decline"), _wallet("#approve")),
    "bambora.creditcard": (
        _card("4002770000000024", "000"),
        _card("4002770000000008", "000"),
    ),
    "klarna.klarna": (_klarna("customer+denied@email.no"), _klarna("customer@email.no")),
}
"""How the payer is declined, and how they pay."""


@pytest.mark.parametrize("option", OPTIONS)
def test_declined_once_then_paid_beside_a_gift_card(
    payer: Payer, merchant: Merchant, shop: Shop, option: str
) -> None:
    declined, approved = OPTIONS[option]
    kr, currency = ("SEK", "SEK") if option == "payex.swish" else ("kr", "NOK")
    card = merchant.card(10000, currency)
    payer.open(merchant.session(40000, currency))
    payer.give_details(**(SWEDISH if currency == "SEK" else {}))
    payer.add_card(card)
    payer.shows_total(f"300,00 {kr}", order=f"400,00 {kr}", card=f"−100,00 {kr}")
    _to_the_provider(payer, option)
    expect(payer["#amount"]).to_have_text(re.compile(rf"300,00\s*(kr|{currency})"))
    assert merchant.balance(card) == (0, 10000)
    declined(payer.page)
    _back_to_us(payer)
    payer.stage("open")
    expect(payer["#notice"]).to_contain_text("Ingenting er trukket")
    assert merchant.balance(card) == (10000, 0), "the card is untouched"
    _to_the_provider(payer, option)
    approved(payer.page)
    payer.at_shop()
    (query,) = shop.returned
    transaction = merchant.transaction(query["transaction_id"])
    assert transaction["payment_product_type"] == option
    assert transaction["amount"] == 40000
    assert [part["amount"] for part in transaction["gift_cards"]] == [10000]
    at_once = option == "payex.swish"
    assert transaction["status"] == ("CAPTURED" if at_once else "AUTHORIZED")
    assert merchant.balance(card) == ((0, 0) if at_once else (0, 10000))


def _to_the_provider(payer: Payer, option: str) -> None:
    payer.choose(option)
    payer["#pay-button"].click()
    expect(payer["#amount"]).to_be_visible(timeout=15000)


def _back_to_us(payer: Payer) -> None:
    """Some providers send a declined payer back at once, others let them try again."""
    ours = payer["main:not([data-stage=loading])[data-stage]"]
    expect(payer["#back"].or_(ours).first).to_be_visible(timeout=15000)
    if payer["#back"].count():
        payer["#back"].click()
    payer.alive()
