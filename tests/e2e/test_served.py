"""The tests check how the page is served: statuses, headers, first texts, without scripts, to whom,
and in a frame."""

from __future__ import annotations

import itertools
import json
import re
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import httpx
import pytest
from playwright.sync_api import Browser, expect
from websockets.exceptions import InvalidStatus
from websockets.sync.client import ClientConnection, connect
from websockets.typing import Origin

from tests.support.demo import Demo, Merchant, Shop
from tests.support.payer import Payer
from tests.support.waiting import until

NewPayer = Callable[..., Payer]

_EVENT = "reflex___state____state.checkout_ui___state___checkout____checkout"
_STEPS = "checkout_ui___steps___"


# --- over HTTP ----------------------------------------------------------------------------------


def test_first_texts_stand_in_the_page(merchant: Merchant) -> None:
    session = merchant.session(72200, merchant={"name": "<b>Æ & Ø", "logo_url": "https://a.b"})
    page = httpx.get(session["url"], headers={"Accept-Language": "nb"})
    assert page.status_code == 200
    assert '<html lang="nb"' in page.text
    assert "<title>Betaling – &lt;b&gt;Æ &amp; Ø</title>" in page.text
    assert re.search(r'id="first-merchant"[^>]*>&lt;b&gt;Æ &amp; Ø<', page.text)
    assert re.search(r'id="first-total"[^>]*>722,00\skr<', page.text)
    assert re.search(r'id="first-heading"[^>]*>Betaling hos<', page.text)
    english = httpx.get(
        session["url"], params={"language": "en"}, headers={"Accept-Language": "nb"}
    )
    assert '<html lang="en"' in english.text
    assert re.search(r'id="first-total"[^>]*>NOK\s722\.00<', english.text)


def _way_back(page: httpx.Response) -> str:
    found = re.search(r'<a\b[^>]*\bid="first-back"[^>]*>', page.text)
    assert found is not None
    return found[0]


def test_the_way_back_where_no_script_comes(merchant: Merchant, shop: Shop, demo: Demo) -> None:
    """The page links to the shop if the payer can leave the session, and has no link otherwise."""
    page = httpx.get(merchant.session()["url"], params={"language": "en"})
    link = _way_back(page)
    assert f'href="{shop.url}/accept?' in link and "error=cancelled" in link
    assert 'target="_top"' in link and " hidden" not in link
    assert re.search(r'id="first-back"[^>]*>Back to the shop<', page.text)
    assert "Nothing has been paid" in page.text
    assert " hidden" in _way_back(httpx.get(f"{demo.base_url}/v1/view/T12345678.nobody"))


def test_headers(merchant: Merchant, demo: Demo) -> None:
    page = httpx.get(merchant.session()["url"])
    assert page.headers["cache-control"] == "no-store"
    assert page.headers["content-encoding"] == "gzip"
    assert page.headers["x-content-type-options"] == "nosniff"
    assert page.headers["referrer-policy"] == "same-origin"
    policy = dict(
        part.split(" ", 1) for part in page.headers["content-security-policy"].split("; ")
    )
    assert policy["default-src"] == "'none'"
    assert policy["frame-ancestors"].split(" ")[0] == demo.facts["shop_url"]
    assert "unsafe" not in page.headers["content-security-policy"]
    assert policy["connect-src"] == policy["style-src"] == policy["form-action"] == "'self'"
    asset = re.search(r'href="(/assets/[^"]+\.js)"', page.text)
    assert asset is not None
    script = httpx.get(demo.base_url + asset[1], headers={"Accept-Encoding": "br"})
    assert script.headers["cache-control"] == "public, max-age=31536000, immutable"
    assert script.headers["content-encoding"] == "br"
    own = re.search(r'src="(/checkout\.js\?v=[0-9a-f]+)"', page.text)
    assert own is not None
    kept = httpx.get(demo.base_url + own[1])
    assert kept.headers["cache-control"] == "public, max-age=31536000, immutable"
    gone = httpx.get(f"{demo.base_url}/assets/nothing.js")
    assert (gone.status_code, gone.headers["cache-control"]) == (404, "no-store")


def test_statuses(demo: Demo) -> None:
    for path in ("/v1/view/nobody", "/?sid=nobody", "/", "/v1/view/%3Cscript%3E"):
        page = httpx.get(demo.base_url + path)
        assert page.status_code == 404, path
        assert page.headers["content-type"] == "text/html; charset=utf-8"
        assert "<script>alert" not in page.text
    # Addresses outside the page still belong to the API and have its format.
    for method, path in (
        ("GET", "/v1/nothing"),
        ("GET", "/v1/view/nobody/session"),
        ("PUT", "/v1/view/nobody"),
    ):
        api = httpx.request(method, demo.base_url + path)
        assert api.status_code in (404, 405), path
        assert set(api.json()) == {"error"}, path


def test_a_form_that_is_sent_without_the_script_is_never_read(merchant: Merchant) -> None:
    url = merchant.session()["url"] + "?language=en"
    page = httpx.post(url, data={"gift_card_number": "9876543210", "gift_card_pin": "4321"})
    assert page.status_code == 200
    assert page.headers["cache-control"] == "no-store"
    assert "needs JavaScript" in page.text
    assert f'href="{url.partition("://")[2].partition("/")[1]}' in page.text
    assert "9876543210" not in page.text and "4321" not in page.text


def test_without_javascript_the_payer_is_told(browser: Browser, merchant: Merchant) -> None:
    context = browser.new_context(java_script_enabled=False, locale="nb-NO")
    page = context.new_page()
    page.goto(merchant.session()["url"])
    assert page.locator("noscript").inner_text().startswith("Denne siden trenger JavaScript.")
    expect(page.locator("noscript")).to_be_visible()
    expect(page.locator("#first-merchant")).to_have_text("Fjord & Form")
    context.close()


