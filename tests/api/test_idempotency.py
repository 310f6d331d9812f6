"""One `Idempotency-Key` has one effect and one answer: `docs/idempotency.md`."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

import httpx
import pytest
from sqlalchemy import func
from sqlmodel import select

from backend.accounts.clients import SCOPES, create_client
from backend.cards.tables import Card, PinBudget, WalletTransaction
from backend.idempotency import keys
from backend.idempotency.keys import purge_due
from backend.idempotency.tables import IdempotencyRecord
from backend.payments.review.reconcile import reconcile_due
from backend.payments.tables import Operation
from backend.psp.stripe.connector import CardGateway
from backend.sessions.tables import CheckoutSession
from tests.api.paying import is_asked
from tests.support.card_gateway import CAPTURE_TIMES_OUT, CardGatewaySandbox
from tests.support.checkout import ACCOUNT, Merchant, session_body, sign_in
from tests.support.patience import impatient
from tests.support.waiting import pause_async

CARDS = f"/v1/accounts/{ACCOUNT}/wallets/cards"
WALLETS = f"/v1/accounts/{ACCOUNT}/wallets/transactions"
CARD = {
    "card_id": "one",
    "amount": 10000,
    "currency": "NOK",
    "pin": {"format": {"length": 4, "numbers": True}},
    "card_token": {"format": {"length": 16, "numbers": True}},
}


async def keyed(merchant: Merchant, path: str, body: Any, key: str = "k-1") -> httpx.Response:
    return await merchant.api.post(path, json=body, headers={"idempotency-key": key})


async def count(merchant: Merchant, table: Any) -> int:
    async with merchant.ctx.db.reading() as db:
        return int((await db.exec(select(func.count()).select_from(table))).one())


def replayed(answer: httpx.Response) -> bool:
    return bool(answer.headers.get("idempotent-replayed") == "true")


async def make_wallet_path(merchant: Merchant) -> tuple[str, Any]:
    card = await merchant.card(10000)
    return WALLETS, {
        "ref_id": "r",
        "card_id": card["card_id"],
        "amount": 3000,
        "currency": "NOK",
    }


@pytest.mark.parametrize(
    ("path", "body", "table"),
    [
        ("/v1/sessions-profile?include_session=true", session_body(), CheckoutSession),
        ("/v1/sessions", session_body(), CheckoutSession),
        (CARDS, CARD, Card),
    ],
    ids=["sessions-profile", "sessions", "cards"],
)
async def test_the_same_answer_and_one_effect(
    merchant: Merchant, path: str, body: Any, table: Any
) -> None:
    first = await keyed(merchant, path, body)
    assert first.status_code == 200, first.text
    assert not replayed(first)
    again = await keyed(merchant, path, body)
    assert (again.status_code, again.json()) == (200, first.json())
    assert replayed(again)
    assert await count(merchant, table) == 1
    # Another order of keys or other blanks between them do not make another body.
    turned = dict(reversed(body.items()))
    assert (await keyed(merchant, path, turned)).json() == first.json()
    other = await keyed(merchant, path, body | {"metadata": {"ext": "other"}})
    assert other.status_code == 409
    assert other.json()["error"]["code"] == "IDEMPOTENCY_KEY_REUSED"
    assert await count(merchant, table) == 1
    # Without a key or with another one it is another call.
    if table is CheckoutSession:
        assert (await keyed(merchant, path, body, "k-2")).json()["id"] != first.json()["id"]
        await merchant.post(path, body)
        assert await count(merchant, table) == 3
    await merchant.audit()


async def test_number_and_pin_are_kept_encrypted(merchant: Merchant) -> None:
    made = (await keyed(merchant, CARDS, CARD)).json()
    number, pin = made["card_token"]["token"]["value"], made["pin"]["pin"]["value"]
    async with merchant.ctx.db.reading() as db:
        record = (await db.exec(select(IdempotencyRecord))).one()
    assert record.answer is not None
    kept = merchant.ctx.vault.unseal(record.answer)["body"]
    assert number in kept and pin in kept
    for column in record.model_dump().values():
        assert number not in str(column)


async def test_money_on_a_card_moves_once(merchant: Merchant) -> None:
    path, body = await make_wallet_path(merchant)
    answers = await asyncio.gather(*(keyed(merchant, path, body) for _ in range(20)))
    assert {a.status_code for a in answers} == {200}
    assert len({a.text for a in answers}) == 1
    assert sum(not replayed(a) for a in answers) == 1
    assert await merchant.balance(body["card_id"]) == (7000, 0, 3000)
    pending = (await keyed(merchant, path, body | {"ref_id": "p", "pending": True}, "k-2")).json()
    capture = f"{WALLETS}/{pending['id']}/capture"
    first = await keyed(merchant, capture, {"ref_id": "c", "amount": 1000}, "k-1")
    assert first.status_code == 200
    again = await keyed(merchant, capture, {"ref_id": "c", "amount": 1000}, "k-1")
    assert (again.json(), replayed(again)) == (first.json(), True)
    assert await merchant.balance(body["card_id"]) == (6000, 0, 4000)
    assert await count(merchant, WalletTransaction) == 4
    await merchant.audit()


async def test_twenty_at_once_make_one_session(merchant: Merchant) -> None:
    body = session_body()
    answers = await asyncio.gather(
        *(keyed(merchant, "/v1/sessions-profile", body) for _ in range(20))
    )
    assert {a.status_code for a in answers} == {200}
    assert len({a.json()["id"] for a in answers}) == 1
    assert await count(merchant, CheckoutSession) == 1
    assert await count(merchant, IdempotencyRecord) == 1


async def test_twenty_cards_at_once_are_one(merchant: Merchant) -> None:
    answers = await asyncio.gather(*(keyed(merchant, CARDS, CARD) for _ in range(20)))
    assert {a.status_code for a in answers} == {200}
    assert len({a.text for a in answers}) == 1
    await merchant.audit()


async def test_twenty_captures_at_once_are_one(
    merchant: Merchant, card_gateway: CardGatewaySandbox
) -> None:
    card = await merchant.card(10000)
    transaction_id = await merchant.paid(card_gateway, 40000, card)
    path = f"/v1/transactions/{transaction_id}/capture"
    answers = await asyncio.gather(*(keyed(merchant, path, {"amount": 15000}) for _ in range(20)))
    assert {a.status_code for a in answers} == {200}
    assert len({a.text for a in answers}) == 1
    assert sum(not replayed(a) for a in answers) >= 1
    done = await merchant.transaction(transaction_id)
    assert [e["amount"] for e in done["events"] if e["event"] == "CAPTURE"] == [15000]
    assert done["status"] == "PARTIALLY_CAPTURED"
    assert await merchant.balance(card["card_id"]) == (0, 0, 10000)
    # The transaction changes later, and the answer to this key does not.
    refund = f"/v1/transactions/{transaction_id}/refund"
    refunded = await keyed(merchant, refund, {"amount": 5000})
    assert refunded.json()["status"] == "PARTIALLY_CAPTURED_REFUNDED"
    assert (await keyed(merchant, path, {"amount": 15000})).json() == answers[0].json()
    assert (await keyed(merchant, path, {"amount": 15001})).status_code == 409
    await merchant.audit()


async def test_a_void_under_a_key(merchant: Merchant, card_gateway: CardGatewaySandbox) -> None:
    transaction_id = await merchant.paid(card_gateway, 40000)
    path = f"/v1/transactions/{transaction_id}/void"
    first = await merchant.api.post(path, headers={"idempotency-key": "v"})
    assert (first.status_code, first.json()["status"]) == (200, "AUTHORIZATION_VOIDED")
    again = await merchant.api.post(path, headers={"idempotency-key": "v"})
    assert (again.status_code, again.json(), replayed(again)) == (200, first.json(), True)
    assert (await merchant.api.post(path)).status_code == 400


async def operations(merchant: Merchant) -> list[Operation]:
    async with merchant.ctx.db.reading() as db:
        found = await db.exec(select(Operation).where(Operation.kind == "capture"))
        return list(found)


async def test_a_capture_whose_process_died_is_found_again(
    merchant: Merchant, card_gateway: CardGatewaySandbox
) -> None:
    transaction_id = await merchant.paid(card_gateway, 40000)
    path = f"/v1/transactions/{transaction_id}/capture"
    card_gateway.fault("capture", "late")
    first = asyncio.create_task(keyed(merchant, path, {"amount": 40000}))
    # The operation is not only recorded: the provider was asked and has done it.
    await is_asked(card_gateway)
    first.cancel()
    with pytest.raises(asyncio.CancelledError):
        await first
    (operation,) = await operations(merchant)
    assert operation.state == "pending"
    # A repeat gets the outcome once the reconciler has read it.
    repeat = asyncio.create_task(keyed(merchant, path, {"amount": 40000}))
    await pause_async(0.2, "mostly it waits by then; it is told the same if it asks later")
    merchant.clock.ahead += timedelta(seconds=merchant.ctx.settings.operation_grace + 1)
    assert await reconcile_due(merchant.ctx) == 1
    answer = await repeat
    assert (answer.status_code, answer.json()["status"]) == (200, "CAPTURED")
    assert len(await operations(merchant)) == 1
    once_more = await keyed(merchant, path, {"amount": 40000})
    assert (once_more.json(), replayed(once_more)) == (answer.json(), True)
    await merchant.audit()


async def test_a_capture_that_is_not_answered_is_answered_later(
    merchant: Merchant, card_gateway: CardGatewaySandbox
) -> None:
    transaction_id = await merchant.paid(card_gateway, 40000, number=CAPTURE_TIMES_OUT)
    path = f"/v1/transactions/{transaction_id}/capture"
    with impatient(CardGateway):
        first = await keyed(merchant, path, {"amount": 40000})
    assert first.status_code == 202
    again = await keyed(merchant, path, {"amount": 40000})
    assert again.status_code == 202
    assert again.headers["event-request-id"] == first.headers["event-request-id"]
    card_gateway.reset()
    for _ in range(6):
        merchant.clock.ahead += timedelta(seconds=70)
        await reconcile_due(merchant.ctx)
    (operation,) = await operations(merchant)
    assert operation.state in ("done", "refused")
    last = await keyed(merchant, path, {"amount": 40000})
    assert last.status_code == (200 if operation.state == "done" else 400)
    assert len(await operations(merchant)) == 1
    await merchant.audit()


async def test_what_the_provider_refused_is_not_asked_again(
    merchant: Merchant, card_gateway: CardGatewaySandbox
) -> None:
    transaction_id = await merchant.paid(card_gateway, 40000)
    path = f"/v1/transactions/{transaction_id}/capture"
    card_gateway.fault("capture", "refuse", status=402)
    first = await keyed(merchant, path, {"amount": 40000})
    assert first.status_code == 400
    assert first.json()["error"]["code"] == "OPERATION_REFUSED"
    again = await keyed(merchant, path, {"amount": 40000})
    assert (again.status_code, again.json(), replayed(again)) == (400, first.json(), True)
    assert len(await operations(merchant)) == 1


async def test_what_had_no_effect_leaves_the_key_free(
    merchant: Merchant, card_gateway: CardGatewaySandbox
) -> None:
    transaction_id = await merchant.paid(card_gateway, 40000)
    path = f"/v1/transactions/{transaction_id}/capture"
    assert (await keyed(merchant, path, {"amount": 40001})).status_code == 400
    assert (await keyed(merchant, path, {"amount": "x"})).status_code == 400
    assert await count(merchant, IdempotencyRecord) == 0
    assert (await keyed(merchant, path, {"amount": 40000})).status_code == 200


async def test_a_wrong_pin_is_counted_under_a_key_too(merchant: Merchant) -> None:
    card = await merchant.card(10000)
    wrong = "0000" if card["pin"] != "0000" else "1111"
    body = {
        "ref_id": "r",
        "token": card["number"],
        "pin": wrong,
        "amount": 100,
        "currency": "NOK",
    }
    assert (await keyed(merchant, WALLETS, body)).status_code == 404
    async with merchant.ctx.db.reading() as db:
        tries = [budget.tries for budget in await db.exec(select(PinBudget))]
    assert max(tries) == 1
    assert await count(merchant, IdempotencyRecord) == 0
    right = await keyed(merchant, WALLETS, body | {"pin": card["pin"]})
    assert right.status_code == 200, right.text
    assert await merchant.balance(card["card_id"]) == (9900, 0, 100)


async def test_a_key_is_of_one_client_and_one_path(merchant: Merchant) -> None:
    first = (await keyed(merchant, "/v1/sessions-profile", session_body())).json()
    elsewhere = (await keyed(merchant, "/v1/sessions", session_body())).json()
    assert elsewhere["id"] != first["id"]
    made = await create_client(merchant.ctx, ACCOUNT, SCOPES)
    merchant.client_id, merchant.client_secret = made.client_id, made.client_secret
    merchant.api.headers["authorization"] = f"Bearer {await sign_in(merchant)}"
    other = await keyed(merchant, "/v1/sessions-profile", session_body(10000))
    assert other.status_code == 200
    assert other.json()["id"] != first["id"]
    merchant.api.headers["authorization"] = "Bearer nonsense"
    assert (await keyed(merchant, "/v1/sessions-profile", session_body())).status_code == 401


async def test_a_key_has_a_length(merchant: Merchant) -> None:
    for key in ("", "x" * 256):
        answer = await keyed(merchant, "/v1/sessions-profile", session_body(), key)
        assert answer.status_code == 400
        assert answer.json()["error"]["errors"][0]["field"] == "Idempotency-Key"
    answer = await keyed(merchant, "/v1/sessions-profile", session_body(), "x" * 255)
    assert answer.status_code == 200
    assert await count(merchant, CheckoutSession) == 1


async def test_thirty_days_later_the_key_is_forgotten(merchant: Merchant) -> None:
    first = (await keyed(merchant, "/v1/sessions-profile", session_body())).json()
    merchant.clock.ahead = timedelta(days=29)
    merchant.api.headers["authorization"] = f"Bearer {await sign_in(merchant)}"
    assert await purge_due(merchant.ctx) == 0
    kept = await keyed(merchant, "/v1/sessions-profile", session_body())
    assert kept.json()["id"] == first["id"]
    merchant.clock.ahead = timedelta(days=30, minutes=1)
    merchant.api.headers["authorization"] = f"Bearer {await sign_in(merchant)}"
    # The key expires, whether or not the worker has deleted it.
    later = await keyed(merchant, "/v1/sessions-profile", session_body(10000))
    assert later.status_code == 200
    assert later.json()["id"] != first["id"]
    merchant.clock.ahead = timedelta(days=61)
    assert await purge_due(merchant.ctx) == 1
    assert await count(merchant, IdempotencyRecord) == 0


async def test_cancel_under_a_key(merchant: Merchant, card_gateway: CardGatewaySandbox) -> None:
    card = await merchant.card(10000)
    transaction_id = await merchant.paid(card_gateway, 40000, card)
    session_id = (await merchant.transaction(transaction_id))["session_id"]
    path = f"/v1/sessions/{session_id}/cancel"
    answers = await asyncio.gather(*(keyed(merchant, path, {}) for _ in range(5)))
    assert {a.status_code for a in answers} == {200}, [a.text for a in answers]
    assert await merchant.balance(card["card_id"]) == (10000, 0, 0)
    done = await merchant.transaction(transaction_id)
    assert [e["event"] for e in done["events"]].count("VOID") == 1
    await merchant.audit()


async def test_every_other_post_that_makes_something(merchant: Merchant) -> None:
    await merchant.post(CARDS, CARD)
    numbered = {"format": {"length": 16, "numbers": True}}
    for path, body in (
        (
            f"{CARDS}/batch",
            {
                "cards": [{"card_id": "two", "type": "gift_card"}],
                "options": {"card_token": numbered},
            },
        ),
        (f"{CARDS}/two/activate", {"amount": 5000, "currency": "NOK"}),
        (f"{CARDS}/one/rotate-pin", {}),
        (f"{CARDS}/one/tokens", {"ref_id": "t", "expires_in": 60}),
        ("/v1/admin/session/profiles", {"configuration": {}}),
        (
            f"/v1/accounts/{ACCOUNT}/hooks/subscriptions",
            {
                "config": {"url": "https://shop.example/hook", "content_type": "application/json"},
                "events": ["wallet_transaction"],
            },
        ),
        ("/v1/admin/signature", {}),
    ):
        first = await keyed(merchant, path, body)
        assert first.status_code == 200, (path, first.text)
        again = await keyed(merchant, path, body)
        assert (again.status_code, again.text) == (200, first.text), path
        assert replayed(again), path
        other = await keyed(merchant, path, body | {"ext": 1})
        assert other.status_code == 409, path
        assert other.json()["error"]["code"] == "IDEMPOTENCY_KEY_REUSED", path
    await merchant.audit()


async def test_a_payer_needs_no_key(merchant: Merchant) -> None:
    session_id = await merchant.ready(40000)
    for _ in range(2):
        answer = await keyed(merchant, f"/v1/view/{session_id}/session/lock", {})
        assert not replayed(answer)
    assert await count(merchant, IdempotencyRecord) == 0


async def test_an_answer_that_alone_is_complete_is_kept_though_a_repeat_was_first(
    merchant: Merchant,
) -> None:
    """A repeat that finds the work done cannot know the PIN, and may be answered first."""
    claim = keys.Claim(ACCOUNT, merchant.client_id, "POST", "/v1/x", "k-9", "print")
    ctx = merchant.ctx
    async with ctx.db.unit_of_work() as db:
        await keys.be_first(ctx, claim)(db)
    poor, whole = keys.Answer(200, "{}"), keys.Answer(200, '{"pin": "1234"}')
    with keys.under_way(claim, "operation"):
        async with ctx.db.unit_of_work() as db:
            assert await keys.keep_answer(ctx, db, claim, poor) is poor
    with keys.under_way(claim, None):
        keys.note_only_answer()
        async with ctx.db.unit_of_work() as db:
            assert await keys.keep_answer(ctx, db, claim, whole) is whole
    # A later answer does not replace it.
    with keys.under_way(claim, "operation"):
        async with ctx.db.unit_of_work() as db:
            assert await keys.keep_answer(ctx, db, claim, poor) == whole
    found = await keys.find(ctx, claim)
    assert found is not None and found.answer == whole
