"""The payer's side by API: `docs/reference/dintero-api.md#session-endpoints`, `#pay`."""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta
from email.utils import format_datetime
from typing import Any

import httpx
import pytest
from sqlmodel import select

from backend.payments.tables import Transaction
from backend.sessions.view import Notice
from tests.support.card_gateway import DECLINED, CardGatewaySandbox
from tests.support.checkout import BASE_URL, Merchant, session_body

OPTION = "dintero_psp.creditcard"
ADDRESS = {
    "first_name": "Kari", "last_name": "Nordmann", "address_line": "Storgata 1",
    "postal_code": "0155", "postal_place": "Oslo", "country": "NO",
    "email": "kari@example.com", "phone_number": "+4799887766", "business_name": "Nordmann AS",
}  # fmt: skip
HOME = {"id": "home", "line_id": "s1", "amount": 9900, "operator": "Posten", "title": "Home"}


@pytest.fixture
async def payer(merchant: Merchant) -> Any:
    """Return a client without a token."""
    async with httpx.AsyncClient(transport=merchant.api._transport, base_url=BASE_URL) as client:
        yield client


async def call(
    payer: httpx.AsyncClient,
    method: str,
    path: str,
    body: Any = None,
    expect: int = 200,
    **headers: str,
) -> Any:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    answer = await payer.request(method, f"/v1{path}", json=body, headers=named)
    assert answer.status_code == expect, answer.text
    return answer.json() if answer.content else None


async def test_the_public_view_hides_what_is_the_merchants(
    merchant: Merchant, payer: httpx.AsyncClient
) -> None:
    body = session_body(
        metadata={"ext:secret": "x"},
        internal={"secret": 1},
        customer={"customer_id": "c-1", "email": "a@example.com"},
        express={
            "shipping_options": [HOME],
            "shipping_address_callback_url": "https://shop.example/secret",
            "discount_codes": {"max_count": 2, "callback_url": "https://shop.example/s2"},
        },
    )
    session_id = (await merchant.post("/v1/sessions-profile", body))["id"]
    shown = await call(payer, "GET", f"/view/{session_id}/session")
    assert shown["id"] == session_id
    assert shown["url"] == {"return_url": "https://shop.example/accept?keep=1"}
    assert shown["express"] == {
        "shipping_options": [HOME],
        "discount_codes": {"max_count": 2},
        "shipping_mode": "shipping_required",
        "customer_types": ["b2c", "b2b"],
    }
    assert shown["customer"] == {"email": "a@example.com"}
    assert not {"metadata", "events", "internal", "profile_id"} & shown.keys()
    assert {
        "rel": "pay-session",
        "method": "POST",
        "content_type": "application/json",
        "href": f"{BASE_URL}/v1/sessions/{session_id}/pay",
    } in shown["operations"]
    missing = await call(payer, "GET", "/view/T12345678.nope/session", expect=404)
    assert missing["error"]["code"] == "SESSION_NOT_FOUND"


