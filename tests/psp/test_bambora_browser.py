"""The payment window of Bambora's sandbox in a real browser: look, accessibility, no script."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

import pytest
from axe_playwright_python.sync_playwright import Axe

from tests.support.bambora import Merchant
from tests.support.browser import chromium_arguments
from tests.support.sandbox import Listener, Sandbox

# isort: split
# The browser module sets what Playwright needs before it is imported.
from playwright.sync_api import Browser, Page, sync_playwright

pytestmark = pytest.mark.e2e


@pytest.fixture(scope="module")
def browser(chromium_path: str) -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=chromium_path, args=chromium_arguments()
        )
        yield browser
        browser.close()


@pytest.fixture
def sandbox(sandboxes: Callable[[str], Sandbox]) -> Sandbox:
    return sandboxes("bambora")


def _window(sandbox: Sandbox, listener: Listener, method: str) -> str:
    """A window of 300.00 NOK whose shop is on another origin."""
    shop = listener.url.rsplit("/", 1)[0]
    made = Merchant(sandbox).request(
        url={"accept": f"{shop}/accept", "decline": f"{shop}/cancel", "callbacks": []},
        paymentwindow={
            "language": "nb-NO",
            "paymentmethods": [{"id": method, "action": "include"}],
        },
    )
    return str(made["url"])


def _check(page: Page, axe: Axe) -> None:
    results = axe.run(page)
    assert results.violations_count == 0, results.generate_report()
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


@pytest.mark.parametrize(("width", "scheme"), [(320, "light"), (1280, "dark")])
def test_every_state_is_accessible(
    browser: Browser, sandbox: Sandbox, listener: Listener, width: int, scheme: str
) -> None:
    axe = Axe()
    size = {"width": width, "height": 800}
    with browser.new_context(viewport=size, color_scheme=scheme) as context:  # type: ignore[arg-type]
        page = context.new_page()
        page.goto(_window(sandbox, listener, "paymentcard"))
        assert page.inner_text("#amount") == "300,00\N{NO-BREAK SPACE}kr"
        assert "ingen ekte penger" in page.inner_text(".notice")
        _check(page, axe)
        page.get_by_role("link", name=re.compile("4002 7700 0000 0024")).click()
        page.click("#pay")
        page.wait_for_selector("#alert")
        _check(page, axe)
        page.get_by_role("link", name=re.compile("4002 7700 0000 0016")).click()
        page.click("#pay")
        page.wait_for_selector("#complete")
        _check(page, axe)
        with page.expect_request(re.compile(r"/accept\?txnid=")):
            page.click("#complete")
        page.goto(_window(sandbox, listener, "vipps"))
        assert page.inner_text(".eyebrow") == "Vipps"
        _check(page, axe)
        page.click("#decline")
        page.wait_for_selector("#alert")
        _check(page, axe)
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
