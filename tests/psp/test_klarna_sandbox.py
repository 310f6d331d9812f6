"""The sandbox behaves as Klarna does even where a connector would not notice."""

from __future__ import annotations

from typing import Any

import pytest

from tests.psp.klarna_shop import Shop

_LINE = {"name": "Bok", "quantity": 2, "unit_price": 500, "total_amount": 1000}
_TAXED = {**_LINE, "tax_rate": 2500, "total_tax_amount": 200}
_ORDER = {
    "purchase_country": "NO",
    "purchase_currency": "NOK",
    "order_amount": 1000,
    "order_lines": [_TAXED],
}


@pytest.mark.parametrize(
    ("change", "wrong"),
    [
        ({"order_amount": 999}, "order_amount"),
        ({"order_amount": -1}, "order_amount"),
        ({"order_amount": 10.0}, "order_amount"),
        ({"order_lines": []}, "order_lines"),
        ({"order_lines": [{**_LINE, "total_amount": 999}]}, "order_lines[0].total_amount"),
        ({"order_lines": [{**_TAXED, "total_tax_amount": 202}]}, "order_lines[0].total_tax_amount"),
        ({"order_lines": [{**_LINE, "type": "cash"}]}, "order_lines[0].type"),
        ({"order_lines": [{**_LINE, "name": ""}]}, "order_lines[0].name"),
        ({"order_tax_amount": 199}, "order_tax_amount"),
        ({"purchase_currency": "SEK"}, "purchase_currency"),
        ({"purchase_country": "XX"}, "purchase_country"),
        ({"locale": "norsk"}, "locale"),
        ({"merchant_urls": {"push": "ftp://shop.example"}}, "merchant_urls.push"),
    ],
)
async def test_a_session_is_checked(shop: Shop, change: dict[str, Any], wrong: str) -> None:
    assert shop.call("POST", "/payments/v1/sessions", _ORDER).status_code == 200
    answer = shop.call("POST", "/payments/v1/sessions", _ORDER | change)
    assert (answer.status_code, answer.json()["error_code"]) == (400, "BAD_VALUE")
    assert answer.json()["error_messages"] == [f"Bad value: {wrong}"]
    assert answer.json()["correlation_id"]


async def test_an_order_the_merchant_places(shop: Shop) -> None:
    """With `place_order_mode` NONE a token is valid for an hour, for the same goods, and once."""

    def approved() -> str:
        session_id = shop.call("POST", "/payments/v1/sessions", _ORDER).json()["session_id"]
        body = {"payment_session_url": f"{shop.sandbox.base_url}/payments/v1/sessions/{session_id}"}
        page = shop.call("POST", "/hpp/v1/sessions", body)
        assert page.status_code == 201
        shop.provider.approve(page.json()["redirect_url"])
        told = shop.get(f"/hpp/v1/sessions/{page.json()['session_id']}")
        assert (told["status"], told.get("order_id")) == ("COMPLETED", None)
        return f"/payments/v1/authorizations/{told['authorization_token']}"

    token = approved()
    more = _ORDER | {"order_amount": 1000, "order_lines": [{**_TAXED, "name": "Noe annet"}]}
    assert shop.call("POST", f"{token}/order", more).status_code == 409
    placed = shop.call("POST", f"{token}/order", _ORDER)
    assert placed.json()["fraud_status"] == "ACCEPTED"
    order = shop.get(f"/ordermanagement/v1/orders/{placed.json()['order_id']}")
    assert (order["status"], order["remaining_authorized_amount"]) == ("AUTHORIZED", 1000)
    assert shop.call("POST", f"{token}/order", _ORDER).status_code == 404
    given_back = approved()
    assert shop.call("DELETE", given_back).status_code == 204
    assert shop.call("POST", f"{given_back}/order", _ORDER).status_code == 404
    late = approved()
    shop.sandbox.admin("clock", advance=3601)
    assert shop.call("POST", f"{late}/order", _ORDER).status_code == 404


async def test_keys_are_compared_alone_and_answers_have_no_body(shop: Shop) -> None:
    reference = await shop.paid()
    path = f"/ordermanagement/v1/orders/{shop.order(reference)['order_id']}"
    first = shop.call("POST", f"{path}/captures", {"captured_amount": 20000}, key="k-1")
    assert (first.status_code, first.content) == (201, b"")
    made = first.headers["capture-id"]
    again = shop.call("POST", f"{path}/captures", {"captured_amount": 1}, key="k-1")
    assert (again.status_code, again.headers["capture-id"]) == (201, made)
    assert shop.get(f"{path}/captures/{made}")["captured_amount"] == 20000
    refund = shop.call("POST", f"{path}/refunds", {"refunded_amount": 5000}, key="k-2")
    assert shop.get(f"{path}/refunds/{refund.headers['refund-id']}")["refunded_amount"] == 5000
    released = shop.call("POST", f"{path}/release-remaining-authorization", key="k-3")
    assert (released.status_code, released.content) == (204, b"")
    order = shop.get(path)
    assert (order["captured_amount"], order["refunded_amount"]) == (20000, 5000)
    assert (order["status"], order["remaining_authorized_amount"]) == ("CAPTURED", 0)
    assert shop.call("POST", f"{path}/cancel").json()["error_code"] == "CANCEL_NOT_ALLOWED"
    lines = {"captured_amount": 100, "order_lines": [_LINE]}
    assert shop.call("POST", f"{path}/captures", lines).json()["error_code"] == "BAD_VALUE"


async def test_strangers(shop: Shop) -> None:
    reference = await shop.paid()
    url = shop.sandbox.base_url + "/ordermanagement/v1/orders/" + shop.order(reference)["order_id"]
    assert shop.sandbox.http.get(url).status_code == 401
    assert shop.sandbox.http.get(url, auth=("PK", "klarna_live_api_1")).status_code == 401
    other = shop.sandbox.http.get(url, auth=("PK_other", "klarna_test_1"))
    assert (other.status_code, other.json()["error_code"]) == (404, "NO_SUCH_ORDER")
    assert shop.sandbox.http.get(shop.sandbox.base_url + "/v3/orders").status_code == 403
