"""The page: fields and their errors, gift card refusals, every state, keyboard, languages."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import expect

from tests.support.demo import Demo, Merchant, Shop
from tests.support.payer import APPROVED, Payer, violations

NewPayer = Callable[..., Payer]

RICH: dict[str, Any] = {
    "express": {
        "shipping_options": [
            {
                "id": "pickup",
                "line_id": "s1",
                "amount": 4900,
                "operator": "Posten",
                "title": "Hentested",
            },
            {
                "id": "shop",
                "line_id": "s2",
                "amount": 0,
                "operator": "Butikken",
                "title": "Hent i butikk",
            },
        ]
    },
    "configuration": {
        "allow_different_billing_shipping_address": ["b2c"],
        "theme": {"primary": "#7c3aed"},
    },
    "checkboxes": [
        {
            "id": "terms",
            "label": "Jeg godtar kjøpsvilkårene",
            "required": True,
            "link": {"url": "https://example.com/terms", "text": "Les vilkårene"},
        },
        {"id": "news", "label": "Send meg nyhetsbrev"},
    ],
}


# --- details ------------------------------------------------------------------------------------


def test_an_error_stands_at_its_field_and_takes_the_focus(payer: Payer, merchant: Merchant) -> None:
    payer.open(merchant.session())
    payer["#details-save"].click()
    expect(payer["#email-error"]).to_have_text("Skriv inn e-postadressen din.")
    payer.focused("email")
    expect(payer["#email"]).to_have_attribute("aria-invalid", "true")
    expect(payer["#email"]).to_have_attribute("aria-describedby", "email-error")
    payer.page.fill("#email", "kari@example.no")
    payer.page.fill("#phone_number", "41234567")
    for name, value in {
        "first_name": "Kari",
        "last_name": "Nordmann",
        "address_line": "Karl Johans gate 1",
        "postal_code": "12",
        "postal_place": "Oslo",
    }.items():
        payer.page.fill(f"#shipping_address-{name}", value)
    payer["#details-save"].click()
    expect(payer["#shipping_address-postal_code-error"]).to_have_text(
        "Postnummeret passer ikke til landet."
    )
    payer.focused("shipping_address-postal_code")
    expect(payer["#email"]).to_have_attribute("aria-invalid", "false")
    expect(payer["#email"]).to_have_value("kari@example.no")
    payer.page.fill("#shipping_address-postal_code", "0154")
    payer["#details-save"].click()
    payer.focused("details-edit")
    payer.announced("Opplysningene er lagret.")
    expect(payer["#details"]).to_contain_text("+4741234567")


def test_details_are_prefilled_and_can_be_edited(payer: Payer, merchant: Merchant) -> None:
    known = {"email": "ola@example.no", "phone_number": "+4799887766"}
    address = {
        "first_name": "Ola",
        "last_name": "Nordmann",
        "address_line": "Storgata 1",
        "postal_code": "0155",
        "postal_place": "Oslo",
        "country": "NO",
    }
    order = {"amount": 40000, "currency": "NOK", "merchant_reference": "order-1"}
    session = merchant.session(
        customer=known, order={**order, "shipping_address": address, "items": []}
    )
    payer.open(session)
    expect(payer["#email"]).to_have_value("ola@example.no")
    expect(payer["#shipping_address-postal_code"]).to_have_value("0155")
    for name, token in {
        "email": "email",
        "phone_number": "tel",
        "shipping_address-first_name": "shipping given-name",
        "shipping_address-address_line": "shipping address-line1",
        "shipping_address-postal_code": "shipping postal-code",
        "shipping_address-postal_place": "shipping address-level2",
        "shipping_address-country": "shipping country",
    }.items():
        expect(payer[f"#{name}"]).to_have_attribute("autocomplete", token)
    payer["#details-save"].click()
    payer["#details-edit"].click()
    payer.focused("email")
    payer.page.fill("#email", "ola.nordmann@example.no")
    payer["#details-save"].click()
    expect(payer["#details"]).to_contain_text("ola.nordmann@example.no")
    payer.page.reload()
    payer.alive()
    expect(payer["#details"]).to_contain_text("ola.nordmann@example.no")


def test_billing_shipping_option_and_checkboxes(
    payer: Payer, merchant: Merchant, shop: Shop
) -> None:
    payer.open(merchant.session(**RICH))
    expect(payer["#billing_address-first_name"]).to_be_hidden()
    payer["#billing-differs"].check()
    expect(payer["#billing_address-first_name"]).to_be_visible()
    for name, value in {
        "first_name": "Fjord",
        "last_name": "AS",
        "address_line": "Bryggen 1",
        "postal_code": "5003",
        "postal_place": "Bergen",
    }.items():
        payer.page.fill(f"#billing_address-{name}", value)
    payer.give_details()
    expect(payer["#details"]).to_contain_text("Bryggen 1, 5003 Bergen")
    # The first option is chosen, so that the total is never without shipping.
    payer.shows_total("449,00 kr")
    options = payer["input[name=shipping_option]"]
    expect(options.nth(0)).to_be_checked()
    options.nth(1).check()
    payer.shows_total("400,00 kr")
    payer.announced("Gjenstår å betale: 400,00 kr")
    payer["#pay-button"].click()
    terms = payer["input[name='consent.terms']"]
    expect(terms).to_be_focused()
    expect(payer[".consent .error"]).to_have_text("Du må godta dette for å betale.")
    expect(terms).to_have_attribute("aria-invalid", "true")
    terms.check()
    payer.press_pay()
    payer.pay_with(APPROVED)
    payer.at_shop()
    assert merchant.transaction(shop.returned[0]["transaction_id"])["amount"] == 40000


# --- gift card ----------------------------------------------------------------------------------


def in_days(days: int) -> str:
    return (datetime.now(UTC) + timedelta(days=days)).isoformat()


UNKNOWN = "Nummeret og PIN-koden hører ikke sammen, eller gavekortet finnes ikke."


def test_each_refusal_says_why_but_unknown_and_wrong_are_one(
    payer: Payer, merchant: Merchant
) -> None:
    good = merchant.card()
    wrong_pin = f"{(int(good['pin']) + 1) % 10000:04d}"
    cases = [
        (good["number"], wrong_pin, UNKNOWN),
        ("9999 9999 9999 9999", "1234", UNKNOWN),
        (*_typed(merchant.card(0)), "Gavekortet er tomt."),
        (*_typed(merchant.card(expires_at=in_days(-1))), "Gavekortet er utløpt"),
        (*_typed(merchant.card(active_from=in_days(9))), "Gavekortet er ikke tatt i bruk ennå."),
        (*_typed(merchant.card(currency="SEK")), "Gavekortet gjelder i en annen valuta"),
    ]
    payer.open(merchant.session())
    payer.give_details()
    for number, pin, message in cases:
        payer.type_card(number, pin)
        expect(payer["#gift_card_number-error"]).to_contain_text(message)
        payer.focused("gift_card_number")
        payer.shows_total("400,00 kr")
        expect(payer["#card-in-use"]).to_have_count(0)
    payer.add_card(good)


def _typed(card: dict[str, str]) -> tuple[str, str]:
    return card["number"], card["pin"]


def test_the_number_is_grouped_as_typed_and_pasted(payer: Payer, merchant: Merchant) -> None:
    card = merchant.card()
    number = payer["#gift_card_number"]
    payer.open(merchant.session())
    payer.give_details()
    number.press_sequentially("12345678")
    expect(number).to_have_value("1234 5678")
    # In the middle: the caret stays behind what was typed.
    for _ in range(4):
        number.press("ArrowLeft")
    number.press_sequentially("90")
    expect(number).to_have_value("1234 9056 78")
    assert number.evaluate("field => field.selectionStart") == 7
    digits = card["number"]
    number.fill(f"{digits[:4]}-{digits[4:8]}-{digits[8:12]}-{digits[12:]}")
    grouped = " ".join(digits[i : i + 4] for i in range(0, 16, 4))
    expect(number).to_have_value(grouped)
    # Dintero's own default numbers have letters and hyphens that belong to them.
    number.fill("DINCARD:8f14e45f-ceea-467f-a0e6-1fd5f1a3d9aa")
    expect(number).to_have_value("DINCARD:8f14e45f-ceea-467f-a0e6-1fd5f1a3d9aa")
    number.fill(grouped)
    payer["#gift_card_pin"].fill(card["pin"])
    payer["#gift_card_pin"].press("Enter")
    expect(payer["#card-in-use"]).to_be_visible()


def test_numbers_with_letters_and_hyphens_are_taken_as_they_are(
    payer: Payer, merchant: Merchant
) -> None:
    card = merchant.card(card_token=None)
    assert card["number"].startswith("DINCARD:")
    payer.open(merchant.session())
    payer.give_details()
    payer.add_card(card)
    payer.shows_total("300,00 kr", order="400,00 kr", card="−100,00 kr")


def test_pin_goes_nowhere(payer: Payer, merchant: Merchant) -> None:
    """It leaves in one event and comes back in none: not in the state, the page, or storage."""
    card = merchant.card(pin={"format": {"length": 12, "numbers": True}})
    received: list[str] = []
    payer.page.on(
        "websocket",
        lambda socket: socket.on("framereceived", lambda frame: received.append(str(frame))),
    )
    payer.open(merchant.session())
    payer.give_details()
    payer.add_card(card)
    assert received
    assert [frame for frame in received if card["pin"] in frame or card["number"] in frame] == []
    assert card["pin"] not in payer.page.content()
    kept = payer.page.evaluate("JSON.stringify([{...sessionStorage}, {...localStorage}])")
    assert card["pin"] not in kept and card["number"] not in kept


# --- states -------------------------------------------------------------------------------------


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


# --- keyboard, sizes, accessibility -------------------------------------------------------------


def test_keyboard_alone(payer: Payer, merchant: Merchant, shop: Shop) -> None:
    """From the top of the page to the shop without a pointer."""
    card = merchant.card()
    page, keyboard = payer.page, payer.page.keyboard
    payer.open(merchant.session())

    def tab_to(element_id: str) -> None:
        for _ in range(40):
            if page.evaluate("document.activeElement.id") == element_id:
                return
            keyboard.press("Tab")
        raise AssertionError(f"Tab never comes to {element_id}")

    tab_to("email")
    for value in ("kari@example.no", "41234567"):
        keyboard.type(value)
        keyboard.press("Tab")
    payer.focused("shipping_address-country")
    tab_to("shipping_address-first_name")
    for value in ("Kari", "Nordmann", "Storgata 1", "0155", "Oslo"):
        keyboard.type(value)
        keyboard.press("Tab")
    tab_to("details-save")
    keyboard.press("Enter")
    payer.focused("details-edit")
    tab_to("gift_card_number")
    keyboard.type(card["number"])
    keyboard.press("Tab")
    keyboard.type(card["pin"])
    keyboard.press("Enter")
    payer.focused("card-remove")
    outline = page.evaluate("getComputedStyle(document.activeElement).outlineStyle")
    assert outline == "solid", "what has the focus can be seen"
    tab_to("pay-button")
    keyboard.press("Enter")
    payer.at_acquirer()
    payer.pay_with(APPROVED)
    payer.at_shop()
    assert merchant.balance(card) == (0, 10000)


@pytest.mark.parametrize("width", [320, 390, 768, 1440])
def test_nothing_is_wider_than_the_window(
    new_payer: NewPayer, merchant: Merchant, width: int
) -> None:
    payer = new_payer(viewport={"width": width, "height": 800}, locale="en-GB")
    payer.open(merchant.session(1234567800, **RICH))
    payer["#details-save"].click()
    expect(payer["#email-error"]).to_be_visible()
    assert _overflow(payer) == 0
    payer.give_details()
    payer.add_card(merchant.card())
    assert _overflow(payer) == 0
    small = payer.page.evaluate(
        """[...document.querySelectorAll('button, input:not([type=hidden]), select, summary, a')]
        .filter(e => e.offsetParent)
        .map(e => [e.id || e.textContent, (e.closest('label') ?? e).getBoundingClientRect().height])
        .filter(([, height]) => height < 44)"""
    )
    assert small == [], "every target is at least 44 px high"


def _overflow(payer: Payer) -> int:
    script = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
    found: int = payer.page.evaluate(script)
    return found


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [390, 1280])
def test_axe_finds_nothing(
    new_payer: NewPayer, merchant: Merchant, demo: Demo, scheme: str, width: int
) -> None:
    payer = new_payer(
        color_scheme=scheme, viewport={"width": width, "height": 900}, reduced_motion="reduce"
    )
    axe = Axe()
    found: dict[str, Any] = {}

    def check(state: str) -> None:
        if complaints := violations(axe.run(payer.page)):
            found[state] = complaints

    session = merchant.session(**RICH)
    payer.open(session)
    check("details")
    payer["#billing-differs"].check()
    payer["#details-save"].click()
    expect(payer["#email-error"]).to_be_visible()
    check("details with errors")
    payer["#billing-differs"].uncheck()
    payer.give_details()
    check("ready to pay")
    payer.type_card("1234", "1234")
    expect(payer["#gift_card_number-error"]).to_be_visible()
    check("gift card refused")
    payer.add_card(merchant.card())
    payer["#pay-button"].click()
    expect(payer[".consent .error"]).to_be_visible()
    check("gift card, consent missing")
    payer["input[name='consent.terms']"].check()
    payer.press_pay()
    payer.page.go_back()
    payer.stage("paying")
    check("paying")
    payer["#wait-change"].click()
    expect(payer["#notice"]).to_be_visible()
    check("notice")
    payer["#cancel summary"].click()
    check("cancel")
    payer["#cancel-yes"].click()
    payer.at_shop()
    payer.open(session)
    check("cancelled")
    covered = merchant.session(5000)
    payer.open(covered)
    payer.give_details()
    payer.add_card(merchant.card())
    check("covered")
    payer["#pay-button"].click()
    payer.at_shop()
    payer.open(covered)
    check("paid")
    payer.open({"url": f"{demo.base_url}/v1/view/T12345678.nobody-knows-this"})
    check("missing")
    assert found == {}
