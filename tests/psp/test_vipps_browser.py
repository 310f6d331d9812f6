"""The landing page and the app's page of Vipps' sandbox in a real browser: look, accessibility, no
script."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

import httpx
import pytest
from axe_playwright_python.sync_playwright import Axe

from tests.psp.providers import VippsProvider
from tests.psp.test_vipps_sandbox import made
from tests.support.browser import chromium_arguments
from tests.support.sandbox import Listener, Sandbox

# isort: split
# The browser module sets what Playwright needs before it is imported.
from playwright.sync_api import Browser, Page, expect, sync_playwright

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
def shop(sandboxes: Callable[[str], Sandbox], listener: Listener) -> Iterator[VippsProvider]:
    sandbox = sandboxes("vipps")
    yield VippsProvider(sandbox, listener, httpx.AsyncClient())
    sandbox.reset()


def _check(page: Page, axe: Axe) -> None:
    results = axe.run(page)
    assert results.violations_count == 0, results.generate_report()
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


@pytest.mark.parametrize(("width", "scheme"), [(320, "light"), (1280, "dark")])
def test_every_state_is_accessible(
    browser: Browser, shop: VippsProvider, width: int, scheme: str
) -> None:
    axe = Axe()
    context = browser.new_context(
        viewport={"width": width, "height": 800},
        color_scheme=scheme,  # type: ignore[arg-type]
        java_script_enabled=True,
        locale="nb-NO",
    )
    page = context.new_page()
    push = {"userFlow": "PUSH_MESSAGE", "customer": {"phoneNumber": "4799887766"}}
    reference, _ = made(shop, **push)
    page.goto(f"{shop.sandbox.base_url}/c/app")
    expect(page.locator("article.push").first).to_be_visible()
    _check(page, axe)
    page.locator("button[value=reject]").first.click()
    assert shop.payment(reference)["state"] == "ABORTED"
    _check(page, axe)
    _, url = made(shop, returnUrl=f"{shop.listener.url}?paid")
    page.goto(url)
    _check(page, axe)
    page.click("#wait")
    _check(page, axe)
    page.click("#answer")
    page.click("#approve")
    page.wait_for_url(re.compile(r"/notifications\?paid"))
    page.goto(url)
    _check(page, axe)
    context.close()


@pytest.mark.parametrize(("locale", "words"), [("nb-NO", "Godkjenn"), ("en-GB", "Approve")])
def test_both_languages_and_no_script(
    browser: Browser, shop: VippsProvider, locale: str, words: str
) -> None:
    context = browser.new_context(java_script_enabled=False, locale=locale)
    page = context.new_page()
    reference, url = made(shop, returnUrl=f"{shop.listener.url}?left")
    page.goto(url)
    expect(page.locator("#approve")).to_contain_text(words)
    page.click("#back")
    page.wait_for_url(re.compile(r"/notifications\?left"))
    assert shop.payment(reference)["state"] == "ABORTED"
    context.close()
