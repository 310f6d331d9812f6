"""The demo shop runs in a real browser, with the real checkout and provider behind it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, FrameLocator, Locator, Page, expect

from tests.support.demo import Demo, Merchant
from tests.support.payer import APPROVED, violations
from tests.support.waiting import stays, until_on

_ADDRESS = {
    "email": "kari@example.no",
    "phone_number": "41234567",
    "shipping_address.first_name": "Kari",
    "shipping_address.last_name": "Nordmann",
    "shipping_address.address_line": "Karl Johans gate 1",
    "shipping_address.postal_code": "0154",
    "shipping_address.postal_place": "Oslo",
}


@pytest.fixture
def visitor(browser: Browser) -> Iterator[Page]:
    context = browser.new_context(viewport={"width": 390, "height": 844}, locale="nb-NO")
    page = context.new_page()
    errors: list[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.on(
        "console",
        lambda message: errors.append(message.text) if message.type == "error" else None,
    )
    yield page
    context.close()
    assert errors == []


def _choose(visitor: Page, demo: Demo, product: str = "ullpledd-fjaere") -> None:
    visitor.goto(f"{demo.facts['shop_url']}/products/{product}")
    visitor.get_by_label("Language of the checkout").select_option("en")


def _give_details(checkout: Page | FrameLocator) -> None:
    checkout.locator("#details-save").wait_for()
    for name, value in _ADDRESS.items():
        checkout.locator(f'[name="{name}"]').fill(value)
    checkout.locator("#details-save").click()


def _add_card(checkout: Page | FrameLocator, card: dict[str, str]) -> None:
    checkout.locator("#gift_card_number").fill(card["number"])
    checkout.locator("#gift_card_pin").fill(card["pin"])
    checkout.locator("#card-add").click()
    expect(checkout.locator("#card-in-use")).to_be_visible()


def _pay_at_provider(visitor: Page) -> None:
    _fill_in_at_provider(visitor)
    visitor.wait_for_url(re.compile(r"/orders/.*transaction_id="))


def _fill_in_at_provider(visitor: Page) -> None:
    visitor.locator("input[name=number]").fill(APPROVED)
    visitor.locator("input[name=expiry]").fill("12/34")
    visitor.locator("input[name=cvc]").fill("123")
    visitor.locator("input[name=name]").fill("Kari Nordmann")
    visitor.locator("#pay").click()


def _row(visitor: Page, name: str) -> list[str]:
    cells = visitor.locator(f"tr#{name} td").all_inner_texts()
    return [cell.replace("\u00a0", " ") for cell in cells]


def _shop_url(demo: Demo) -> str:
    return str(demo.facts["shop_url"])


def test_bought_captured_and_refunded_with_the_gift_card_first(
    visitor: Page, demo: Demo, merchant: Merchant
) -> None:
    _choose(visitor, demo)
    visitor.get_by_role("button", name="Go to checkout").click()
    _give_details(visitor)
    _add_card(visitor, merchant.card(10000))
    visitor.locator("#pay-button").click()
    _pay_at_provider(visitor)
    expect(visitor.locator("#status")).to_have_text("AUTHORIZED")
    assert _row(visitor, "authorized") == ["100.00 NOK", "300.00 NOK", "400.00 NOK"]

    visitor.get_by_label("Amount to capture").fill("150,00")
    visitor.get_by_role("button", name="Capture this amount").click()
    expect(visitor.locator("#status")).to_have_text("PARTIALLY_CAPTURED")
    assert _row(visitor, "captured") == ["100.00 NOK", "50.00 NOK", "150.00 NOK"]

    visitor.get_by_label("Amount to capture").fill("250.01")
    visitor.get_by_role("button", name="Capture this amount").click()
    expect(visitor.locator("#last-action")).to_contain_text("was refused")
    assert _row(visitor, "captured") == ["100.00 NOK", "50.00 NOK", "150.00 NOK"]

    visitor.get_by_role("button", name="Capture all").click()
    expect(visitor.locator("#status")).to_have_text("CAPTURED")
    visitor.get_by_label("Amount to refund").fill("120")
    visitor.get_by_role("button", name="Refund this amount").click()
    expect(visitor.locator("#status")).to_have_text("PARTIALLY_REFUNDED")
    assert _row(visitor, "refunded") == ["100.00 NOK", "20.00 NOK", "120.00 NOK"]
    # Sent by the outbox shortly after: the authorization, two captures, one refund.
    rows = visitor.locator("#callbacks tbody tr")
    until_on(visitor, lambda: (visitor.reload(), rows.count() >= 4)[1], "four callbacks come")
    calls = visitor.locator("#callbacks tbody th").all_inner_texts()
    assert sorted(calls) == ["GET AUTHORIZE", "GET CAPTURE", "GET CAPTURE", "GET REFUND"]


def test_a_preset_card_that_covers_all_needs_no_provider_and_can_be_voided(
    visitor: Page, demo: Demo, merchant: Merchant
) -> None:
    # Only the demo's own cards are offered, so the page is told of another one.
    card = merchant.card(50000)
    _choose(visitor, demo)
    visitor.locator("#preset option").nth(1).evaluate(
        "(option, id) => { option.value = id; option.selected = true }", card["card_id"]
    )
    visitor.get_by_role("button", name="Go to checkout").click()
    _give_details(visitor)
    expect(visitor.locator("#card-in-use")).to_be_visible()
    visitor.locator("#pay-button").click()
    visitor.wait_for_url(re.compile(r"/orders/.*transaction_id="))
    expect(visitor.locator("#product-type")).to_have_text("dintero.wallets")
    assert _row(visitor, "authorized") == ["400.00 NOK", "0.00 NOK", "400.00 NOK"]
    assert merchant.balance(card) == (10000, 40000)
    visitor.get_by_role("button", name="Void").click()
    expect(visitor.locator("#status")).to_have_text("AUTHORIZATION_VOIDED")
    assert merchant.balance(card) == (50000, 0)


def test_the_embedded_checkout_sets_its_height_and_ends_on_the_order(
    visitor: Page, demo: Demo, merchant: Merchant
) -> None:
    _choose(visitor, demo)
    visitor.get_by_role("button", name="Check out on this page").click()
    frame = visitor.locator("#checkout iframe")
    checkout = visitor.frame_locator("#checkout iframe")
    checkout.locator("#details-save").wait_for()
    _height_follows(frame, checkout)
    _give_details(checkout)
    _add_card(checkout, merchant.card(10000))
    checkout.locator("#pay-button").click()
    _pay_at_provider(visitor)
    assert visitor.url.startswith(_shop_url(demo))
    assert _row(visitor, "authorized") == ["100.00 NOK", "300.00 NOK", "400.00 NOK"]


def _height_follows(frame: Locator, checkout: FrameLocator) -> None:
    """The frame is as high as its content, so there is nothing to scroll inside."""
    expect(frame).to_have_attribute("style", re.compile(r"height:\s?\d{3,4}px"))
    hidden = checkout.locator("html").evaluate("e => e.scrollHeight - e.clientHeight")
    assert hidden <= 1


def test_an_embedded_cancel_ends_on_the_order_and_can_be_tried_again(
    visitor: Page, demo: Demo
) -> None:
    _choose(visitor, demo)
    visitor.get_by_role("button", name="Check out on this page").click()
    checkout = visitor.frame_locator("#checkout iframe")
    checkout.locator("#details-save").wait_for()
    checkout.locator("#cancel summary").click()
    checkout.locator("#cancel-yes").click()
    visitor.wait_for_url(re.compile(r"/orders/.*error=cancelled"))
    expect(visitor.get_by_role("alert")).to_contain_text("The payment was cancelled")
    first = visitor.locator("h1").inner_text()
    visitor.get_by_role("button", name="Try again").click()
    visitor.frame_locator("#checkout iframe").locator("#details-save").wait_for()
    assert visitor.locator("main a").first.inner_text() not in first


@pytest.mark.parametrize(
    "message",
    [
        {"type": "HeightChanged", "height": 4321},
        {"type": "SessionCancel", "href": "https://evil.example/"},
        {"type": "TopLevelNavigation", "href": "https://evil.example/"},
    ],
)
def test_a_message_that_is_not_from_the_checkout_changes_nothing(
    visitor: Page, demo: Demo, message: dict[str, Any]
) -> None:
    _choose(visitor, demo)
    visitor.get_by_role("button", name="Check out on this page").click()
    frame = visitor.locator("#checkout")
    visitor.frame_locator("#checkout iframe").locator("#details-save").wait_for()
    before = visitor.url
    sid = frame.get_attribute("data-sid")
    # The message comes from our own window. Its origin is right for us and wrong for the checkout,
    # and it is not the checkout's frame.
    visitor.evaluate("message => window.postMessage(message, '*')", {**message, "sid": sid})
    stays(visitor, lambda: visitor.url == before, "the page leaves", seconds=0.5)
    assert "4321px" not in (frame.locator("iframe").get_attribute("style") or "")


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [320, 1280])
def test_every_page_of_the_shop_is_accessible_and_fits(
    browser: Browser, demo: Demo, scheme: Any, width: int
) -> None:
    context = browser.new_context(viewport={"width": width, "height": 800}, color_scheme=scheme)
    page = context.new_page()
    _choose(page, demo)
    page.get_by_role("button", name="Check out on this page").click()
    paying = page.url
    order = paying.removesuffix("/pay")
    product = "/products/forsvinnignspoelse"
    for address in ("/", product, "/terms", "/none", paying, order, f"{order}?error=cancelled"):
        page.goto(address if address.startswith("http") else _shop_url(demo) + address)
        found = Axe().run(page, options={"iframes": False})
        assert violations(found) == [], address
        assert page.evaluate("document.documentElement.scrollWidth") <= width, address
    context.close()


def test_paid_in_a_window_that_the_frame_opens(
    visitor: Page, demo: Demo, merchant: Merchant
) -> None:
    _choose(visitor, demo)
    visitor.get_by_role("button", name="Check out in a window").click()
    button = visitor.locator("#dintero-checkout-sdk-launch-pop-out")
    expect(button).to_have_text("Go to payment", timeout=20000)
    with visitor.expect_popup() as popped:
        button.click()
    window = popped.value
    _give_details(window)
    _add_card(window, merchant.card(10000))
    window.locator("#pay-button").click()
    _fill_in_at_provider(window)
    visitor.wait_for_url(re.compile(r"/orders/.*transaction_id="), timeout=30000)
    assert window.is_closed()
    assert _row(visitor, "authorized") == ["100.00 NOK", "300.00 NOK", "400.00 NOK"]


def test_the_buyer_can_have_it_elsewhere(visitor: Page, demo: Demo) -> None:
    _choose(visitor, demo)
    visitor.get_by_role("button", name="Check out on this page").click()
    visitor.frame_locator("#checkout iframe").locator("#details-save").wait_for()
    visitor.get_by_role("button", name="Pay in a window instead").click()
    expect(visitor.locator("#dintero-checkout-sdk-launch-pop-out")).to_be_visible(timeout=20000)
    visitor.get_by_role("button", name="Go to the checkout's own page").click()
    visitor.wait_for_url(f"{demo.base_url}/v1/view/**")
    expect(visitor.locator("#details-save")).to_be_visible()
