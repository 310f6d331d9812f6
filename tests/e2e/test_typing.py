"""The gift card's number and PIN are pasted, filled in by the browser, or typed with an IME."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from tests.support.demo import Demo, Merchant
from tests.support.payer import Payer

DIGITS = "9876543210123456"
GROUPED = "9876 5432 1012 3456"


def paste(payer: Payer, text: str, into: str = "gift_card_number") -> None:
    """Paste from the real clipboard with the real key."""
    payer.page.evaluate("text => navigator.clipboard.writeText(text)", text)
    payer[f"#{into}"].fill("")
    payer[f"#{into}"].focus()
    payer.page.keyboard.press("ControlOrMeta+V")


@pytest.fixture
def at_the_card(payer: Payer, merchant: Merchant, demo: Demo) -> Payer:
    payer.page.context.grant_permissions(
        ["clipboard-read", "clipboard-write"], origin=demo.base_url
    )
    payer.open(merchant.ready())
    return payer


@pytest.mark.parametrize(
    "text",
    [
        "9876-5432-1012-3456",
        "  9876\u00a05432\u00a01012\u00a03456 ",
        "9876\u20135432\u20131012\u20133456",
        "\uff19\uff18\uff17\uff16\u3000\uff15\uff14\uff13\uff12 1012 3456",
        "9876\u200b54321012\ufeff3456",
    ],
)
def test_a_pasted_number_in_any_form(at_the_card: Payer, text: str) -> None:
    paste(at_the_card, text)
    expect(at_the_card["#gift_card_number"]).to_have_value(GROUPED)
    expect(at_the_card["#gift_card_pin"]).to_have_value("")


@pytest.mark.parametrize(
    "text",
    [
        f"{DIGITS} PIN 4321",
        f"{GROUPED} PIN: 4321",
        f"{GROUPED}, PIN-kode: 4321",
        f"Gavekort: {GROUPED}\r\nPIN-kode: 4321",
        f"Gift card number {GROUPED}\nPIN code 4321\n",
        f"{GROUPED}\n4321",
        f"{DIGITS}\t4321",
        f"{DIGITS} 4321",
        f"{GROUPED} / pin 4321",
    ],
)
def test_number_and_pin_in_one_piece(at_the_card: Payer, text: str) -> None:
    paste(at_the_card, text)
    expect(at_the_card["#gift_card_number"]).to_have_value(GROUPED)
    expect(at_the_card["#gift_card_pin"]).to_have_value("4321")
    at_the_card.focused("gift_card_pin")


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        # It may be a number of twenty digits, or one of sixteen and a PIN. Nobody can tell.
        ("9876 5432 1012 3456 4321", "9876 5432 1012 3456 4321"),
        ("DINCARD:8f14e45f-ceea-467f-a0e6-1fd5f1a3d9aa",) * 2,
        ("1234 5678", "1234 5678"),
    ],
)
def test_what_cannot_be_told_apart_is_one_number(at_the_card: Payer, text: str, shown: str) -> None:
    paste(at_the_card, text)
    expect(at_the_card["#gift_card_number"]).to_have_value(shown)
    expect(at_the_card["#gift_card_pin"]).to_have_value("")


def test_a_number_with_letters_and_its_pin(at_the_card: Payer) -> None:
    number = "DINCARD:8f14e45f-ceea-467f-a0e6-1fd5f1a3d9aa"
    paste(at_the_card, f"{number} PIN: 4321")
    expect(at_the_card["#gift_card_number"]).to_have_value(number)
    expect(at_the_card["#gift_card_pin"]).to_have_value("4321")


def test_what_is_pasted_into_the_pin_stays_there(at_the_card: Payer, merchant: Merchant) -> None:
    """A copied PIN brings extra characters along, and the card is still found."""
    card = merchant.card()
    wide = "".join(chr(ord(digit) + 0xFEE0) for digit in card["pin"])
    paste(at_the_card, f"\u00a0{wide} ", into="gift_card_pin")
    at_the_card["#gift_card_number"].fill(card["number"])
    at_the_card["#card-add"].click()
    expect(at_the_card["#card-in-use"]).to_be_visible()


def test_fields_that_are_filled_in_without_a_key(at_the_card: Payer, merchant: Merchant) -> None:
    """A password manager may set a value without any event."""
    card = merchant.card()
    for name in ("number", "pin"):
        at_the_card[f"#gift_card_{name}"].evaluate(
            "(field, value) => { field.value = value; }", card[name]
        )
    at_the_card["#card-add"].click()
    expect(at_the_card["#card-in-use"]).to_be_visible()


def test_an_input_method_is_not_disturbed(at_the_card: Payer) -> None:
    """While the IME composes, nothing is regrouped. Afterwards its wide digits become plain
    ones."""
    field = at_the_card["#gift_card_number"]
    field.focus()
    session = at_the_card.page.context.new_cdp_session(at_the_card.page)
    wide = "\uff19\uff18\uff17\uff16\uff15\uff14"
    session.send("Input.imeSetComposition", {"text": wide, "selectionStart": 6, "selectionEnd": 6})
    expect(field).to_have_value(wide)
    session.send("Input.insertText", {"text": wide})
    expect(field).to_have_value("9876 54")


def test_details_that_are_filled_in_without_a_key(payer: Payer, merchant: Merchant) -> None:
    payer.open(merchant.session())
    for name, value in {
        "email": "kari@example.no",
        "phone_number": "41234567",
        "shipping_address-first_name": "Kari",
        "shipping_address-last_name": "Nordmann",
        "shipping_address-address_line": "Storgata 1",
        "shipping_address-postal_code": "0154",
        "shipping_address-postal_place": "Oslo",
    }.items():
        payer[f"#{name}"].evaluate("(field, value) => { field.value = value; }", value)
    payer["#details-save"].click()
    payer.focused("details-edit")
