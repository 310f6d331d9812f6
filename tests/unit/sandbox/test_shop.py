"""The demo shop handles orders and money over a real socket, with a stand-in of the checkout's
API."""

from __future__ import annotations

import re
from collections.abc import Iterator
from urllib.parse import urlsplit

import httpx
import pytest

from tests.support.shop import RunningShop, running_shop


@pytest.fixture(scope="module")
def _running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningShop]:
    with running_shop(tmp_path_factory.mktemp("shop")) as shop:
        yield shop


@pytest.fixture
def shop(_running: RunningShop) -> RunningShop:
    """Run one shop for all tests, because starting takes long. Its checkout is emptied in
    between."""
    _running.api.forget()
    return _running


def _text(page: httpx.Response) -> str:
    """Return the page's text with one space between words."""
    body = re.sub(r"<[^>]+>", " ", page.text.split("<main", 1)[1])
    return re.sub(r"\s+", " ", body)


def _row(page: httpx.Response, name: str) -> list[str]:
    row = re.search(rf'<tr id="{name}">(.*?)</tr>', page.text, re.DOTALL)
    assert row is not None
    return [cell.replace("\u00a0", " ") for cell in re.findall(r'class="num">([^<]*)<', row[1])]


def test_home_shows_the_documented_order_and_the_cards_to_try(shop: RunningShop) -> None:
    text = _text(shop.browser.get("/")).replace("\u00a0", " ")
    assert "Forsvinnignspølse × 2" in text
    assert "722.00 NOK" in text
    assert "400.00 NOK" in text
    assert "9000 1234 1234 1234 4711 100 kr 100.00 NOK" in text


def test_the_documented_order_is_sent_as_documented(shop: RunningShop) -> None:
    answer = shop.buy("forsvinnignspoelse", language="en")
    ((session_id, body),) = shop.api.sessions.items()
    reference = body["order"]["merchant_reference"]
    assert body == {
        "url": {
            "return_url": f"{shop.url}/orders/{reference}",
            "callback_url": f"{shop.url}/callback?method=GET&report_event=CAPTURE"
            "&report_event=REFUND&report_event=VOID",
            "merchant_terms_url": f"{shop.url}/terms",
        },
        "order": {
            "amount": 72200,
            "currency": "NOK",
            "vat_amount": 13660,
            "items": [
                {
                    "amount": 72200,
                    "quantity": 2,
                    "line_id": "1",
                    "description": "Forsvinnignspølse",
                    "vat": 20,
                    "id": "10",
                }
            ],
            "merchant_reference": reference,
        },
        "configuration": {
            "active_payment_types": {"enabled": True},
            "dintero": {
                "type": "payment_type",
                "wallets": {"type": "payment_product_type", "enabled": True},
            },
        },
        "profile_id": "default",
        "merchant": {"name": "Fjord & Form", "logo_url": f"{shop.url}/static/logo.svg"},
    }
    assert answer.status_code == 303
    assert answer.headers["location"] == (f"{shop.api.base_url}/v1/view/{session_id}?language=en")


def test_a_preset_card_goes_with_its_id_and_with_zero(shop: RunningShop) -> None:
    shop.buy("forsvinnignspoelse", preset_card_id="card-100")
    (body,) = shop.api.sessions.values()
    assert body["customer"] == {"gift_cards": {"dintero.wallets": [{"card_id": "card-100"}]}}
    assert body["configuration"]["dintero"]["zero"] == {
        "type": "payment_product_type",
        "enabled": True,
        "payability": "payable",
    }
    assert "express" not in body


def test_shipping_options_are_sent_only_when_asked_for(shop: RunningShop) -> None:
    shop.buy(shipping="true")
    (body,) = shop.api.sessions.values()
    options = body["express"]["shipping_options"]
    assert [option["amount"] for option in options] == [4900, 0]
    assert body["order"]["amount"] == 40000  # without shipping: the choice is added to it
    for required in ("id", "line_id", "amount", "operator", "title"):
        assert all(required in option for option in options)


