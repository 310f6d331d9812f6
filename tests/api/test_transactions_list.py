"""`GET /transactions`: every filter, paging, search; `PUT`; `includes`; `…/authorization`."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import quote, urlencode

import pytest

from backend.accounts.clients import SCOPES, create_account, create_client
from backend.accounts.profiles import ProfileSetup, save_profile
from backend.core.clock import iso
from tests.support.card_gateway import DECLINED, CardGatewaySandbox
from tests.support.checkout import OPTION, Merchant, session_body, sign_in


async def found(merchant: Merchant, *query: tuple[str, Any]) -> list[str]:
    listed = await merchant.get(f"/v1/transactions?{urlencode(query)}")
    return [transaction["id"] for transaction in listed]


def order(amount: int, reference: str, **more: Any) -> dict[str, Any]:
    usual: dict[str, Any] = session_body(amount)["order"]
    return usual | {"merchant_reference": reference} | more


@pytest.fixture
async def two(merchant: Merchant, card_gateway: CardGatewaySandbox) -> tuple[str, str]:
    """Make an older transaction, paid by bank card and captured, and a newer one, paid by gift card
    and refunded."""
    first = await merchant.paid(
        card_gateway,
        40000,
        order=order(
            40000,
            "A-1",
            merchant_reference_2="second",
            store={"id": "s1", "terminal_id": "t1"},
            payout_destination_id="seller-1",
        ),
        customer={"customer_id": "c-1"},
    )
    await merchant.post(f"/v1/transactions/{first}/capture", {"amount": 40000})
    merchant.clock.ahead += timedelta(seconds=1)
    card = await merchant.card(90000)
    second = await merchant.paid(card_gateway, 60000, card, order=order(60000, "B-2"))
    await merchant.post(f"/v1/transactions/{second}/capture", {"amount": 60000})
    await merchant.post(f"/v1/transactions/{second}/refund", {"amount": 100})
    return first, second


async def test_every_filter(merchant: Merchant, two: tuple[str, str]) -> None:
    first, second = two
    a = await merchant.transaction(first)
    b = await merchant.transaction(second)
    assert await found(merchant) == [second, first]
    cases: list[tuple[list[tuple[str, Any]], list[str]]] = [
        ([("id", first)], [first]),
        ([("id", first), ("id", second)], [second, first]),
        ([("session_id", a["session_id"])], [first]),
        ([("session_id", a["session_id"]), ("session_id", b["session_id"])], [second, first]),
        ([("store_id", "s1")], [first]),
        ([("status", "CAPTURED")], [first]),
        ([("status", "CAPTURED"), ("status", "PARTIALLY_REFUNDED")], [second, first]),
        ([("status", "FAILED")], []),
        ([("payment_product", "dintero_psp")], [first]),
        ([("payment_product", "dintero"), ("payment_product", "dintero_psp")], [second, first]),
        ([("payment_product", "dintero_")], []),
        ([("payment_product_type", OPTION)], [first]),
        ([("payment_product_type", "dintero.wallets")], [second]),
        ([("card_brand", a["card"]["brand"])], [first]),
        ([("card_brand", a["card"]["brand"].upper())], [first]),
        ([("currency", "NOK")], [second, first]),
        ([("currency", "SEK")], []),
        ([("token_id", "x")], []),
        ([("payout_correlation_id", "x,y")], []),
        ([("amount", 40000)], [first]),
        ([("amount.gte", 40001)], [second]),
        ([("amount.lte", 40000)], [first]),
        ([("amount.gte", 40000), ("amount.lte", 60000)], [second, first]),
        ([("created_at.gte", b["created_at"])], [second]),
        ([("created_at.lte", "2020-01-01")], []),
        ([("created_at.gte", "2020-01-01T00:00:00")], [second, first]),
        ([("captured_at.gte", b["created_at"])], [second]),
        ([("captured_at.lte", b["created_at"])], [first]),
        ([("refunded_at.gte", a["created_at"])], [second]),
        ([("refunded_at.lte", a["created_at"])], []),
        ([("merchant_reference", "A-1")], [first]),
        ([("merchant_reference", "a-1")], []),
        ([("merchant_reference_2", "second")], [first]),
        ([("payment_operation", "unscheduled_purchase")], [second, first]),
        ([("payment_operation", "recurring_purchase")], []),
        ([("customer_id", "c-1")], [first]),
        ([("payout_destination_id", "seller-1")], [first]),
        ([("terminal_id", "t1")], [first]),
        ([("channel", "ecommerce")], [second, first]),
        ([("channel", "in_store")], []),
        ([("status", "CAPTURED"), ("amount", 60000)], []),
        ([("unknown", "kept quiet")], [second, first]),
    ]
    for query, expected in cases:
        assert await found(merchant, *query) == expected, query


async def test_search(merchant: Merchant, two: tuple[str, str]) -> None:
    first, second = two
    a = await merchant.transaction(first)
    both = [second, first]
    for text, expected in (
        (first, [first]),
        (a["session_id"], [first]),
        ("A-1", [first]),
        ("a-1", [first]),
        ("second", [first]),
        ("kari@example.com", both),
        ("KARI@example.com", both),
        ("+4799887766", both),
        ("+47 99 88 77 66", both),
        ("Kari Nordmann", both),
        ("kari  nordmann", both),
        ("Kari", []),
        ("%", []),
    ):
        assert await found(merchant, ("search", text)) == expected, text


async def test_pages(merchant: Merchant, two: tuple[str, str]) -> None:
    first, second = two
    assert await found(merchant, ("limit", 1)) == [second]
    assert await found(merchant, ("limit", 1), ("starting_after", second)) == [first]
    assert await found(merchant, ("starting_after", first)) == []
    for query in (
        "starting_after=T12345678.none",
        "limit=0",
        "limit=101",
        "limit=x",
        "amount=1.5",
        "amount=99999999999999999999",
        "amount=-1",
        "created_at.gte=yesterday",
        "created_at.gte=9999-12-31T23:59:59",
        "status=PAID",
        "id=%00",
        "merchant_reference=%00",
    ):
        answer = await merchant.get(f"/v1/transactions?{query}", expect=400)
        assert answer["error"]["code"] == "INVALID_REQUEST_PARAMETER", query


async def test_a_time_with_a_zone(merchant: Merchant, two: tuple[str, str]) -> None:
    """East of Greenwich the same moment has a later hour. A plus sign may arrive unescaped."""
    created = datetime.fromisoformat((await merchant.transaction(two[1]))["created_at"])
    local = (created.astimezone(UTC) + timedelta(hours=2)).replace(tzinfo=None).isoformat()
    for zone in (quote("+02:00"), "+02:00", " 02:00"):
        listed = await merchant.get(f"/v1/transactions?created_at.gte={local}{zone}")
        assert [t["id"] for t in listed] == [two[1]], zone
    assert iso(created) == (await merchant.transaction(two[1]))["created_at"]


async def test_another_account_sees_none(merchant: Merchant, two: tuple[str, str]) -> None:
    other = "T87654321"
    await create_account(merchant.ctx, other, "Another")
    await save_profile(merchant.ctx, ProfileSetup(other, "default", express=True))
    made = await create_client(merchant.ctx, other, SCOPES)
    answer = await merchant.api.post(
        f"/v1/accounts/{other}/auth/token",
        auth=(made.client_id, made.client_secret),
        json={
            "grant_type": "client_credentials",
            "audience": f"https://api.dintero.com/v1/accounts/{other}",
        },
    )
    merchant.api.headers["authorization"] = f"Bearer {answer.json()['access_token']}"
    assert await found(merchant) == []
    assert await found(merchant, ("id", two[0])) == []
    assert await found(merchant, ("search", "kari@example.com")) == []
    await merchant.get(f"/v1/transactions?starting_after={two[0]}", expect=400)
    await merchant.get(f"/v1/transactions/{two[0]}", expect=404)


async def test_merchant_reference_2_can_be_changed(
    merchant: Merchant, two: tuple[str, str]
) -> None:
    path = f"/v1/transactions/{two[0]}"
    answer = await merchant.api.put(path, json={"merchant_reference_2": "new", "extra": 1})
    assert answer.status_code == 200, answer.text
    assert answer.json()["merchant_reference_2"] == "new"
    assert (await merchant.transaction(two[0]))["merchant_reference_2"] == "new"
    assert await found(merchant, ("merchant_reference_2", "new")) == [two[0]]
    assert await found(merchant, ("search", "new")) == [two[0]]
    assert await found(merchant, ("search", "second")) == []
    nothings: tuple[object, ...] = (
        {},
        {"merchant_reference_2": None},
        {"merchant_reference_2": ["5"]},
        [],
    )
    for refused in nothings:
        answer = await merchant.api.put(path, json=refused)
        assert (answer.status_code, refused) == (400, refused)
    number = await merchant.api.put(path, json={"merchant_reference_2": 5})
    assert (number.status_code, number.json()["merchant_reference_2"]) == (200, "5")
    missing = await merchant.api.put(
        "/v1/transactions/T12345678.none", json={"merchant_reference_2": "x"}
    )
    assert missing.status_code == 404
    await merchant.audit()


async def test_scopes(merchant: Merchant, two: tuple[str, str]) -> None:
    made = await create_client(merchant.ctx, "T12345678", frozenset({"read:checkout"}))
    merchant.client_id, merchant.client_secret = made.client_id, made.client_secret
    merchant.api.headers["authorization"] = f"Bearer {await sign_in(merchant)}"
    path = f"/v1/transactions/{two[0]}"
    await merchant.get("/v1/transactions")
    await merchant.get(path)
    assert (await merchant.api.put(path, json={"merchant_reference_2": "x"})).status_code == 403
    for verb in ("capture", "refund", "void", "authorization"):
        await merchant.post(f"{path}/{verb}", {"amount": 1}, expect=403)


async def test_includes(merchant: Merchant, card_gateway: CardGatewaySandbox) -> None:
    merchant.api.headers.update({"dintero-system-name": "woocommerce", "user-agent": "plugin"})
    transaction_id = await merchant.paid(card_gateway, 40000)
    path = f"/v1/transactions/{transaction_id}"
    card_gateway.fault("capture", "refuse", status=402)
    await merchant.post(f"{path}/capture", {"amount": 40000}, expect=400)
    plain = await merchant.get(path)
    assert "session" not in plain
    assert "initiating_system_request_headers" not in plain
    assert [(e["event"], e["success"]) for e in plain["events"]] == [
        ("INITIALIZE", True),
        ("AUTHORIZE", True),
        ("CAPTURE", False),
    ]
    assert all("request_headers" not in e for e in plain["events"])
    assert plain["settlement_status"] == "NOT_SETTLED"

    session = (await merchant.get(f"{path}?includes=session"))["session"]
    assert session == await merchant.get(f"/v1/sessions/{plain['session_id']}")
    latest = (await merchant.get(f"{path}?includes=session.events.latest"))["session"]
    assert latest["events"] == session["events"][-1:]

    succeeded = await merchant.get(f"{path}?includes=events.success.true")
    assert [e["event"] for e in succeeded["events"]] == ["INITIALIZE", "AUTHORIZE"]
    (listed,) = await merchant.get("/v1/transactions?includes=events.success.true")
    assert listed["events"] == succeeded["events"]

    many = await merchant.get(
        f"{path}?includes=events.request_headers&includes=initiating_system_request_headers"
        "&includes=card.payment_token&includes=card.recurrence_token"
    )
    assert many["initiating_system_request_headers"]["dintero-system-name"] == "woocommerce"
    assert many["events"][-1]["request_headers"]["user-agent"] == "plugin"
    assert "payment_token" not in many["card"]
    assert (await merchant.get(f"{path}?includes=everything")) == await merchant.get(path)


async def test_a_failed_try_is_listed(merchant: Merchant, card_gateway: CardGatewaySandbox) -> None:
    session_id = await merchant.ready(40000)
    result = await merchant.press_pay(session_id)
    assert result.url is not None
    card_gateway.pay(result.url, DECLINED)
    (listed,) = await merchant.get(f"/v1/transactions?session_id={session_id}")
    assert listed["status"] == "INITIATED"
    assert await found(merchant, ("status", "INITIATED")) == [listed["id"]]


async def test_only_klarna_updates_an_authorization(
    merchant: Merchant, card_gateway: CardGatewaySandbox
) -> None:
    transaction_id = await merchant.paid(card_gateway, 40000)
    path = f"/v1/transactions/{transaction_id}/authorization"
    for body in ({}, {"amount": 40000, "items": [{"line_id": "1", "amount": 40000}]}):
        answer = await merchant.post(path, body, expect=400)
        assert "dintero_psp.creditcard" in answer["error"]["message"]
    await merchant.post("/v1/transactions/T12345678.none/authorization", {}, expect=404)
    await merchant.post(path, {"amount": "x"}, expect=400)
