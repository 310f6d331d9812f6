"""A refund goes to a usable card, or is refused before anything moves."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest
from sqlmodel import select

from backend.accounts.clients import create_client
from backend.accounts.profiles import get_profile, save_profile
from backend.cards.tables import LedgerEntry
from backend.payments.operations.auto_capture import capture_due
from backend.payments.review.reconcile import reconcile_due
from tests.api.paying import ahead, secret_key
from tests.api.refunding import Order
from tests.support.card_gateway import CardGatewaySandbox
from tests.support.checkout import ACCOUNT, Merchant, profile
from tests.support.wallets import CARDS, INFO, code, later


@pytest.fixture
async def order(merchant: Merchant, card_gateway: CardGatewaySandbox) -> Order:
    return await Order(merchant, card_gateway).captured()


async def to_new_card(merchant: Merchant, card_gateway: CardGatewaySandbox) -> None:
    """Let the profile order a fresh card for refunds."""
    async with merchant.ctx.db.reading() as db:
        kept = await get_profile(db, ACCOUNT, "default")
    key = await secret_key(merchant)
    setup = profile(
        card_gateway.base_url,
        key,
        configuration={
            **kept.configuration,
            "refund_to_unusable_gift_card": "new_card",
        },
    )
    await save_profile(merchant.ctx, setup)


@pytest.mark.parametrize("why", ["expired", "deleted"])
async def test_a_refund_that_nobody_could_use_is_refused(order: Order, why: str) -> None:
    await (order.expire() if why == "expired" else order.delete())
    before = await order.merchant.transaction(order.id)
    # The provider can refund what it has taken, and no more.
    for amount, more in ((14000, set()), (4000, {"provider"})):
        answer = await order.post("refund", {"amount": amount}, expect=409)
        error = answer["error"]
        assert error["code"] == "REFUND_CARD_UNUSABLE"
        first, *todo = error["errors"]
        assert (first["code"], first["card_id"]) == (why, order.card["card_id"])
        assert (first["amount"], first["currency"]) == (min(amount, 10000), "NOK")
        remedy = "extend" if why == "expired" else "restore"
        assert {entry["code"] for entry in todo} == {remedy, "new_card"} | more
    assert await order.merchant.transaction(order.id) == before
    assert await order.refunded_at_provider() == 0
    assert await order.sums() == (10000, 0, 0, 10000)
    await order.merchant.audit()


async def test_an_expired_card_is_extended_and_refunded_to(order: Order) -> None:
    await order.expire()
    await order.post("refund", {"amount": 14000}, expect=409)
    await order.merchant.post(f"{order.path}/extend", {"expires_at": None})
    done = await order.post("refund", {"amount": 14000})
    assert done["status"] == "REFUNDED"
    assert await order.sums() == (10000, 10000, 0, 0)
    assert await order.refunded_at_provider() == 4000
    session_id = await order.merchant.ready(40000, order.card)
    assert (await order.merchant.view(session_id)).to_pay == 30000
    await order.merchant.audit()


async def test_a_deleted_card_is_restored_and_refunded_to(order: Order) -> None:
    await order.delete()
    await order.post("refund", {"amount": 3000}, expect=409)
    await order.merchant.post(f"{order.path}/restore")
    await order.post("refund", {"amount": 3000})
    assert await order.sums() == (10000, 3000, 0, 7000)
    await order.merchant.audit()


@pytest.mark.parametrize("why", ["expired", "deleted", "good"])
async def test_to_a_new_card_by_request(order: Order, why: str) -> None:
    if why != "good":
        await (order.expire() if why == "expired" else order.delete())
    merchant = order.merchant
    hook = {
        "config": {"url": "https://shop.example/hook", "content_type": "application/json"},
        "events": ["wallet_transaction"],
    }
    await merchant.post(f"/v1/accounts/{ACCOUNT}/hooks/subscriptions", hook)
    done = await order.post("refund", {"amount": 12000, "refund_to": "new_card"})
    made = done["new_gift_card"]
    number, pin = made["card_token"]["token"]["value"], made["pin"]["pin"]["value"]
    assert (made["replaces"], made["currency"]) == (order.card["card_id"], "NOK")
    assert (made["status"], made["amount"], made["amount_available"]) == ("unused", 10000, 10000)
    assert "expires_at" not in made
    # The books show a refund to the card that paid, and a transfer from there.
    assert await order.sums() == (0, 0, 0, 0)
    assert await order.sums(made["card_id"]) == (10000, 10000, 0, 0)
    assert await order.refunded_at_provider() == 2000
    entries = await ledger_of(merchant)
    assert entries == [
        ("fund", "funds", "available", 10000),
        ("hold", "available", "held", 10000),
        ("post", "held", "drawn", 10000),
        ("refund", "drawn", "available", 10000),
        ("move_out", "available", "funds", 10000),
        ("move_in", "funds", "available", 10000),
    ]
    # The event names the card that has the money now, and so does the webhook.
    last = done["events"][-1]
    assert (last["event"], last["amount"]) == ("REFUND", 12000)
    (shown,) = last["gift_cards"]
    assert (shown["card_id"], shown["amount"]) == (made["card_id"], 10000)
    assert shown["masked_card_token"].endswith(number[-4:])
    assert done["gift_cards"][0]["card_id"] == order.card["card_id"]
    moved = await merchant.get(f"{CARDS}/{made['card_id']}/transactions")
    into = next(t for t in moved["transactions"] if t["id"] == shown["transaction_id"])
    assert (into["type"], into["amount"]) == ("fund", 10000)
    assert into["metadata"] == {
        "dintero_transaction_id": order.id,
        "transferred_from": order.card["card_id"],
    }
    told = await merchant.get(f"/v1/accounts/{ACCOUNT}/hooks/deliveries?subject={into['id']}")
    assert len(told["deliveries"]) == 1
    # Its owner can use the money.
    assert (await merchant.post(INFO, {"token": number, "pin": pin}))["amount_available"] == 10000
    session_id = await merchant.ready(40000, {"number": number, "pin": pin})
    assert (await merchant.view(session_id)).to_pay == 30000
    (replaced,) = [
        e for e in (await merchant.get(f"{order.path}/events"))["events"] if e["name"] == "REPLACED"
    ]
    assert replaced["details"] == {"replaced_by": made["card_id"]}
    assert replaced["created_by"] == merchant.client_id
    # We never refund more than was taken.
    await order.post("refund", {"amount": 2001, "refund_to": "new_card"}, expect=400)
    last_part = await order.post("refund", {"amount": 2000})
    assert last_part["status"] == "REFUNDED"
    await merchant.audit()


async def ledger_of(merchant: Merchant) -> list[tuple[str, str, str, int]]:
    async with merchant.ctx.db.reading() as db:
        query = select(LedgerEntry).order_by(LedgerEntry.created_at)  # type: ignore[arg-type]  # a column
        return [(e.movement, e.debit, e.credit, e.amount) for e in await db.exec(query)]


async def test_to_a_new_card_by_the_profile(
    merchant: Merchant, card_gateway: CardGatewaySandbox, order: Order
) -> None:
    await to_new_card(merchant, card_gateway)
    # A usable card gets its refund as usual.
    first = await order.post("refund", {"amount": 1000})
    assert "new_gift_card" not in first
    assert await order.sums() == (10000, 1000, 0, 9000)
    await order.expire()
    second = await order.post("refund", {"amount": 2000})
    made = second["new_gift_card"]["card_id"]
    assert await order.sums() == (8000, 1000, 0, 7000)
    assert await order.sums(made) == (2000, 2000, 0, 0)
    # The next refund goes to the same fresh card, whose number is not shown again.
    third = await order.post("refund", {"amount": 7500})
    assert "new_gift_card" not in third
    assert third["events"][-1]["gift_cards"][0]["card_id"] == made
    assert await order.sums() == (1000, 1000, 0, 0)
    assert await order.sums(made) == (9000, 9000, 0, 0)
    assert await order.refunded_at_provider() == 500
    await merchant.audit()


async def test_the_session_has_the_last_word(
    merchant: Merchant, card_gateway: CardGatewaySandbox
) -> None:
    await to_new_card(merchant, card_gateway)
    order = Order(merchant, card_gateway)
    order.card = await merchant.card(10000, expires_at=later(merchant, days=10))
    order.id = await merchant.paid(
        card_gateway,
        14000,
        order.card,
        configuration={
            "active_payment_types": {"enabled": True},
            "dintero": {"wallets": {"enabled": True}},
            "refund_to_unusable_gift_card": "refuse",
        },
    )
    await order.post("capture", {"amount": 14000})
    await order.expire()
    await order.post("refund", {"amount": 1000}, expect=409)
    assert await order.sums() == (10000, 0, 0, 10000)


async def test_to_another_card(order: Order) -> None:
    merchant = order.merchant
    other = await merchant.card(500)
    bad = {
        "unknown": "nobody's",
        "currency": (await merchant.card(currency="SEK"))["card_id"],
        "expired": (await merchant.card(expires_at="2020-01-01T00:00:00Z"))["card_id"],
    }
    for card_id in bad.values():
        answer = await order.post(
            "refund", {"amount": 1000, "refund_to": {"card_id": card_id}}, expect=400
        )
        assert answer["error"]["errors"][0]["field"] == "refund_to.card_id"
    await order.expire()
    done = await order.post("refund", {"amount": 6000, "refund_to": {"card_id": other["card_id"]}})
    assert "new_gift_card" not in done
    assert done["events"][-1]["gift_cards"][0]["card_id"] == other["card_id"]
    assert await order.sums() == (4000, 0, 0, 4000)
    assert await order.sums(other["card_id"]) == (6500, 6500, 0, 0)
    await merchant.audit()


async def test_by_the_provider(order: Order) -> None:
    await order.expire()
    answer = await order.post("refund", {"amount": 4001, "refund_to": "provider"}, expect=400)
    assert answer["error"]["errors"][0]["field"] == "amount"
    done = await order.post("refund", {"amount": 4000, "refund_to": "provider"})
    assert (done["status"], done["events"][-1]["gift_cards"]) == ("PARTIALLY_REFUNDED", [])
    assert await order.refunded_at_provider() == 4000
    assert await order.sums() == (10000, 0, 0, 10000)
    # The card's part can still be refunded to it.
    await order.merchant.post(f"{order.path}/extend", {"expires_at": None})
    assert (await order.post("refund", {"amount": 10000}))["status"] == "REFUNDED"
    assert await order.sums() == (10000, 10000, 0, 0)
    await order.merchant.audit()


async def test_what_a_refund_to_another_card_needs(order: Order) -> None:
    """A client that may not issue cards cannot send money to a fresh one or see its number."""
    merchant = order.merchant
    few = await create_client(merchant.ctx, ACCOUNT, frozenset({"write:checkout", "read:checkout"}))
    full = merchant.client_id, merchant.client_secret
    merchant.client_id, merchant.client_secret = few.client_id, few.client_secret
    await order.sign_in()
    for to in ("new_card", {"card_id": order.card["card_id"]}):
        await order.post("refund", {"amount": 1000, "refund_to": to}, expect=403)
    wrong: object
    for wrong in ("elsewhere", {"card_id": ""}, {"card_id": 1}, 5, []):
        await order.post("refund", {"amount": 1000, "refund_to": wrong}, expect=400)
    assert await order.sums() == (10000, 0, 0, 10000)
    await to_new_card(merchant, order.card_gateway)
    await order.expire()
    done = await order.post("refund", {"amount": 1000})
    shown = done["new_gift_card"]
    assert "card_token" not in shown and "pin" not in shown.get("pin", {})
    # With the right scope the number and PIN can be created anew.
    merchant.client_id, merchant.client_secret = full
    await order.sign_in()
    again = await merchant.post(f"{CARDS}/{shown['card_id']}/reissue")
    secret = {"token": again["card_token"]["token"]["value"], "pin": again["pin"]["pin"]["value"]}
    assert (await merchant.post(INFO, secret))["amount_available"] == 1000


async def test_nothing_of_it_is_the_cards(
    merchant: Merchant, card_gateway: CardGatewaySandbox
) -> None:
    transaction_id = await merchant.paid(card_gateway, 5000)
    path = f"/v1/transactions/{transaction_id}"
    await merchant.post(f"{path}/capture", {"amount": 5000})
    refund = {"amount": 1000, "refund_to": "new_card"}
    answer = await merchant.post(f"{path}/refund", refund, expect=400)
    assert answer["error"]["errors"][0]["field"] == "refund_to"
    await merchant.post(f"{path}/refund", {"amount": 1000})


async def test_a_repeat_under_one_key_makes_one_card(order: Order) -> None:
    await order.expire()
    path = f"/v1/transactions/{order.id}/refund"
    body, headers = {"amount": 12000, "refund_to": "new_card"}, {"Idempotency-Key": "once"}
    api = order.merchant.api
    answers = await asyncio.gather(*(api.post(path, json=body, headers=headers) for _ in range(3)))
    answers.append(await api.post(path, json=body, headers=headers))
    done = [answer for answer in answers if answer.status_code == 200]
    assert len(done) >= 2
    numbers = {str(answer.json().get("new_gift_card", {}).get("card_token")) for answer in done}
    assert len(numbers - {"None"}) == 1
    listed = await order.merchant.get(f"{CARDS}?limit=100")
    assert [c["amount_available"] for c in listed["cards"] if c.get("replaces")] == [10000]
    assert await order.refunded_at_provider() == 2000
    await order.merchant.audit()


async def test_two_refunds_at_once(order: Order) -> None:
    await order.expire()
    body = {"amount": 10000, "refund_to": "new_card"}
    path = f"/v1/transactions/{order.id}/refund"
    answers = await asyncio.gather(*(order.merchant.api.post(path, json=body) for _ in range(3)))
    assert [answer.status_code for answer in answers].count(200) == 1
    assert {answer.status_code for answer in answers} <= {200, 400, 409}
    assert await order.sums() == (0, 0, 0, 0)
    await order.merchant.audit()


async def test_an_answer_that_was_lost_ends_on_the_new_card(
    order: Order, card_gateway: CardGatewaySandbox
) -> None:
    await order.expire()
    card_gateway.fault("refund", "drop_after")
    body = {"amount": 12000, "refund_to": "new_card"}
    answer = await order.merchant.api.post(f"/v1/transactions/{order.id}/refund", json=body)
    assert answer.status_code == 202, answer.text
    assert await order.sums() == (10000, 0, 0, 10000)
    ahead(order.merchant, card_gateway, 600)
    for _ in range(5):
        if not await reconcile_due(order.merchant.ctx):
            break
    await order.sign_in()
    last = (await order.merchant.transaction(order.id))["events"][-1]
    made = last["gift_cards"][0]["card_id"]
    assert (last["event"], last["success"]) == ("REFUND", True)
    assert made != order.card["card_id"]
    assert await order.sums() == (0, 0, 0, 0)
    assert await order.sums(made) == (10000, 10000, 0, 0)
    assert (await order.merchant.get(f"{CARDS}/{made}"))["replaces"] == order.card["card_id"]
    await order.merchant.audit()


async def test_a_provider_that_refuses_makes_no_card(
    order: Order, card_gateway: CardGatewaySandbox
) -> None:
    await order.expire()
    card_gateway.fault("refund", "refuse", status=402)
    answer = await order.post("refund", {"amount": 12000, "refund_to": "new_card"}, expect=400)
    assert code(answer) == "OPERATION_REFUSED"
    listed = await order.merchant.get(f"{CARDS}?limit=100")
    assert [card["card_id"] for card in listed["cards"]] == [order.card["card_id"]]
    assert await order.sums() == (10000, 0, 0, 10000)
    await order.merchant.audit()


async def test_what_was_held_is_captured_and_voided_after_the_card_expired(
    merchant: Merchant, card_gateway: CardGatewaySandbox
) -> None:
    """A void and the rest of a final capture go to the expired card, whose expiry can be
    extended."""
    captured = await Order(merchant, card_gateway).paid()
    voided = await Order(merchant, card_gateway).paid()
    partly = await Order(merchant, card_gateway).paid()
    await captured.expire()
    done = await captured.post("capture", {"amount": 14000})
    assert (done["status"], await captured.sums()) == ("CAPTURED", (10000, 0, 0, 10000))
    await voided.post("void")
    assert await voided.sums() == (10000, 10000, 0, 0)
    await partly.post("capture", {"amount": 6000, "final_capture": True})
    assert await partly.sums() == (10000, 4000, 0, 6000)
    back = await merchant.post(f"{voided.path}/extend", {"expires_at": None})
    assert (back["status"], back["amount_available"]) == ("unused", 10000)
    await merchant.audit()


async def test_auto_capture_of_a_card_that_expired(
    merchant: Merchant, card_gateway: CardGatewaySandbox
) -> None:
    ends = (merchant.clock.now() + timedelta(minutes=5)).isoformat()
    card = await merchant.card(10000, expires_at=ends)
    transaction_id = await merchant.paid(
        card_gateway,
        14000,
        card,
        configuration={
            "active_payment_types": {"enabled": True},
            "dintero": {"wallets": {"enabled": True}},
            "auto_capture": True,
        },
    )
    merchant.clock.ahead += timedelta(minutes=6)
    assert await capture_due(merchant.ctx) == 1
    done = await merchant.transaction(transaction_id)
    assert (done["status"], done["gift_cards"][0]["amount"]) == ("CAPTURED", 10000)
    assert (await merchant.get(f"{CARDS}/{card['card_id']}"))["status"] == "expired"
    assert await merchant.balance(card["card_id"]) == (0, 0, 10000)
    await merchant.audit()


async def test_a_setting_that_is_none(merchant: Merchant) -> None:
    from tests.support.checkout import session_body

    body = session_body()
    body["configuration"] = {**body["configuration"], "refund_to_unusable_gift_card": "lose it"}
    answer = await merchant.post("/v1/sessions-profile", body, expect=400)
    assert code(answer) == "INVALID_REQUEST_PARAMETER"
