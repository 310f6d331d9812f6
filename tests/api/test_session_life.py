"""A merchant lists, updates, locks and cancels a session after creating it."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from backend.accounts.profiles import save_profile
from tests.support.card_gateway import CardGatewaySandbox
from tests.support.checkout import ON, Merchant, profile, session_body

OPTIONS = [
    {"id": "home", "line_id": "s1", "amount": 9900, "operator": "Posten", "title": "Home"},
    {"id": "shop", "line_id": "s2", "amount": 0, "operator": "Posten", "title": "Pick up"},
]
ITEMS = [{"id": "10", "line_id": "1", "amount": 40000, "quantity": 1}]


async def put(merchant: Merchant, path: str, body: Any, expect: int = 200, **headers: str) -> Any:
    answer = await merchant.api.put(path, json=body, headers=headers)
    assert answer.status_code == expect, answer.text
    return answer.json() if answer.content else None


def names(session: Any) -> list[str]:
    return [event["name"] for event in session["events"]]


async def test_list_newest_first_with_filters_and_paging(merchant: Merchant) -> None:
    first, second, third = [await merchant.session(1000 * n) for n in (1, 2, 3)]
    listed = await merchant.get("/v1/sessions")
    assert [session["id"] for session in listed] == [third, second, first]
    page = await merchant.get(f"/v1/sessions?limit=1&starting_after={third}")
    assert [session["id"] for session in page] == [second]
    assert [s["id"] for s in await merchant.get(f"/v1/sessions?search={first}")] == [first]
    assert await merchant.get("/v1/sessions?created_at.gte=2100-01-01T00:00:00Z") == []
    assert len(await merchant.get("/v1/sessions?created_at.lte=2100-01-01")) == 3
    refused = await merchant.get("/v1/sessions?limit=0", expect=400)
    assert refused["error"]["errors"][0]["field"] == "query.limit"


async def test_search_finds_the_payer(merchant: Merchant) -> None:
    session_id = await merchant.ready()
    await merchant.session()
    for text in ("kari@example.com", "%2B4799887766"):
        found = await merchant.get(f"/v1/sessions?search={text}")
        assert [session["id"] for session in found] == [session_id]


async def test_update_needs_a_lock_or_the_flag(merchant: Merchant) -> None:
    session_id = await merchant.session(40000)
    path = f"/v1/sessions/{session_id}"
    change = {"order": {"amount": 30000, "items": [{**ITEMS[0], "amount": 30000}]}}
    refused = await put(merchant, path, change, expect=400)
    assert "locked" in refused["error"]["message"]
    locked = await merchant.post(f"/v1/view/{session_id}/session/lock")
    assert len(locked["pay_lock"]["pay_lock_id"]) == 36
    again = await merchant.post(f"/v1/view/{session_id}/session/lock")
    assert again == locked

    updated = await put(merchant, path, change)
    assert updated["order"]["amount"] == 30000
    assert updated["order"]["merchant_reference"] == "order-1"
    assert names(updated) == ["INITIATED", "PAY_LOCK_START", "UPDATE_SESSION", "PAY_LOCK_END"]
    details = updated["events"][2]["details"]
    assert details["previous_order"]["amount"] == 40000
    assert details["updated_order"]["amount"] == 30000
    assert details["updated_express_result"] == {"status": "NOT_MODIFIED"}
    assert (await merchant.view(session_id)).to_pay == 30000


async def test_the_lock_stops_the_payer_and_runs_out(merchant: Merchant) -> None:
    session_id = await merchant.ready()
    await merchant.post(f"/v1/view/{session_id}/session/lock")
    pay = f"/v1/sessions/{session_id}/pay"
    body = {"payment_product_type": "dintero_psp.creditcard"}
    refused = await merchant.post(pay, body, expect=409)
    assert refused["error"]["code"] == "SESSION_LOCKED"
    address = {
        "first_name": "X",
        "last_name": "Y",
        "address_line": "Z 1",
        "postal_code": "0155",
        "postal_place": "Oslo",
        "country": "NO",
    }
    path = f"/v1/view/{session_id}/session/order/shipping_address"
    assert (await put(merchant, path, address, expect=409))["error"]["code"] == "SESSION_LOCKED"
    kept = await put(merchant, f"/v1/sessions/{session_id}", {"order": {}, "remove_lock": False})
    assert "PAY_LOCK_END" not in names(kept)
    assert (await merchant.view(session_id)).locked

    merchant.clock.ahead = timedelta(seconds=301)
    assert not (await merchant.view(session_id)).locked


@pytest.mark.parametrize(
    ("amount", "expected"),
    [(30000, 39900), (39900, 39900), (12345, None)],
    ids=["without shipping", "with shipping", "neither"],
)
async def test_amount_with_and_without_the_chosen_option(
    merchant: Merchant, amount: int, expected: int | None
) -> None:
    session_id = await merchant.ready(40000, express={"shipping_options": OPTIONS})
    assert (await merchant.view(session_id)).order_amount == 49900
    change = {"order": {"amount": amount, "items": [{**ITEMS[0], "amount": 30000}]}}
    path = f"/v1/sessions/{session_id}?update_without_lock=true"
    answer = await put(merchant, path, change, expect=200 if expected else 400)
    if expected:
        assert answer["order"]["amount"] == expected
        assert answer["order"]["shipping_option"]["id"] == "home"
    else:
        assert answer["error"]["errors"][0]["field"] == "order.amount"
        assert (await merchant.view(session_id)).order_amount == 49900


async def test_the_choice_follows_the_offered_options(merchant: Merchant) -> None:
    session_id = await merchant.ready(40000, express={"shipping_options": OPTIONS})
    path = f"/v1/sessions/{session_id}?update_without_lock=true"
    dearer = [{**OPTIONS[1], "amount": 4900}, {**OPTIONS[0], "amount": 12900}]
    updated = await put(merchant, path, {"order": {}, "express": {"shipping_options": dearer}})
    assert updated["order"]["shipping_option"]["id"] == "home"
    assert updated["order"]["amount"] == 52900
    gone = await put(merchant, path, {"order": {}, "express": {"shipping_options": dearer[:1]}})
    assert gone["order"]["shipping_option"]["id"] == "shop"
    assert gone["order"]["amount"] == 44900
    refused = await put(
        merchant, path, {"order": {"shipping_option": OPTIONS[0], "amount": 49900}}, expect=400
    )
    assert refused["error"]["errors"][0]["field"] == "order.shipping_option"


async def test_clients_send_more_than_they_may_change(merchant: Merchant) -> None:
    session_id = await merchant.session(40000)
    path = f"/v1/sessions/{session_id}?update_without_lock=true"
    body = {
        "order": {"merchant_reference": "other", "merchant_reference_2": "two", "note": "kept"},
        "customer": {"email": "x@example.com"},
        "unknown": 1,
    }
    updated = await put(merchant, path, body)
    assert updated["order"]["merchant_reference"] == "order-1"
    assert updated["order"]["merchant_reference_2"] == "two"
    assert updated["order"]["note"] == "kept"


async def test_updates_that_the_rules_forbid(
    merchant: Merchant, card_gateway: CardGatewaySandbox
) -> None:
    session_id = await merchant.session(40000)
    path = f"/v1/sessions/{session_id}?update_without_lock=true"
    splits = [{"payout_destination_id": "p", "amount": 40000}]
    for order, field in (
        ({"currency": "SEK"}, "order.currency"),
        ({"items": [{**ITEMS[0], "splits": splits}]}, "configuration.dintero.wallets"),
        ({"items": [ITEMS[0], ITEMS[0]], "amount": 80000}, "order.items"),
    ):
        refused = await put(merchant, path, {"order": order}, expect=400)
        assert refused["error"]["errors"][0]["field"] == field
    await put(merchant, path, {}, expect=400)
    await put(merchant, "/v1/sessions/T12345678.nope?update_without_lock=true", {"order": {}}, 404)
    transaction_id = await merchant.paid(card_gateway)
    paid = (await merchant.transaction(transaction_id))["session_id"]
    closed = await put(
        merchant, f"/v1/sessions/{paid}?update_without_lock=true", {"order": {}}, 400
    )
    assert closed["error"]["code"] == "SESSION_CLOSED"


async def test_a_card_in_use_pays_nothing_of_an_order_that_is_divided_since(
    merchant: Merchant, card_gateway: CardGatewaySandbox
) -> None:
    """Gift cards do not work with splits, even if the card came first."""
    setup = profile(card_gateway.base_url, "sk_test_x", configuration={"dintero": {"wallets": ON}})
    await save_profile(merchant.ctx, setup)
    card = await merchant.card(10000)
    asked = {"configuration": {"active_payment_types": {"enabled": True}}}
    session_id = await merchant.ready(40000, card, **asked)
    path = f"/v1/sessions/{session_id}?update_without_lock=true"
    splits = [{"payout_destination_id": "p", "amount": 40000}]
    divided = await put(merchant, path, {"order": {"items": [{**ITEMS[0], "splits": splits}]}})
    assert divided["order"]["gift_cards"] == []
    shown = await merchant.view(session_id)
    assert (shown.gift_card_offered, shown.gift_card, shown.to_pay) == (False, None, 40000)
    whole = await put(merchant, path, {"order": {"items": ITEMS}})
    assert whole["order"]["gift_cards"][0]["amount"] == 10000
    await put(merchant, path, {"order": {"items": [{**ITEMS[0], "splits": splits}]}})
    assert (await merchant.press_pay(session_id)).state == "redirect"
    assert await merchant.balance(card["card_id"]) == (10000, 0, 0)
    (transaction,) = await merchant.get(f"/v1/transactions?session_id={session_id}")
    assert transaction["gift_cards"] == []
    await merchant.audit()


async def test_cancel_an_open_session(merchant: Merchant) -> None:
    session_id = await merchant.ready()
    done = await merchant.post(f"/v1/sessions/{session_id}/cancel")
    assert done["cancelled_by"] == merchant.client_id
    assert done["cancelled_at"]
    again = await merchant.post(f"/v1/sessions/{session_id}/cancel")
    assert again["cancelled_at"] == done["cancelled_at"]
    assert (await merchant.view(session_id)).state == "cancelled"


async def test_cancel_voids_an_authorization_and_gives_the_card_back(
    merchant: Merchant, card_gateway: CardGatewaySandbox
) -> None:
    card = await merchant.card(10000)
    transaction_id = await merchant.paid(card_gateway, 40000, card)
    session_id = (await merchant.transaction(transaction_id))["session_id"]
    await merchant.post(f"/v1/sessions/{session_id}/cancel")
    assert (await merchant.transaction(transaction_id))["status"] == "AUTHORIZATION_VOIDED"
    assert await merchant.balance(card["card_id"]) == (10000, 0, 0)
    await merchant.audit()


async def test_cancel_ends_a_payment_under_way(
    merchant: Merchant, card_gateway: CardGatewaySandbox
) -> None:
    card = await merchant.card(10000)
    session_id = await merchant.ready(40000, card)
    assert (await merchant.press_pay(session_id)).state == "redirect"
    await merchant.post(f"/v1/sessions/{session_id}/cancel")
    assert (await merchant.view(session_id)).state == "cancelled"
    assert await merchant.balance(card["card_id"]) == (10000, 0, 0)
    await merchant.audit()


async def test_cancel_after_capture_is_refused(
    merchant: Merchant, card_gateway: CardGatewaySandbox
) -> None:
    transaction_id = await merchant.paid(card_gateway)
    await merchant.post(f"/v1/transactions/{transaction_id}/capture", {"amount": 40000})
    session_id = (await merchant.transaction(transaction_id))["session_id"]
    refused = await merchant.post(f"/v1/sessions/{session_id}/cancel", expect=400)
    assert "CAPTURED" in refused["error"]["message"]
    assert (await merchant.view(session_id)).state == "paid"


async def test_strict_amounts_and_system_headers(merchant: Merchant) -> None:
    body = session_body(40000)
    body["order"]["amount"] = 39999
    headers = {"Dintero-Feature-Toggles": "strict-session-amounts"}
    refused = await merchant.api.post("/v1/sessions-profile", json=body, headers=headers)
    assert refused.status_code == 400
    headers = {"Dintero-System-Name": "woocommerce", "Dintero-System-Plugin-Version": "1.2"}
    made = await merchant.api.post(
        "/v1/sessions-profile?include_session=true", json=body, headers=headers
    )
    session = made.json()["session"]
    assert "initiating_system_request_headers" not in session
    path = f"/v1/sessions/{session['id']}?includes=initiating_system_request_headers"
    shown = await merchant.get(f"{path}&includes=events.request_headers")
    kept = shown["initiating_system_request_headers"]
    assert kept["dintero-system-name"] == "woocommerce"
    assert shown["events"][0]["request_headers"] == kept
