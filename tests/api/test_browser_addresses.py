"""An address that a browser opens answers with a page, whatever goes wrong. A client that asks for
JSON gets JSON."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable

import httpx
import pytest
from fastapi import FastAPI, Request
from fastapi.responses import PlainTextResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send

from backend.sessions.view import PageState
from checkout_ui.balance.hosted import create_page
from checkout_ui.hosting import still_checking
from checkout_ui.hosting.rooms import beside_the_api
from checkout_ui.hosting.still_checking import StillChecking
from tests.support.card_gateway import CardGatewaySandbox
from tests.support.checkout import BASE_URL, Merchant

PAGE = {"accept": "text/html,application/xhtml+xml,*/*;q=0.8", "accept-language": "sv"}
JSON = {"accept": "application/json"}
RETURN = "/v1/sessions/T1.abc/redirect/xyz"
CHECKING = "Vi kontrollerar fortfarande"
MISSING = "Vi hittar inte den här betalningen"

Answer = Callable[[Request], Awaitable[Response]]


async def nothing(scope: Scope, receive: Receive, send: Send) -> None:
    """Stand in for Reflex's own files."""
    await PlainTextResponse("none of ours", 404)(scope, receive, send)


def client(app: ASGIApp) -> httpx.AsyncClient:
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    return httpx.AsyncClient(transport=transport, base_url=BASE_URL)


@pytest.fixture
async def browser(merchant: Merchant) -> AsyncIterator[httpx.AsyncClient]:
    """Open our pages and the API beside them."""
    async with client(beside_the_api(nothing, create_page())) as http:
        yield http


def answering(answer: Answer) -> httpx.AsyncClient:
    """Return a client of a server that gives every request the same answer."""
    app = FastAPI()
    methods = ["GET", "HEAD", "POST"]
    app.add_api_route("/{path:path}", answer, methods=methods, response_class=Response)
    return client(StillChecking(app))


async def test_an_address_that_we_never_gave_out(browser: httpx.AsyncClient) -> None:
    page = await browser.get(RETURN, headers=PAGE)
    assert (page.status_code, page.headers["content-language"]) == (404, "sv")
    assert MISSING in page.text and "checking.js" not in page.text
    said = await browser.get(RETURN, headers=JSON)
    assert (said.status_code, said.json()["error"]["code"]) == (404, "NOT_FOUND")


async def test_giving_up_what_cannot_be_given_up_leads_to_where_it_stands(
    browser: httpx.AsyncClient, merchant: Merchant, card_gateway: CardGatewaySandbox
) -> None:
    await merchant.paid(card_gateway)
    paid = await merchant.get("/v1/transactions")
    session_id = paid[0]["session_id"]
    path = f"/v1/view/{session_id}/session/abandon"
    page = await browser.post(path, headers=PAGE)
    assert (page.status_code, page.headers["location"]) == (303, f"/v1/view/{session_id}")
    assert (await browser.post(path)).json()["error"]["code"] == "SESSION_CLOSED"
    assert (await merchant.view(session_id)).state is PageState.PAID


async def test_an_error_of_ours_is_a_page_without_its_text(merchant: Merchant) -> None:
    async def fails(_request: Request) -> Response:
        raise RuntimeError("secret of the house")

    async with answering(fails) as http:
        for path in ("/", "/v1/view/T1.a", "/v1/phone/abc", "/balance/T1", "/embedResult/", RETURN):
            page = await http.get(path, headers=PAGE)
            assert (path, page.status_code, page.headers["retry-after"]) == (path, 503, "2")
            assert CHECKING in page.text and "secret" not in page.text
            assert "connect-src 'self'" in page.headers["content-security-policy"]
        head = await http.head(RETURN, headers=PAGE)
        assert head.status_code == 503
        # A picture, a script or an API call gets no page.
        for path in ("/checkout.js", "/v1/sessions", "/v1/view/T1.a/session"):
            assert (await http.get(path, headers=PAGE)).status_code == 500
        assert (await http.get(RETURN, headers=JSON)).status_code == 500


async def test_waits_grow_and_the_address_stays_as_it_was(merchant: Merchant) -> None:
    asked: list[str] = []

    async def fails(request: Request) -> Response:
        asked.append(request.url.query)
        return PlainTextResponse("no", 500)

    query = "b=2&a=%C3%A5%2F&b=1"
    waits = []
    async with answering(fails) as http:
        address = f"{RETURN}?{query}"
        for _ in range(8):
            page = await http.get(address, headers=PAGE)
            waits.append(int(page.headers["retry-after"]))
            refresh = page.text.split('http-equiv="refresh" content="')[1].split('"')[0]
            wait, _, address = refresh.replace("&amp;", "&").partition(";url=")
            assert int(wait) == waits[-1]
    assert waits == [2, 3, 5, 8, 13, 21, 30, 30]
    # The address keeps the provider's own parameters unchanged and adds none of ours.
    assert asked == [query] * 8


async def test_too_many_requests_settle_by_themselves_too(merchant: Merchant) -> None:
    async def limited(_request: Request) -> Response:
        return PlainTextResponse("slow down", 429, headers={"Retry-After": "17"})

    async with answering(limited) as http:
        page = await http.get(RETURN, headers=PAGE)
    assert (page.status_code, page.headers["retry-after"]) == (429, "17")
    assert CHECKING in page.text


async def test_what_takes_too_long_goes_on_though_the_payer_is_answered(
    merchant: Merchant, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(still_checking, "PATIENCE", 0.02)
    free, done = asyncio.Event(), asyncio.Event()

    async def slow(_request: Request) -> Response:
        await free.wait()
        done.set()
        return PlainTextResponse("late")

    async with answering(slow) as http:
        page = await http.get(RETURN, headers=PAGE)
        assert page.status_code == 503 and CHECKING in page.text
        assert not done.is_set()
        free.set()
        await asyncio.wait_for(done.wait(), 5)


async def test_what_is_a_page_already_stays_what_it_is(browser: httpx.AsyncClient) -> None:
    for path, status in (("/v1/view/T1.nobody", 404), ("/v1/phone/nothing", 410)):
        page = await browser.get(path, headers=PAGE)
        assert page.status_code == status
        assert "text/html" in page.headers["content-type"]
        assert "retry-after" not in page.headers
