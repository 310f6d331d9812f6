"""Swedbank Pay's sandbox in a real browser: look, keyboard, accessibility, no script."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

import pytest
from axe_playwright_python.sync_playwright import Axe

from tests.support.browser import chromium_arguments
from tests.support.sandbox import Listener, Sandbox
from tests.support.swedbankpay import CHALLENGE, DECLINED, Merchant, page

# isort: split
# The browser module sets what Playwright needs before it is imported.
from playwright.sync_api import Browser, Page, sync_playwright

pytestmark = pytest.mark.e2e
WALLETS = ("Swish", "Vipps", "MobilePay", "ApplePay", "GooglePay", "ClickToPay")


@pytest.fixture(scope="module")
def browser(chromium_path: str) -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=chromium_path, args=chromium_arguments()
        )
        yield browser
        browser.close()


@pytest.fixture
def merchant(sandboxes: Callable[[str], Sandbox]) -> Merchant:
    return Merchant(sandboxes("swedbankpay"))


@pytest.fixture
def new_page(merchant: Merchant, listener: Listener) -> Callable[[str], str]:
    """The address of a page of 300.00 SEK, whose shop is on another origin."""
    shop = listener.url.rsplit("/", 1)[0]
    urls = {"hostUrls": [shop], "completeUrl": f"{shop}/done", "cancelUrl": f"{shop}/cancel"}

    def new_page(instrument: str) -> str:
        made = merchant.create(
            instrument=instrument,
            language="nb-NO",
            description="Ordre 1043 (resten etter gavekort)",
            urls=urls,
        )
        return page(made)

    return new_page


def _check(shown: Page, axe: Axe) -> None:
    results = axe.run(shown)
    assert results.violations_count == 0, results.generate_report()
    assert shown.evaluate("document.documentElement.scrollWidth <= innerWidth")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_card_page(browser: Browser, new_page: Callable[[str], str], scheme: str) -> None:
    axe, size = Axe(), {"width": 320, "height": 800}
    with browser.new_context(
        viewport=size,  # type: ignore[arg-type]
        color_scheme=scheme,  # type: ignore[arg-type]
    ) as context:
        shown = context.new_page()
        shown.goto(new_page("CreditCard"))
        assert shown.text_content("#amount") == "300,00\N{NO-BREAK SPACE}SEK"
        _check(shown, axe)
        shown.get_by_role("link", name=re.compile(_grouped(DECLINED))).click()
        shown.locator("#pay:focus").wait_for()
        shown.keyboard.press("Enter")
        shown.wait_for_selector("#alert")
        _check(shown, axe)
        shown.get_by_role("link", name=re.compile(_grouped(CHALLENGE))).click()
        shown.click("#pay")
        shown.wait_for_selector("#complete")
        _check(shown, axe)
        shown.click("#complete")
        shown.wait_for_url("**/done")


def _grouped(number: str) -> str:
    return " ".join(re.findall(".{4}", number))


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_wallets(browser: Browser, new_page: Callable[[str], str], scheme: str) -> None:
    axe, size = Axe(), {"width": 320, "height": 800}
    accents = set()
    with browser.new_context(
        viewport=size,  # type: ignore[arg-type]
        color_scheme=scheme,  # type: ignore[arg-type]
    ) as context:
        shown = context.new_page()
        for wallet in WALLETS:
            shown.goto(new_page(wallet))
            _check(shown, axe)
            accents.add(
                shown.eval_on_selector("#approve", "one => getComputedStyle(one).backgroundColor")
            )
        shown.click("#decline")
        shown.wait_for_selector("#alert")
        _check(shown, axe)
        shown.click("#approve")
        shown.wait_for_url("**/done")
        shown.goto(new_page("Swish"))
        shown.click("#back")
        shown.wait_for_url("**/cancel")
    if scheme == "light":
        assert len(accents) == len(WALLETS), "each wallet has a look of its own"


def test_without_script(browser: Browser, new_page: Callable[[str], str]) -> None:
    with browser.new_context(java_script_enabled=False) as context:
        shown = context.new_page()
        shown.goto(new_page("Vipps"))
        shown.click("#approve")
        shown.wait_for_url("**/done")
