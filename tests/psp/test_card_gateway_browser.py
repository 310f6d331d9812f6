"""The provider's hosted page runs in a real browser. The tests check its look, keyboard use,
accessibility and that it needs no script."""

from __future__ import annotations

import re

import httpx
import pytest
from playwright.sync_api import Browser, ViewportSize

from tests.support.axe import check
from tests.support.browser import ColorScheme
from tests.support.card_gateway import CardGatewaySandbox, Listener

pytestmark = pytest.mark.e2e


@pytest.fixture
def url(card_gateway: CardGatewaySandbox, secret_key: str, listener: Listener) -> str:
    """Create a page of 300.00 NOK whose shop is on another origin."""
    shop = listener.url.rsplit("/", 1)[0]
    response = httpx.post(
        f"{card_gateway.base_url}/v1/checkout/sessions",
        headers={"Authorization": f"Bearer {secret_key}"},
        data={
            "mode": "payment",
            "locale": "nb",
            "success_url": f"{shop}/accept",
            "cancel_url": f"{shop}/cancel",
            "line_items[0][price_data][currency]": "nok",
            "line_items[0][price_data][unit_amount]": "30000",
            "line_items[0][price_data][product_data][name]": "Ordre 1043 (rest etter gavekort)",
            "payment_intent_data[capture_method]": "manual",
        },
    )
    address: str = response.json()["url"]
    return address


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [320, 1280])
def test_every_state_is_accessible(
    browser: Browser, url: str, width: int, scheme: ColorScheme
) -> None:
    size: ViewportSize = {"width": width, "height": 800}
    with browser.new_context(viewport=size, color_scheme=scheme) as context:
        page = context.new_page()
        page.goto(url)
        check(page)
        page.click("#pay")
        page.wait_for_selector("#alert")
        check(page)
        # The first wrong field has the focus, and its message is its description.
        wrong = page.locator("#card-number:focus")
        wrong.wait_for()
        assert wrong.get_attribute("aria-invalid") == "true"
        assert wrong.get_attribute("aria-describedby") == "card-number-error "
        page.get_by_role("link", name=re.compile("4100 0000 0000 0076")).click()
        check(page)
        page.click("#pay")
        page.wait_for_selector("#alert")
        check(page)
        page.get_by_role("link", name=re.compile("4000 1000 0000 0000")).click()
        page.click("#pay")
        page.wait_for_selector("#complete")
        check(page)
        page.click("#fail")
        page.get_by_role("link", name=re.compile("4100 0000 0000 0001")).click()
        page.click("#pay")
        page.wait_for_selector("#onward")
        check(page)


def test_keyboard_alone_and_no_script(
    browser: Browser, url: str, card_gateway: CardGatewaySandbox
) -> None:
    with browser.new_context(java_script_enabled=False) as context:
        page = context.new_page()
        strangers: list[str] = []
        page.on("request", lambda request: strangers.append(request.url))
        page.goto(url)
        assert all(one.startswith((card_gateway.base_url, "data:")) for one in strangers)
        page.focus("#card-number")
        for text in ("4000 1000 0000 0000", "12 / 34", "123", "Kari Nordmann"):
            page.keyboard.type(text)
            page.keyboard.press("Tab")
        page.keyboard.press("Enter")
        page.wait_for_selector("#complete")
        page.focus("#complete")
        # The redirect to the shop's other origin passes the page's own policy.
        with page.expect_request(re.compile("/accept$")):
            page.keyboard.press("Enter")


def test_back_to_the_shop(browser: Browser, url: str) -> None:
    with browser.new_context() as context:
        page = context.new_page()
        page.goto(url)
        with page.expect_request(re.compile("/cancel$")):
            page.click("#back")
