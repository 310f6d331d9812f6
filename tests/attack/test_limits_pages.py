"""A browser that opens pages too often gets a calm page in the payer's language."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp

from checkout_ui import texts
from checkout_ui.balance.hosted import create_page
from checkout_ui.hosting.every_answer import EveryAnswer
from checkout_ui.hosting.rooms import beside_the_api
from tests.support.checkout import BASE_URL, Merchant, close_merchant, open_merchant
from tests.support.limits import check_refused, stand_still

HTML = {"accept": "text/html,application/xhtml+xml,*/*;q=0.8"}


@pytest.fixture
async def shop(sqlite_url: str) -> AsyncIterator[Merchant]:
    merchant = await open_merchant(
        sqlite_url,
        "http://127.0.0.1:9",
        "sk_test_x",
        limits={"pages.source": "3/600", "payer.changes": "2/600"},
    )
    stand_still(merchant)
    yield merchant
    await close_merchant(merchant)


@pytest.fixture
async def browser(shop: Merchant) -> AsyncIterator[httpx.AsyncClient]:
    """Serve everything except the built files and the event socket."""
    files: ASGIApp = PlainTextResponse("a file")
    served = httpx.ASGITransport(EveryAnswer(beside_the_api(files, create_page())))
    async with httpx.AsyncClient(transport=served, base_url=BASE_URL, headers=HTML) as client:
        yield client


async def spend(browser: httpx.AsyncClient) -> None:
    for _ in range(3):
        assert (await browser.get("/v1/phone/none")).status_code == 410


@pytest.mark.parametrize("language", texts.languages())
async def test_it_says_when_to_try_again(browser: httpx.AsyncClient, language: str) -> None:
    await spend(browser)
    for method, path in (
        ("GET", "/"),
        ("GET", "/v1/view/T1.x"),
        ("GET", "/v1/phone/none"),
        ("GET", "/balance/T1"),
        ("POST", "/"),
        ("POST", "/v1/view/T1.x"),
        ("POST", "/balance/T1"),
        ("GET", "/embedResult/"),
    ):
        answer = await browser.request(method, path, params={"language": language})
        assert answer.status_code == 429, path
        assert answer.headers["content-type"] == "text/html; charset=utf-8"
        # This is a third of ten minutes. Minutes are rounded up, so that the next attempt succeeds.
        assert answer.headers["retry-after"] == "200"
        assert texts.count(language, "count.wait_minutes", 4) in answer.text
        assert f"<h1>{texts.text(language, 'hosted.wait_heading')}</h1>" in answer.text
        assert f'<html lang="{language}">' in answer.text
        assert "<script" not in answer.text
        for header in ("content-security-policy", "x-content-type-options"):
            assert header in answer.headers
        assert answer.headers["cache-control"] == "no-store"


async def test_files_are_not_counted(browser: httpx.AsyncClient) -> None:
    for _ in range(10):
        assert (await browser.get("/assets/x.js")).text == "a file"
    await spend(browser)


async def test_a_program_gets_json(browser: httpx.AsyncClient) -> None:
    await spend(browser)
    check_refused(await browser.get("/v1/view/T1.x", headers={"accept": "*/*"}), 600)
    check_refused(await browser.get("/", headers={"accept": "application/json"}), 600)


async def test_a_form_that_leaves_the_page(shop: Merchant, browser: httpx.AsyncClient) -> None:
    """`abandon` is the target of a form, so a browser shows the answer to its payer. It counts
    once, although the pages' server contains the API."""
    session_id = await shop.session()
    path = f"/v1/view/{session_id}/session"
    for _ in range(2):
        answer = await browser.put(f"{path}/order/addresses", json={})
        assert answer.status_code == 400
    answer = await browser.post(f"{path}/abandon", headers={"accept-language": "sv"})
    assert answer.status_code == 429
    assert texts.text("sv", "hosted.wait_heading") in answer.text
    assert (await shop.view(session_id)).state == "open"
    assert shop.ctx.limiter.allowed["payer.changes"] == 2


async def test_hours_are_said_as_hours() -> None:
    said: Any = [texts.wait("en", seconds) for seconds in (0, 1, 61, 3600, 3601, 80000)]
    assert [one.rpartition(" in ")[2] for one in said] == [
        "1 minute.",
        "1 minute.",
        "2 minutes.",
        "60 minutes.",
        "2 hours.",
        "23 hours.",
    ]