async def test_an_app_pays_without_the_page(
    merchant: Merchant, payer: httpx.AsyncClient, card_gateway: CardGatewaySandbox
) -> None:
    card = await merchant.card(10000)
    session_id = await merchant.session(40000, express={"shipping_options": [HOME]})
    view, pay = f"/view/{session_id}/session", f"/sessions/{session_id}/pay"
    choice = {"payment_product_type": OPTION}
    early = await call(payer, "POST", pay, choice, expect=400)
    assert early["error"]["code"] == "DETAILS_MISSING"

    bad = {"shipping_address": {**ADDRESS, "postal_code": "1"}}
    wrong = await call(payer, "PUT", f"{view}/order/addresses", bad, expect=400)
    assert [e["field"] for e in wrong["error"]["errors"]] == ["shipping_address.postal_code"]
    shown = await call(payer, "PUT", f"{view}/order/addresses", {"shipping_address": ADDRESS})
    assert shown["order"]["shipping_address"] == ADDRESS
    assert shown["order"]["amount"] == 49900
    await call(payer, "PUT", f"{view}/order/shipping_option", HOME)
    nowhere = {**HOME, "id": "nowhere"}
    await call(payer, "PUT", f"{view}/order/shipping_option", nowhere, expect=400)

    typed = {"token": card["number"], "pin": card["pin"]}
    refused = await call(
        payer, "PUT", f"{view}/order/gift_card", {**typed, "pin": "0000x"}, expect=400
    )
    assert refused["error"]["code"] == "GIFT_CARD_REFUSED"
    assert card["number"] not in str(refused)
    shown = await call(payer, "PUT", f"{view}/order/gift_card", typed)
    assert shown["order"]["gift_cards"][0]["amount"] == 10000
    shown = await call(payer, "DELETE", f"{view}/order/gift_card")
    assert shown["order"]["gift_cards"] == []
    await call(payer, "PUT", f"{view}/order/gift_card", typed)

    stale = await call(payer, "POST", pay, {**choice, "amount": 49900}, expect=409)
    assert stale["error"]["code"] == "SPLIT_CHANGED"
    started = await call(payer, "POST", pay, {**choice, "amount": 39900})
    assert started["success"] is True
    again = await call(payer, "POST", pay, choice)
    assert again["redirect_url"] == started["redirect_url"]
    answer = card_gateway.pay(started["redirect_url"])
    await merchant.come_back(answer.headers["location"])
    shown = await call(payer, "GET", view)
    assert shown["transaction_id"].startswith("T12345678.")
    assert await merchant.balance(card["card_id"]) == (0, 10000, 0)
    await merchant.audit()


async def test_a_card_that_covers_all(merchant: Merchant, payer: httpx.AsyncClient) -> None:
    card = await merchant.card(100000)
    session_id = await merchant.ready(40000, card)
    body = {"payment_product_type": "dintero.wallets"}
    done = await call(payer, "POST", f"/sessions/{session_id}/pay", body)
    assert done["redirect_url"].startswith("https://shop.example/accept?keep=1&")


async def test_payment_operations_and_abandon(
    merchant: Merchant, payer: httpx.AsyncClient, card_gateway: CardGatewaySandbox
) -> None:
    session_id = await merchant.ready()
    shown = await call(payer, "POST", f"/view/{session_id}/payments/{OPTION}?language=nb-NO")
    [operation] = shown["operations"]
    assert operation["rel"] == "redirect-payment"
    assert operation["href"].startswith(card_gateway.base_url)
    answer = await payer.post(f"/v1/view/{session_id}/session/abandon")
    assert answer.status_code == 302
    assert "error=cancelled" in answer.headers["location"]
    gone = card_gateway.http.get(operation["href"])
    assert "4000 0000" not in gone.text
    unknown = await call(payer, "POST", f"/view/{session_id}/payments/{OPTION}", expect=400)
    assert unknown["error"]["code"] == "SESSION_CLOSED"


async def test_unmodified_since(merchant: Merchant, payer: httpx.AsyncClient) -> None:
    session_id = await merchant.ready()
    path = f"/view/{session_id}/session"
    before = (await call(payer, "GET", path))["updated_at"]
    merchant.clock.ahead = timedelta(seconds=2)
    await call(
        payer,
        "PUT",
        f"{path}/order/shipping_address",
        {**ADDRESS, "postal_code": "0150"},
        if_unmodified_since=before,
    )
    stale = {"if_unmodified_since": before}
    requests: list[tuple[str, str, Any]] = [
        ("PUT", f"{path}/order/shipping_address", ADDRESS),
        ("PUT", f"{path}/order/gift_card", {"token": "1", "pin": "1"}),
        ("DELETE", f"{path}/order/gift_card", None),
        ("POST", f"{path}/lock", None),
        ("POST", f"/sessions/{session_id}/pay", {"payment_product_type": OPTION}),
    ]
    for method, target, body in requests:
        refused = await call(payer, method, target, body, expect=412, **stale)
        assert refused["error"]["code"] == "PRECONDITION_FAILED"
    now = (await call(payer, "GET", path))["updated_at"]
    http_date = format_datetime(datetime.fromisoformat(now), usegmt=True)
    await call(payer, "POST", f"{path}/lock", if_unmodified_since=http_date)
    nonsense = await call(payer, "POST", f"{path}/lock", expect=400, if_unmodified_since="soon")
    assert nonsense["error"]["code"] == "INVALID_REQUEST_PARAMETER"


