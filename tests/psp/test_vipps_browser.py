"""The landing page and the app's page of Vipps' sandbox run in a real browser. The tests check
their look, accessibility and that they need no script."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

import httpx
import pytest
from playwright.sync_api import Browser, expect

from tests.psp.test_vipps_sandbox import made
from tests.psp.vipps_provider import VippsProvider
from tests.support.axe import check
from tests.support.browser import ColorScheme
from tests.support.sandbox import Listener, Sandbox

pytestmark = pytest.mark.e2e


@pytest.fixture
def shop(sandboxes: Callable[[str], Sandbox], listener: Listener) -> Iterator[VippsProvider]:
    sandbox = sandboxes("vipps")
    yield VippsProvider(sandbox, listener, httpx.AsyncClient())
    sandbox.reset()


@pytest.mark.parametrize(("width", "scheme"), [(320, "light"), (1280, "dark")])
def test_every_state_is_accessible(
    browser: Browser, shop: VippsProvider, width: int, scheme: ColorScheme
) -> None:
    context = browser.new_context(
        viewport={"width": width, "height": 800},
        color_scheme=scheme,
        java_script_enabled=True,
        locale="nb-NO",
    )
    page = context.new_page()
    push = {"userFlow": "PUSH_MESSAGE", "customer": {"phoneNumber": "4799887766"}}
    reference, _ = made(shop, **push)
    page.goto(f"{shop.sandbox.base_url}/c/app")
    expect(page.locator("article.push").first).to_be_visible()
    check(page)
    page.locator("button[value=reject]").first.click()
    assert shop.payment(reference)["state"] == "ABORTED"
    check(page)
    _, url = made(shop, returnUrl=f"{shop.listener.url}?paid")
    page.goto(url)
    check(page)
    page.click("#wait")
    check(page)
    page.click("#answer")
    page.click("#approve")
    page.wait_for_url(re.compile(r"/notifications\?paid"))
    page.goto(url)
    check(page)
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