def test_embedded_by_the_sdk_and_nothing_else_may_be_framed(shop: RunningShop) -> None:
    answer = shop.buy(display="here", language="nb")
    (session_id,) = shop.api.sessions
    page = shop.browser.get(answer.headers["location"])
    assert f'data-endpoint="{shop.api.base_url}" data-sid="{session_id}"' in page.text
    assert 'data-language="nb" data-pop-out="false"' in page.text
    assert '<script src="/npm/dintero-checkout-web-sdk.umd.min.js" defer>' in page.text
    policy = page.headers["content-security-policy"]
    assert f"frame-src {shop.api.base_url};" in policy
    assert "frame-ancestors 'none'" in policy
    # The SDK styles its frame in place: on this page alone.
    assert "style-src 'self' 'unsafe-inline'" in policy
    assert "unsafe-inline" not in shop.browser.get("/").headers["content-security-policy"]


def test_the_same_session_shown_elsewhere(shop: RunningShop) -> None:
    answer = shop.buy(display="window")
    paying = answer.headers["location"]
    assert 'data-pop-out="true"' in shop.browser.get(paying).text
    show = paying.replace("/pay", "/show")
    here = shop.browser.post(show, data={"display": "here"})
    assert (here.status_code, here.headers["location"]) == (303, paying)
    assert 'data-pop-out="false"' in shop.browser.get(paying).text
    own = shop.browser.post(show, data={"display": "page"})
    (session_id,) = shop.api.sessions
    assert own.headers["location"].startswith(f"{shop.api.base_url}/v1/view/{session_id}")
    nowhere = shop.browser.post(show, data={"display": "nowhere"})
    assert nowhere.headers["location"] == paying.removesuffix("/pay")


def test_a_place_that_there_is_none_of(shop: RunningShop) -> None:
    assert shop.buy(display="attic").status_code == 400
    assert shop.api.sessions == {}


def test_the_order_page_shows_who_paid_what(shop: RunningShop) -> None:
    path, transaction_id = shop.paid_order()
    page = shop.browser.get(path)
    assert transaction_id in page.text
    assert _row(page, "authorized") == ["100.00 NOK", "300.00 NOK", "400.00 NOK"]
    assert _row(page, "captured") == ["0.00 NOK", "0.00 NOK", "0.00 NOK"]


def test_capture_and_refund_take_the_gift_card_first(shop: RunningShop) -> None:
    path, transaction_id = shop.paid_order()
    page = shop.operate(path, "capture", amount="150,00")
    assert _row(page, "captured") == ["100.00 NOK", "50.00 NOK", "150.00 NOK"]
    page = shop.operate(path, "capture", all_of_it="250.00")
    assert _row(page, "captured") == ["100.00 NOK", "300.00 NOK", "400.00 NOK"]
    page = shop.operate(path, "refund", amount="120")
    assert _row(page, "refunded") == ["100.00 NOK", "20.00 NOK", "120.00 NOK"]
    assert shop.api.operations == [
        (transaction_id, "capture", {"amount": 15000}),
        (transaction_id, "capture", {"amount": 25000}),
        (transaction_id, "refund", {"amount": 12000}),
    ]


def test_void_sends_no_body_and_leaves_nothing_to_capture(shop: RunningShop) -> None:
    path, transaction_id = shop.paid_order()
    page = shop.operate(path, "void")
    assert shop.api.operations == [(transaction_id, "void", None)]
    assert "AUTHORIZATION_VOIDED" in page.text
    assert "Nothing left to capture, refund or void." in _text(page)


def test_the_same_form_twice_moves_money_once(shop: RunningShop) -> None:
    path, _ = shop.paid_order()
    shop.operate(path, "capture", amount="10.00", form_id="one-and-the-same")
    shop.operate(path, "capture", amount="10.00", form_id="one-and-the-same")
    assert len(shop.api.operations) == 1


