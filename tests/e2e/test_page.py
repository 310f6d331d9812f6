"""The page ends in every possible way, and has two addresses and several languages."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from playwright.sync_api import expect

from tests.support.demo import Demo, Merchant, Shop
from tests.support.payer import APPROVED, Payer

NewPayer = Callable[..., Payer]


def test_unknown_session(payer: Payer, demo: Demo) -> None:
    response = payer.open({"url": f"{demo.base_url}/v1/view/T12345678.nobody-knows-this"})
    assert response is not None and response.status == 404
    payer.stage("missing")
    expect(payer["#result"]).to_have_text("Vi finner ikke denne betalingen")
    expect(payer.page).to_have_title("Fant ikke betalingen")


def test_session_expires_before_the_payers_eyes(payer: Payer, merchant: Merchant) -> None:
    soon = (datetime.now(UTC) + timedelta(seconds=3)).isoformat()
    session = merchant.session(expires_at=soon)
    payer.open(session)
    payer.stage("open")
    payer.stage("expired", seconds=20)
    payer.focused("result")
    response = payer.open(session)
    assert response is not None and response.status == 410
    expect(payer["#back-to-shop"]).to_have_attribute("href", re.compile("error=cancelled"))


def test_both_addresses_are_the_same_page(
    payer: Payer, merchant: Merchant, demo: Demo, shop: Shop
) -> None:
    session = merchant.session()
    query = f"sdk=1.0.0&ui=inline&language=no&sid={session['id']}"
    response = payer.page.goto(f"{demo.base_url}/?{query}")
    payer.alive()
    assert response is not None and response.status == 200
    payer.give_details()
    payer.press_pay()
    payer.pay_with(APPROVED)
    payer.at_shop()
    assert len(shop.returned) == 1


def test_reload_shows_the_same(payer: Payer, merchant: Merchant) -> None:
    payer.open(merchant.session())
    payer.give_details()
    payer.add_card(merchant.card())
    payer.page.reload()
    payer.alive()
    payer.shows_total("300,00 kr", order="400,00 kr", card="−100,00 kr")
    expect(payer["#card-in-use"]).to_be_visible()


# --- languages ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("locale", "wanted", "lang", "button"),
    [
        ("nb-NO", None, "nb", r"Betal 400,00\skr"),
        ("en-GB", None, "en", r"Pay NOK\s400\.00"),
        ("en-GB", "no", "nb", r"Betal 400,00\skr"),
        ("nb-NO", "en", "en", r"Pay NOK\s400\.00"),
        ("fr-FR", None, "nb", r"Betal 400,00\skr"),
    ],
)
def test_language(
    new_payer: NewPayer, merchant: Merchant, locale: str, wanted: str | None, lang: str, button: str
) -> None:
    payer = new_payer(locale=locale)
    payer.open(merchant.session(), **({"language": wanted} if wanted else {}))
    expect(payer["html"]).to_have_attribute("lang", lang)
    payer.give_details()
    expect(payer["#pay-button"]).to_have_text(re.compile(button))
    expect(payer.page).to_have_title(re.compile("^(Betaling|Checkout) – Fjord & Form$"))


def test_switching_the_language_keeps_what_was_typed(payer: Payer, merchant: Merchant) -> None:
    payer.open(merchant.session(), sdk="1.0.0")
    payer.page.fill("#email", "kari@example")
    payer["#details-save"].click()
    expect(payer["#email-error"]).to_have_text("Dette ser ikke ut som en e-postadresse.")
    payer["#language"].focus()
    payer["#language"].select_option("en")
    expect(payer["html"]).to_have_attribute("lang", "en")
    expect(payer["#email-error"]).to_have_text("This does not look like an email address.")
    expect(payer["#email"]).to_have_value("kari@example")
    expect(payer.page).to_have_title("Checkout – Fjord & Form")
    payer.focused("language")
    payer.announced("The page is now in English.")
    assert payer.page.url.endswith("?sdk=1.0.0&language=en")
    payer.give_details()
    expect(payer["#pay-button"]).to_have_text(re.compile(r"Pay NOK\s400\.00"))
    payer.page.reload()
    payer.alive()
    expect(payer["#pay-button"]).to_have_text(re.compile(r"Pay NOK\s400\.00"))
    payer["#language"].select_option("nb")
    expect(payer["#pay-button"]).to_have_text(re.compile(r"Betal 400,00\skr"))
