"""Addresses and queries arrive in several forms. A refusal says what is wrong and repeats no
secret."""

from __future__ import annotations

import pytest

from tests.support.card_gateway import CardGatewaySandbox
from tests.support.checkout import ACCOUNT, Merchant, session_body


@pytest.mark.parametrize(
    "prefix",
    ["/v1", "//v1", "/v1/", f"/v1/accounts/{ACCOUNT}/payments",
     f"//v1/accounts/{ACCOUNT}/payments/"],
)  # fmt: skip
async def test_addresses_in_every_form(
    merchant: Merchant, card_gateway: CardGatewaySandbox, prefix: str
) -> None:
    """The routes of sessions, transactions, capture, refund, void and cancel also work with a slash
    at the end and with doubled slashes."""
    base = f"http://127.0.0.1:8000{prefix}"
    for path in ("/sessions-profile", "/sessions", "/sessions-profile/"):
        made = await merchant.post(f"{base}{path}", session_body())
        assert (await merchant.get(f"{base}/sessions/{made['id']}/"))["id"] == made["id"]
    changed = await merchant.api.put(
        f"{base}/sessions/{made['id']}/?update_without_lock=true", json={"order": {}}
    )
    assert changed.status_code == 200, changed.text
    assert (await merchant.post(f"{base}/sessions/{made['id']}/cancel/"))["cancelled_at"]
    paid = await merchant.paid(card_gateway)
    assert (await merchant.get(f"{base}/transactions/{paid}/"))["id"] == paid
    captured = await merchant.post(f"{base}/transactions/{paid}/capture/", {"amount": 40000})
    assert captured["status"] == "CAPTURED"
    refunded = await merchant.post(f"{base}/transactions/{paid}/refund", {"amount": 40000})
    assert refunded["status"] == "REFUNDED"
    other = await merchant.paid(card_gateway)
    voided = await merchant.post(f"{base}/transactions/{other}/void/")
    assert voided["status"] == "AUTHORIZATION_VOIDED"
    update = await merchant.post(f"{base}/transactions/{paid}/authorization", {}, expect=400)
    assert update["error"]["errors"][0]["field"] == "payment_product_type"
    assert (await merchant.api.get(f"{base}/sessions/")).status_code == 200
    assert (await merchant.api.delete(f"{base}/sessions/")).status_code == 405


async def test_another_accounts_paths_lead_nowhere(merchant: Merchant) -> None:
    session_id = await merchant.session()
    for path, status in (
        ("/v1/accounts/T99999999/payments/transactions", 403),
        ("/v1/accounts/T99999999/payments/sessions", 403),
        (f"/v1/accounts/T99999999/payments/sessions/{session_id}", 404),
        (f"/v1/accounts/{ACCOUNT}/payments/nothing", 404),
        (f"/v1/accounts/{ACCOUNT}/payments", 404),
    ):
        answer = await merchant.api.get(path)
        assert answer.status_code == status, (path, answer.text)
        assert session_id not in answer.text
    pay = f"/v1/accounts/T99999999/payments/sessions/{session_id}/pay"
    answer = await merchant.api.post(pay, json={"payment_product_type": "dintero_psp.creditcard"})
    assert answer.status_code == 404
    assert (await merchant.view(session_id)).state == "open"


async def test_queries_in_every_form(merchant: Merchant, card_gateway: CardGatewaySandbox) -> None:
    paid = await merchant.paid(card_gateway)
    unpaid = await merchant.session()
    for query in (
        "includes=session&includes=events.request_headers",
        "includes=session,events.request_headers",
        "includes[]=session&includes[]=events.request_headers&unknown=1&=",
        "includes%5B0%5D=session&includes%5B1%5D=events.request_headers&includes[2]=nothing",
    ):
        shown = await merchant.get(f"/v1/transactions/{paid}?{query}")
        assert (shown["session"]["transaction_id"], "request_headers" in shown["events"][0]) == (
            paid,
            True,
        ), query
    for query in (
        "",
        "limit=&starting_after=&search=&created_at.gte=&status=",
        "limit=1&limit=2&unknown=x",
        "status[]=AUTHORIZED&status[]=CAPTURED",
        f"id[0]={paid}&id[1]=other",
    ):
        listed = await merchant.get(f"/v1/transactions?{query}")
        assert [one["id"] for one in listed] == [paid], query
    assert len(await merchant.get("/v1/sessions?limit=1&limit=2&search=")) == 2
    for query in ("include_session=&x", "include_session=true&include_session=true"):
        made = await merchant.post(f"/v1/sessions-profile?{query}", session_body())
        assert ("session" in made) is ("true" in query)
    shown = await merchant.get(f"/v1/sessions/{unpaid}?includes=&includes=x,,y")
    assert "initiating_system_request_headers" not in shown


async def test_a_refusal_says_what_is_wrong(merchant: Merchant) -> None:
    body = session_body(configuration={"default_customer_type": "b2x"})
    body["order"] |= {"amount": 29990.5, "currency": "QQQ", "discount_codes": "A"}
    body["url"]["callback_url"] = "shop.example/callback"
    answer = await merchant.post("/v1/sessions-profile", body, expect=400)
    assert answer["error"]["code"] == "INVALID_REQUEST_PARAMETER"
    told = {one["field"]: one["message"] for one in answer["error"]["errors"]}
    assert told == {
        "order.amount": "must be an integer of minor units, without a fraction; 29990.5 was sent",
        "order.currency": 'must be an ISO 4217 currency code, such as NOK; "QQQ" was sent',
        "order.discount_codes": 'must be a list; "A" was sent',
        "url.callback_url": "must be a web address, such as https://shop.example/path; "
        '"shop.example/callback" was sent',
        "configuration.default_customer_type": "must be one of 'b2c' or 'b2b'; \"b2x\" was sent",
    }
    assert answer["error"]["message"].startswith("url.callback_url: must be a web address")
    past = await merchant.post(
        "/v1/sessions-profile", session_body(expires_at="2020-01-01T00:00:00Z"), expect=400
    )
    [error] = past["error"]["errors"]
    assert (error["field"], error["sent"]) == ("expires_at", '"2020-01-01T00:00:00Z"')


async def test_a_refusal_repeats_no_secret(merchant: Merchant) -> None:
    path = f"/v1/accounts/{ACCOUNT}/wallets/info"
    wrong = {"token": ["4321432143214321"], "pin": {"value": "8642"}}
    answer = await merchant.api.post(path, json=wrong)
    assert answer.status_code == 400
    assert "4321" not in answer.text and "8642" not in answer.text
    long = await merchant.api.post(path, json={"token": "7" * 300, "pin": "9" * 65})
    assert long.status_code == 400
    assert "77" not in long.text and "99" not in long.text