def test_a_refusal_of_the_api_is_shown_with_its_details(shop: RunningShop) -> None:
    path, _ = shop.paid_order()
    text = _text(shop.operate(path, "capture", amount="400.01")).replace("\u00a0", " ")
    assert "Capture of 400.01 NOK was refused: The amount is too high" in text
    assert "amount: at most 40000 is left" in text


def test_what_is_no_amount_never_reaches_the_api(shop: RunningShop) -> None:
    path, _ = shop.paid_order()
    assert "is not an amount" in _text(shop.operate(path, "capture", amount="12.345"))
    assert shop.api.operations == []


def test_a_refused_session_is_told_and_can_be_tried_again(shop: RunningShop) -> None:
    shop.api.refuse_next = (
        400,
        {"message": "Body is wrong", "errors": [{"description": "no splits with a gift card"}]},
    )
    answer = shop.buy()
    page = shop.browser.get(answer.headers["location"])
    assert "Body is wrong" in page.text
    assert "no splits with a gift card" in page.text
    again = shop.browser.post(f"{answer.headers['location']}/again")
    assert again.headers["location"].startswith(f"{shop.api.base_url}/v1/view/")


def test_a_cancelled_payment_is_said_clearly_and_can_be_tried_again(shop: RunningShop) -> None:
    shop.buy(preset_card_id="card-100", shipping="true")
    (body,) = shop.api.sessions.values()
    path = urlsplit(body["url"]["return_url"]).path
    page = shop.browser.get(path, params={"error": "cancelled"})
    assert "The payment was cancelled. Nothing was charged" in page.text
    shop.browser.post(f"{path}/again")
    second = list(shop.api.sessions.values())[1]
    assert second["order"]["merchant_reference"] != body["order"]["merchant_reference"]
    assert second["customer"] == body["customer"]
    assert second["express"] == body["express"]


def test_an_error_in_the_address_does_not_speak_over_a_payment(shop: RunningShop) -> None:
    path, _ = shop.paid_order()
    assert "was cancelled" not in shop.browser.get(path, params={"error": "cancelled"}).text


def test_a_payer_who_never_came_back_is_found_through_the_session(shop: RunningShop) -> None:
    shop.buy()
    ((session_id, body),) = shop.api.sessions.items()
    transaction_id = shop.api.pay(session_id, 10000)
    page = shop.browser.get(urlsplit(body["url"]["return_url"]).path)
    assert transaction_id in page.text


def test_a_transaction_of_another_order_is_not_taken(shop: RunningShop) -> None:
    _, foreign = shop.paid_order()
    shop.buy()
    body = list(shop.api.sessions.values())[-1]
    path = urlsplit(body["url"]["return_url"]).path
    page = shop.browser.get(path, params={"transaction_id": foreign})
    assert "There is no payment on this order yet." in page.text
    assert foreign not in page.text


def test_callbacks_are_kept_once_with_all_their_parameters(shop: RunningShop) -> None:
    path, transaction_id = shop.paid_order()
    query = {
        "method": "GET",
        "report_event": ["CAPTURE", "REFUND"],
        "transaction_id": transaction_id,
        "session_id": next(iter(shop.api.sessions)),
        "merchant_reference": path.removeprefix("/orders/"),
    }
    # The checkout is not a browser: it sends no Origin.
    with httpx.Client(base_url=shop.url) as checkout:
        for time_sent in ("2026-11-23T08:00:00Z", "2026-11-23T08:00:09Z"):
            sent = checkout.get("/callback", params={**query, "time": time_sent})
            assert sent.status_code == 200
        for event_id in ("e1", "e2"):
            answer = checkout.post(
                "/callback",
                params={**query, "event": "CAPTURE", "event_id": event_id},
                json={"id": transaction_id},
            )
            assert answer.status_code == 200
    page = shop.browser.get(path)
    assert page.text.count("GET AUTHORIZE") == 1
    assert "2 times" in page.text
    assert page.text.count("POST CAPTURE") == 2
    assert page.text.count("report_event=REFUND") == 3
    assert shop.api.operations == []
