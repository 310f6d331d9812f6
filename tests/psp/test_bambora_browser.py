"""The payment window of Bambora's sandbox runs in a real browser. The tests check its look, its
accessibility and that it needs no script."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import Browser, ViewportSize

from tests.support.axe import check
from tests.support.bambora import Merchant
from tests.support.browser import ColorScheme
from tests.support.sandbox import Listener, Sandbox

pytestmark = pytest.mark.e2e


@pytest.fixture
def sandbox(sandboxes: Callable[[str], Sandbox]) -> Sandbox:
    return sandboxes("bambora")


def _window(sandbox: Sandbox, listener: Listener, method: str) -> str:
    """Create a window of 300.00 NOK whose shop is on another origin."""
    shop = listener.url.rsplit("/", 1)[0]
    made = Merchant(sandbox).request(
        url={"accept": f"{shop}/accept", "decline": f"{shop}/cancel", "callbacks": []},
        paymentwindow={
            "language": "nb-NO",
            "paymentmethods": [{"id": method, "action": "include"}],
        },
    )
    return str(made["url"])


@pytest.mark.parametrize(("width", "scheme"), [(320, "light"), (1280, "dark")])
def test_every_state_is_accessible(
    browser: Browser, sandbox: Sandbox, listener: Listener, width: int, scheme: ColorScheme
) -> None:
    size: ViewportSize = {"width": width, "height": 800}
    with browser.new_context(viewport=size, color_scheme=scheme) as context:
        page = context.new_page()
        page.goto(_window(sandbox, listener, "paymentcard"))
        assert page.inner_text("#amount") == "300,00\N{NO-BREAK SPACE}kr"
        assert "ingen ekte penger" in page.inner_text(".notice")
        check(page)
        page.get_by_role("link", name=re.compile("4002 7700 0000 0024")).click()
        page.click("#pay")
        page.wait_for_selector("#alert")
        check(page)
        page.get_by_role("link", name=re.compile("4002 7700 0000 0016")).click()
        page.click("#pay")
        page.wait_for_selector("#complete")
        check(page)
        with page.expect_request(re.compile(r"/accept\?txnid=")):
            page.click("#complete")
        page.goto(_window(sandbox, listener, "vipps"))
        assert page.inner_text(".eyebrow") == "Vipps"
        check(page)
        page.click("#decline")
        page.wait_for_selector("#alert")
        check(page)
        with page.expect_request(re.compile("/cancel$")):
            page.click("#back")


def test_keyboard_alone_and_no_script(
    browser: Browser, sandbox: Sandbox, listener: Listener
) -> None:
    with browser.new_context(java_script_enabled=False) as context:
        page = context.new_page()
        asked: list[str] = []
        page.on("request", lambda request: asked.append(request.url))
        page.goto(_window(sandbox, listener, "paymentcard"))
        assert all(one.startswith((sandbox.base_url, "data:")) for one in asked)
        page.focus("#card-number")
        for text in ("4002 7700 0000 0008", "12 / 34", "000", "Kari Nordmann"):
            page.keyboard.type(text)
            page.keyboard.press("Tab")
        # The redirect to the shop's other origin passes the page's own policy.
        with page.expect_request(re.compile(r"/accept\?txnid=[0-9]{18}&.*hash=[0-9a-f]{32}$")):
            page.keyboard.press("Enter")
