"""Open the payment in its own window, as the Web SDK does from a shop's page."""

from __future__ import annotations

from typing import Any

from playwright.sync_api import Page, expect

from tests.support.demo import ADDRESS
from tests.support.host import HANDLERS, HostPage

BUTTON = "#dintero-checkout-sdk-launch-pop-out"
BACKDROP = "#dintero-checkout-sdk-backdrop"


def launch(page: HostPage, handlers: tuple[str, ...] = HANDLERS, **options: Any) -> None:
    page.embed(handlers, popOut=True, **options)
    expect(page.page.locator(BUTTON)).to_be_visible()


def opened(page: HostPage) -> Page:
    with page.page.expect_popup() as popped:
        page.page.click(BUTTON)
    window = popped.value
    expect(window.locator("main:not([data-stage=loading])")).to_be_attached(timeout=20000)
    # The SDK has received the message.
    expect(page.page.locator(BACKDROP)).to_be_visible()
    return window


def give_details(window: Page) -> None:
    window.fill("#email", "kari@example.no")
    window.fill("#phone_number", "41234567")
    for name, value in ADDRESS.items():
        window.fill(f"#shipping_address-{name}", value)
    window.click("#details-save")
    expect(window.locator("#details-edit")).to_be_visible()


def add_card(window: Page, card: dict[str, str]) -> None:
    window.fill("#gift_card_number", card["number"])
    window.fill("#gift_card_pin", card["pin"])
    window.click("#card-add")
    expect(window.locator("#card-in-use")).to_be_visible(timeout=15000)


def pay_by_bank_card(window: Page, number: str) -> None:
    expect(window.locator("input[name=number]")).to_be_visible(timeout=15000)
    for name, value in (
        ("number", number),
        ("expiry", "12/34"),
        ("cvc", "123"),
        ("name", "Kari Nordmann"),
    ):
        window.fill(f"input[name={name}]", value)
    window.click("#pay")