async def test_an_address_that_is_not_given_stays(
    merchant: Merchant, payer: httpx.AsyncClient
) -> None:
    session_id = await merchant.session(express={"shipping_options": []})
    orders = f"/view/{session_id}/session/order"
    bill = {
        **ADDRESS,
        "first_name": "Ola",
        "address_line": "Regninggata 9",
        "email": "regnskap@example.com",
        "phone_number": "+4799000001",
    }
    both = {"shipping_address": ADDRESS, "billing_address": bill}
    shown = await call(payer, "PUT", f"{orders}/addresses", both)
    assert shown["order"]["billing_address"] == bill
    moved = {**ADDRESS, "address_line": "Storgata 2"}
    shown = await call(payer, "PUT", f"{orders}/shipping_address", moved)
    assert shown["order"]["billing_address"] == bill
    assert shown["order"]["shipping_address"] == moved
    shown = await call(payer, "PUT", f"{orders}/addresses", {"shipping_address": ADDRESS})
    assert shown["order"]["billing_address"] == bill

    bill = {**bill, "address_line": "Regninggata 10"}
    shown = await call(payer, "PUT", f"{orders}/addresses", {"billing_address": bill})
    assert shown["order"]["shipping_address"] == ADDRESS
    assert shown["order"]["billing_address"] == bill
    none = {"shipping_address": ADDRESS, "billing_address": None}
    shown = await call(payer, "PUT", f"{orders}/addresses", none)
    # The address no longer differs. Shops fill their own fields from it, so it is never missing.
    assert shown["order"]["billing_address"] == ADDRESS


async def test_two_addresses_that_are_sent_at_once_are_both_kept(
    merchant: Merchant, payer: httpx.AsyncClient
) -> None:
    session_id = await merchant.session(express={"shipping_options": []})
    orders = f"/view/{session_id}/session/order"
    await call(payer, "PUT", f"{orders}/shipping_address", ADDRESS)
    for number in range(8):
        moved = {**ADDRESS, "address_line": f"Storgata {number}"}
        bill = {**ADDRESS, "address_line": f"Regninggata {number}"}
        await asyncio.gather(
            call(payer, "PUT", f"{orders}/shipping_address", moved),
            call(payer, "PUT", f"{orders}/addresses", {"billing_address": bill}),
        )
        shown = await call(payer, "GET", f"/view/{session_id}/session")
        assert shown["order"]["shipping_address"] == moved
        assert shown["order"]["billing_address"] == bill


async def test_email_and_phone_may_stand_in_either_address(
    merchant: Merchant, payer: httpx.AsyncClient
) -> None:
    session_id = await merchant.session(express={"shipping_options": []})
    unnamed = {k: v for k, v in ADDRESS.items() if k not in ("email", "phone_number")}
    both = {"shipping_address": unnamed, "billing_address": ADDRESS}
    shown = await call(payer, "PUT", f"/view/{session_id}/session/order/addresses", both)
    assert shown["customer"]["email"] == ADDRESS["email"]
    assert shown["customer"]["phone_number"] == ADDRESS["phone_number"]


async def test_given_up_after_a_decline(
    merchant: Merchant, payer: httpx.AsyncClient, card_gateway: CardGatewaySandbox
) -> None:
    """The shop's address shows that the payer did not cancel."""
    session_id = await merchant.ready()
    shown = await call(payer, "POST", f"/view/{session_id}/payments/{OPTION}")
    card_gateway.pay(shown["operations"][0]["href"], DECLINED)
    async with merchant.ctx.db.reading() as db:
        statement = select(Transaction).where(Transaction.session_id == session_id)
        tried = (await db.exec(statement)).one()
    await merchant.come_back(f"/v1/sessions/{session_id}/redirect/{tried.return_ref}?cancelled=1")
    assert (await merchant.view(session_id)).notice is Notice.DECLINED
    answer = await payer.post(f"/v1/view/{session_id}/session/abandon")
    assert "error=failed" in answer.headers["location"]
    assert (await merchant.view(session_id)).leave_url == answer.headers["location"]
    again = await payer.post(f"/v1/view/{session_id}/session/abandon")
    assert again.headers["location"] == answer.headers["location"]
