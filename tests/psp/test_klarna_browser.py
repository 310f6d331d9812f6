"""The Klarna sandbox's page runs in a real browser. The tests check its look, keyboard use,
accessibility and that it needs no script."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import Browser, ViewportSize

from tests.support.axe import check
from tests.support.browser import ColorScheme
from tests.support.sandbox import Listener, Sandbox

pytestmark = pytest.mark.e2e

_BOOKS = {"name": "Skjerf i lammeull", "quantity": 1, "unit_price": 40000, "total_amount": 40000}
_CARD = {
    "name": "Gavekort",
    "type": "gift_card",
    "quantity": 1,
    "unit_price": -10000,
    "total_amount": -10000,
}


@pytest.fixture
def klarna(sandboxes: Callable[[str], Sandbox]) -> Sandbox:
    return sandboxes("klarna")


@pytest.fixture
def url(klarna: Sandbox, listener: Listener) -> str:
    """Create a page of 300.00 NOK beside a gift card, whose shop is on another origin."""
    shop, auth = listener.url.rsplit("/", 1)[0], ("PK_1", "klarna_test_1")
    order = {
        "purchase_country": "NO",
        "purchase_currency": "NOK",
        "locale": "nb-NO",
        "order_amount": 30000,
        "order_lines": [_BOOKS, _CARD],
    }
    made = klarna.http.post(f"{klarna.base_url}/payments/v1/sessions", json=order, auth=auth).json()
    ends = ("success", "cancel", "back", "failure", "error")
    body = {
        "payment_session_url": f"{klarna.base_url}/payments/v1/sessions/{made['session_id']}",
        "merchant_urls": {name: f"{shop}/{name}" for name in ends},
        "options": {"place_order_mode": "PLACE_ORDER"},
    }
    page = klarna.http.post(f"{klarna.base_url}/hpp/v1/sessions", json=body, auth=auth).json()
    return str(page["redirect_url"])


@pytest.mark.parametrize(("width", "scheme"), [(320, "light"), (1280, "dark")])
def test_every_state_is_accessible(
    browser: Browser, url: str, width: int, scheme: ColorScheme
) -> None:
    size: ViewportSize = {"width": width, "height": 800}
    with browser.new_context(viewport=size, color_scheme=scheme) as context:
        page = context.new_page()
        page.goto(url)
        assert page.inner_text("#amount") == "300,00\N{NO-BREAK SPACE}kr"
        assert "\N{MINUS SIGN}100,00\N{NO-BREAK SPACE}kr" in page.inner_text(".order")
        check(page)
        page.click("#continue")
        page.wait_for_selector("#email-error")
        check(page)
        page.get_by_role("link", name=re.compile("Godkjent customer")).click()
        check(page)
        page.click("#continue")
        page.wait_for_selector("#code")
        check(page)
        page.fill("#code", "999999")
        page.click("#approve")
        wrong = page.locator("#code:focus")
        wrong.wait_for()
        assert wrong.get_attribute("aria-describedby") == "code-error code-hint"
        check(page)
        page.goto(url)
        with page.expect_request(re.compile("/cancel$")):
            page.click("#cancel")
        page.goto(url)
        page.wait_for_selector("#onward")
        check(page)


def test_keyboard_alone_and_no_script(browser: Browser, url: str, klarna: Sandbox) -> None:
    with browser.new_context(java_script_enabled=False) as context:
        page = context.new_page()
        asked: list[str] = []
        page.on("request", lambda request: asked.append(request.url))
        page.goto(url)
        assert all(one.startswith((klarna.base_url, "data:")) for one in asked)
        page.focus("input[name=method]:checked")
        page.keyboard.press("ArrowDown")
        page.keyboard.press("Tab")
        page.keyboard.type("customer@email.no")
        page.keyboard.press("Enter")
        page.wait_for_selector("#code")
        assert page.inner_text(".eyebrow") == "Betal om 30 dager"
        page.focus("#code")
        page.keyboard.type("123456")
        # The redirect to the shop's other origin passes the page's own policy.
        with page.expect_request(re.compile("/success$")):
            page.keyboard.press("Enter")


def test_declined(browser: Browser, url: str) -> None:
    with browser.new_context() as context:
        page = context.new_page()
        page.goto(url)
        page.get_by_role("link", name=re.compile("Avvist")).click()
        page.click("#continue")
        page.fill("#code", "123456")
        with page.expect_request(re.compile("/failure$")):
            page.click("#approve")
        page.goto(url)
        assert "tilbyr deg ikke dette kjøpet" in page.inner_text("#alert")
