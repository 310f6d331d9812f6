"""The page by keyboard alone."""

from __future__ import annotations

from tests.support.demo import Merchant, Shop
from tests.support.payer import APPROVED, Payer


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
    for value in ("kari@example.no", "41234567", "Kari", "Nordmann", "Storgata 1", "0155", "Oslo"):
        keyboard.type(value)
        keyboard.press("Tab")
    keyboard.press("Enter")
    # The country is a list, where Enter may open it: the button is the next.
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