# --- the event socket ---------------------------------------------------------------------------


def test_only_our_own_pages_open_the_event_socket(demo: Demo) -> None:
    with _socket(demo, origin=demo.base_url):
        pass
    for origin in ("https://elsewhere.example", demo.facts["shop_url"], "null"):
        with pytest.raises(InvalidStatus), _socket(demo, origin=origin):
            pass


@contextmanager
def _socket(demo: Demo, origin: str, path: str = "/v1/view/nobody") -> Iterator[ClientConnection]:
    """Engine.IO and Socket.IO as far as Reflex's page speaks them, up to the connected state."""
    address = demo.base_url.replace("http", "ws", 1)
    with connect(
        f"{address}/_event/?token={uuid.uuid4()}&EIO=4&transport=websocket",
        origin=Origin(origin),
    ) as socket:
        assert str(socket.recv(5)).startswith("0{")
        where = {"pathname": path, "asPath": path, "query": {}}
        loads = {"name": "reflex___state____state.hydrate_and_load", "router_data": where}
        socket.send("40/_event," + json.dumps({"event": loads}))
        assert str(socket.recv(5)).startswith(("40/_event", "42/_event"))
        yield socket


_BAD: list[tuple[str, dict[str, Any]]] = [
    (f"{_STEPS}details____details_state.save", {"form_data": ["not", "a", "form"]}),
    (f"{_STEPS}details____details_state.save", {"form_data": {"email": {"$ne": 1}}}),
    (f"{_STEPS}details____details_state.save", {"form_data": {"email": "x" * 5000}}),
    (f"{_STEPS}details____details_state.save", {"form_data": None}),
    (f"{_STEPS}details____details_state.save", {"wrong": 1}),
    (f"{_STEPS}details____details_state.choose_shipping", {"key": ["0:x"]}),
    (f"{_STEPS}details____details_state.choose_shipping", {"key": "7:nothing"}),
    (f"{_STEPS}gift_card____gift_card_state.add", {"form_data": "1234"}),
    (
        f"{_STEPS}gift_card____gift_card_state.add",
        {"form_data": {"gift_card_number": ["1"], "gift_card_pin": 4}},
    ),
    (f"{_STEPS}payment____payment_state.press_pay", {"form_data": {"seen": -1}}),
    (f"{_STEPS}payment____payment_state.press_pay", {"form_data": {"seen": "lots"}}),
    (f"{_STEPS}payment____payment_state.press_pay", {"form_data": {"seen": 1}}),
    (f"{_STEPS}payment____payment_state.press_pay", {"form_data": []}),
    ("_show_missing", {}),
    ("_send_to", {"url": "https://elsewhere.example"}),
    ("set_stage", {"value": "paid"}),
]


def test_forged_events_change_nothing(demo: Demo, merchant: Merchant) -> None:
    """Anybody can call every handler with anything. Nothing changes and nothing crashes."""
    session = merchant.session()
    before = merchant.get(f"/v1/sessions/{session['id']}")
    path = f"/v1/view/{session['id']}"
    where = {"pathname": path, "asPath": path, "query": {"session_id": session["id"]}}
    with _socket(demo, demo.base_url, path) as socket:
        for name, payload in _BAD:
            event = {"name": f"{_EVENT}.{name}", "payload": payload, "router_data": where}
            socket.send("42/_event," + json.dumps(["event", event]))
        # The socket is still served afterwards: an event of the page's own is answered.
        last = {"name": f"{_EVENT}.set_language", "payload": {"tag": "de"}, "router_data": where}
        socket.send("42/_event," + json.dumps(["event", last]))
        heard = _hear(socket, '"language_rx_state_":"de"')
        # The visit counts as long as the page exists.
        path = f"/v1/sessions/{session['id']}"

        def names() -> list[str]:
            return [event["name"] for event in merchant.get(path)["events"]]

        until(lambda: names() == ["INITIATED", "VISITED"], "the visit is counted")
        after = merchant.get(path)
    assert "Ullpledd" in heard
    assert "Traceback" not in heard
    assert "elsewhere.example" not in heard
    assert after["order"] == before["order"]
    assert "transaction_id" not in after or after["transaction_id"] is None


def _hear(socket: ClientConnection, wanted: str) -> str:
    """Return everything that arrives until `wanted` does."""
    heard = ""
    for _ in itertools.repeat(None, 200):
        message = str(socket.recv(10))
        if message == "2":
            socket.send("3")
        heard += message
        if wanted in heard:
            return heard
    raise AssertionError(f"{wanted} never came")


# --- a bad line ---------------------------------------------------------------------------------


def test_a_restarted_server_is_found_again(payer: Payer, merchant: Merchant, demo: Demo) -> None:
    """Typed text stays, the page says what is happening, and the payer can pay afterwards."""
    card = merchant.card()
    payer.open(merchant.session())
    payer.give_details()
    payer.page.fill("#gift_card_number", card["number"])
    demo.stop()
    expect(payer["#lost"]).to_contain_text("Vi har mistet forbindelsen")
    demo.start()
    expect(payer["#lost"]).to_have_count(0, timeout=20000)
    payer.page.fill("#gift_card_pin", card["pin"])
    payer["#card-add"].click()
    payer.shows_total("300,00 kr", order="400,00 kr", card="−100,00 kr")
    payer.press_pay()
    # A browser reports every connection that it could not make.
    payer.complaints[:] = [text for text in payer.complaints if "WebSocket" not in text]
