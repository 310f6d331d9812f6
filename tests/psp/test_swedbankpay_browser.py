"""Swedbank Pay's sandbox runs in a real browser. The tests check its look, keyboard use,
accessibility and that it needs no script."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import Browser, ViewportSize

from tests.support.axe import check
from tests.support.browser import ColorScheme
from tests.support.sandbox import Listener, Sandbox
from tests.support.swedbankpay import CHALLENGE, DECLINED, Merchant, page

pytestmark = pytest.mark.e2e
WALLETS = ("Swish", "Vipps", "MobilePay", "ApplePay", "GooglePay", "ClickToPay")


@pytest.fixture
def merchant(sandboxes: Callable[[str], Sandbox]) -> Merchant:
    return Merchant(sandboxes("swedbankpay"))


@pytest.fixture
def new_page(merchant: Merchant, listener: Listener) -> Callable[[str], str]:
    """Return the address of a page of 300.00 SEK whose shop is on another origin."""
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


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_card_page(
    browser: Browser, new_page: Callable[[str], str], scheme: ColorScheme
) -> None:
    size: ViewportSize = {"width": 320, "height": 800}
    with browser.new_context(
        viewport=size,
        color_scheme=scheme,
    ) as context:
        shown = context.new_page()
        shown.goto(new_page("CreditCard"))
        assert shown.text_content("#amount") == "300,00\N{NO-BREAK SPACE}SEK"
        check(shown)
        shown.get_by_role("link", name=re.compile(_grouped(DECLINED))).click()
        shown.locator("#pay:focus").wait_for()
        shown.keyboard.press("Enter")
        shown.wait_for_selector("#alert")
        check(shown)
        shown.get_by_role("link", name=re.compile(_grouped(CHALLENGE))).click()
        shown.click("#pay")
        shown.wait_for_selector("#complete")
        check(shown)
        shown.click("#complete")
        shown.wait_for_url("**/done")


def _grouped(number: str) -> str:
    return " ".join(re.findall(".{4}", number))


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_wallets(browser: Browser, new_page: Callable[[str], str], scheme: ColorScheme) -> None:
    size: ViewportSize = {"width": 320, "height": 800}
    accents = set()
    with browser.new_context(
        viewport=size,
        color_scheme=scheme,
    ) as context:
        shown = context.new_page()
        for wallet in WALLETS:
            shown.goto(new_page(wallet))
            check(shown)
            accents.add(
                shown.eval_on_selector("#approve", "one => getComputedStyle(one).backgroundColor")
            )
        shown.click("#decline")
        shown.wait_for_selector("#alert")
        check(shown)
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
