"""Vipps over the API, in sessions without gift cards: by redirect, and by a push that is never sent
while a gift card can be used."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlmodel import select

from backend.accounts.profiles import connections_of, profile_of, save_profile
from backend.core.errors import PushNotAllowed
from backend.payments.attempts.at_provider import create_at_provider
from backend.payments.attempts.resolve import reopen
from backend.payments.attempts.start import Press, pay
from backend.payments.review.reconcile import reconcile_due
from backend.payments.tables import Transaction
from backend.psp.registry import connect
from backend.sessions.tables import CheckoutSession
from backend.sessions.view import Notice, PageState
from tests.support.checkout import (
    ACCOUNT,
    BASE_URL,
    WITHOUT_GIFT_CARDS,
    Merchant,
    profile,
    session_body,
)
from tests.support.sandbox import Listener
from tests.support.vipps import OPTION, PHONE, VippsSandbox

PUSH = {"channel": "push", "type": "app"}


@pytest.fixture(scope="session")
def _vipps(repository: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[VippsSandbox]:
    vipps = VippsSandbox(repository, tmp_path_factory.mktemp("vipps"))
    vipps.start()
    yield vipps
    vipps.kill()
    vipps.http.close()


@pytest.fixture
async def vipps(_vipps: VippsSandbox, merchant: Merchant) -> AsyncIterator[VippsSandbox]:
    """Connect Vipps, and nothing else, to the merchant's profile."""
    connections = {OPTION: _vipps.credentials}
    await save_profile(merchant.ctx, profile("", "", connections=connections, express=False))
    yield _vipps
    await merchant.audit()
    _vipps.reset()


async def begin(merchant: Merchant, **more: Any) -> str:
    return await merchant.session(40000, **({"configuration": WITHOUT_GIFT_CARDS} | more))


async def press(merchant: Merchant, session_id: str, expect: int = 200, **body: Any) -> Any:
    path = f"/v1/sessions/{session_id}/pay"
    return await merchant.post(path, {"payment_product_type": OPTION, **body}, expect)


async def transaction_of(merchant: Merchant, session_id: str) -> Transaction:
    """Return the session's newest transaction."""
    statement = select(Transaction).where(Transaction.session_id == session_id)
    async with merchant.ctx.db.reading() as db:
        found = list(await db.exec(statement))
    return max(found, key=lambda one: one.created_at)


async def follow(merchant: Merchant, session_id: str) -> PageState:
    """Read what is due, as the worker does."""
    merchant.clock.ahead += timedelta(seconds=10)
    await reconcile_due(merchant.ctx)
    return (await merchant.view(session_id)).state


async def test_by_redirect_captured_and_refunded_in_parts(
    merchant: Merchant, vipps: VippsSandbox
) -> None:
    session_id = await begin(merchant)
    answer = await press(merchant, session_id)
    # Nothing was pushed although a push would be allowed.
    await merchant.come_back(vipps.pay(answer["redirect_url"]))
    shown = await merchant.view(session_id)
    assert (shown.state, shown.gift_card_offered) == (PageState.PAID, False)
    transaction = await transaction_of(merchant, session_id)
    reference = str(transaction.psp_reference)
    assert vipps.pushes(reference) == []
    assert vipps.payment(reference)["paymentDescription"] == "Order order-1"
    path = f"/v1/transactions/{transaction.id}"
    await merchant.post(f"{path}/capture", {"amount": 15000})
    assert vipps.sums(reference) == {
        "authorized": 40000,
        "captured": 15000,
        "cancelled": 0,
        "refunded": 0,
    }
    await merchant.post(f"{path}/void")
    await merchant.post(f"{path}/refund", {"amount": 5000})
    assert vipps.sums(reference) == {
        "authorized": 40000,
        "captured": 15000,
        "cancelled": 25000,
        "refunded": 5000,
    }
    # Only the sums show the outcome.
    assert vipps.payment(reference)["state"] == "AUTHORIZED"


async def test_declined_on_the_page(merchant: Merchant, vipps: VippsSandbox) -> None:
    session_id = await begin(merchant)
    answer = await press(merchant, session_id)
    await merchant.come_back(vipps.pay(answer["redirect_url"], "reject"))
    shown = await merchant.view(session_id)
    assert (shown.state, shown.notice) == (PageState.OPEN, Notice.DECLINED)
    assert (await transaction_of(merchant, session_id)).status == "FAILED"


async def test_approved_after_it_was_given_up_it_is_given_back(
    merchant: Merchant, vipps: VippsSandbox
) -> None:
    vipps.admin("settings", late_approvals=True)
    session_id = await begin(merchant)
    url = (await press(merchant, session_id))["redirect_url"]
    reference = str((await transaction_of(merchant, session_id)).psp_reference)
    await reopen(merchant.ctx, session_id)
    assert vipps.payment(reference)["state"] == "TERMINATED"
    await merchant.come_back(vipps.pay(url))
    assert vipps.sums(reference) == {
        "authorized": 40000,
        "captured": 0,
        "cancelled": 40000,
        "refunded": 0,
    }
    assert (await merchant.view(session_id)).state is PageState.OPEN
    transaction = await transaction_of(merchant, session_id)
    events = (await merchant.transaction(transaction.id))["events"]
    assert (transaction.status, events[-1]["event"]) == ("DECLINED", "VOID")


async def test_by_push(merchant: Merchant, vipps: VippsSandbox) -> None:
    session_id = await begin(merchant)
    (option,) = (await merchant.view(session_id)).options
    assert (option.type, option.pushes) == (OPTION, True)
    answer = await press(merchant, session_id, phone_number="998 87 766")
    assert answer == {
        "success": True,
        "actions": [],
        "poll_url": f"{BASE_URL}/v1/view/{session_id}/session",
    }
    transaction = await transaction_of(merchant, session_id)
    reference = str(transaction.psp_reference)
    (pushed,) = vipps.pushes(reference)
    assert (pushed["phoneNumber"], pushed["state"]) == (PHONE.removeprefix("+"), "CREATED")
    waiting = await merchant.view(session_id)
    assert (waiting.state, waiting.redirect_url) == (PageState.PAYING, None)
    assert (waiting.pushed_to, waiting.pushed_with) == ("+47 •• •• •• 66", OPTION)
    # A second press gives the same push and not another one.
    assert await press(merchant, session_id, phone_number=PHONE) == answer
    assert len(vipps.pushes(reference)) == 1
    events = (await merchant.get(f"/v1/sessions/{session_id}"))["events"]
    (sent,) = [one for one in events if one["name"] == "PUSH_NOTIFICATION_SENT"]
    assert sent["details"] == {"channel": "push", "type": "app"}
    assert await follow(merchant, session_id) is PageState.PAYING
    vipps.answer_in_app()
    assert await follow(merchant, session_id) is PageState.PAID
    paid = await merchant.view(session_id)
    assert (paid.pushed_to, paid.transaction_id) == (None, transaction.id)


async def test_a_push_is_declined_then_paid_by_redirect(
    merchant: Merchant, vipps: VippsSandbox
) -> None:
    session_id = await begin(merchant)
    await press(merchant, session_id, phone_number=PHONE)
    vipps.answer_in_app("reject")
    assert await follow(merchant, session_id) is PageState.OPEN
    shown = await merchant.view(session_id)
    assert (shown.notice, shown.pushed_to) == (Notice.DECLINED, None)
    answer = await press(merchant, session_id)
    await merchant.come_back(vipps.pay(answer["redirect_url"]))
    assert (await merchant.view(session_id)).state is PageState.PAID


async def test_another_way_ends_the_push_at_its_provider_first(
    merchant: Merchant, vipps: VippsSandbox
) -> None:
    session_id = await begin(merchant)
    await press(merchant, session_id, phone_number=PHONE)
    first = await transaction_of(merchant, session_id)
    answer = await press(merchant, session_id)
    assert answer["redirect_url"]
    (pushed,) = vipps.pushes(str(first.psp_reference))
    assert pushed["state"] == "TERMINATED"


async def test_what_is_no_phone_number(merchant: Merchant, vipps: VippsSandbox) -> None:
    before = len(vipps.pushes())
    session_id = await begin(merchant)
    refused = await press(merchant, session_id, expect=400, phone_number="12")
    assert [one["field"] for one in refused["error"]["errors"]] == ["phone_number"]
    assert (await merchant.view(session_id)).state is PageState.OPEN
    assert len(vipps.pushes()) == before


async def test_never_pushed_while_a_gift_card_can_be_used(
    merchant: Merchant, vipps: VippsSandbox
) -> None:
    """No push is sent by the API, by the service or for an attempt that was recorded somehow."""
    before = len(vipps.pushes())
    await save_profile(merchant.ctx, profile("", "", connections={OPTION: vipps.credentials}))
    session_id = await merchant.ready(40000, await merchant.card(10000))
    assert (await merchant.view(session_id)).options == ()
    refused = await press(merchant, session_id, expect=400, phone_number=PHONE)
    assert refused["error"]["code"] == "PUSH_NOT_ALLOWED"
    with pytest.raises(PushNotAllowed):
        await pay(merchant.ctx, session_id, Press(OPTION, 30000, "nb", push_to=PHONE))
    body = session_body(
        configuration={"publish": [PUSH]}
        | WITHOUT_GIFT_CARDS
        | {"dintero": {"type": "payment_type", "wallets": {"enabled": True}}},
        customer={"phone_number": PHONE},
    )
    published = await merchant.post("/v1/sessions-profile", body)
    assert [one["channel"] for one in published["publish"]] == ["sms"]
    # A push starts without a card, and its session allows one before the push is sent.
    await save_profile(
        merchant.ctx, profile("", "", connections={OPTION: vipps.credentials}, express=False)
    )
    late = await begin(
        merchant,
        configuration=WITHOUT_GIFT_CARDS | {"publish": [PUSH]},
        customer={"phone_number": PHONE},
    )
    async with merchant.ctx.db.unit_of_work() as db:
        row = await db.get(CheckoutSession, late)
        assert row is not None
        assert row.pushed_to == PHONE
        row.gift_card_use = True
    transaction = await transaction_of(merchant, late)
    assert (await create_at_provider(merchant.ctx, transaction.id)).state == "refused"
    assert len(vipps.pushes()) == before


async def test_a_change_that_turns_gift_cards_on_ends_the_push(
    merchant: Merchant, vipps: VippsSandbox
) -> None:
    """Splits prevent gift cards. Without them the payer could use one."""
    on = {"dintero": {"type": "payment_type", "wallets": {"enabled": True}}}
    connections = {OPTION: vipps.credentials}
    await save_profile(merchant.ctx, profile("", "", connections=connections, configuration=on))
    item = {
        "id": "10",
        "line_id": "1",
        "amount": 40000,
        "quantity": 1,
        "description": "Pledd",
        "splits": [{"payout_destination_id": "p1", "amount": 40000}],
    }
    order = session_body()["order"] | {"items": [item]}
    session_id = await merchant.ready(
        40000, order=order, configuration={"active_payment_types": {"enabled": True}}
    )
    await press(merchant, session_id, phone_number=PHONE)
    transaction = await transaction_of(merchant, session_id)
    whole = {name: value for name, value in item.items() if name != "splits"}
    path = f"/v1/sessions/{session_id}?update_without_lock=true"
    same = await merchant.api.put(path, json={"order": {"amount": 40000, "items": [item]}})
    assert (same.status_code, same.json()["error"]["code"]) == (409, "PAYMENT_IN_PROGRESS")
    # A refused request also ends no push.
    twice = {"amount": 80000, "items": [whole, whole]}
    for order, status in (({"amount": 1, "items": [whole]}, 400), (twice, 400)):
        refused = await merchant.api.put(path, json={"order": order})
        assert refused.status_code == status, refused.text
    locked = await merchant.api.put(path.partition("?")[0], json={"order": {"items": [whole]}})
    assert locked.status_code == 409, locked.text
    (pushed,) = vipps.pushes(str(transaction.psp_reference))
    assert pushed["state"] == "CREATED"
    changed = await merchant.api.put(path, json={"order": {"amount": 40000, "items": [whole]}})
    assert changed.status_code == 200, changed.text
    (pushed,) = vipps.pushes(str(transaction.psp_reference))
    assert pushed["state"] == "TERMINATED"
    shown = await merchant.view(session_id)
    assert (shown.state, shown.gift_card_offered, shown.options) == (PageState.OPEN, True, ())


async def test_pushed_with_the_session(merchant: Merchant, vipps: VippsSandbox) -> None:
    body = session_body(
        configuration=WITHOUT_GIFT_CARDS | {"publish": [PUSH, PUSH]},
        customer={"phone_number": PHONE},
    )
    made = await merchant.post("/v1/sessions-profile", body)
    assert [one["status"] for one in made["publish"]] == ["sent", "skipped"]
    session_id = made["id"]
    assert (await merchant.view(session_id)).pushed_to == "+47 •• •• •• 66"
    await reconcile_due(merchant.ctx)
    reference = str((await transaction_of(merchant, session_id)).psp_reference)
    assert len(vipps.pushes(reference)) == 1
    session = await merchant.get(f"/v1/sessions/{session_id}")
    (sent,) = [one for one in session["events"] if one["name"] == "PUSH_NOTIFICATION_SENT"]
    assert sent["details"]["id"] == made["publish"][0]["id"]
    vipps.answer_in_app()
    assert await follow(merchant, session_id) is PageState.PAID


async def test_a_published_push_that_the_provider_refuses(
    merchant: Merchant, vipps: VippsSandbox
) -> None:
    vipps.fault("create", "refuse")
    body = session_body(
        configuration=WITHOUT_GIFT_CARDS | {"publish": [PUSH]}, customer={"phone_number": PHONE}
    )
    made = await merchant.post("/v1/sessions-profile", body)
    await reconcile_due(merchant.ctx)
    session = await merchant.get(f"/v1/sessions/{made['id']}")
    assert [one["status"] for one in session["configuration"]["publish"]] == ["failed"]
    assert (await merchant.view(made["id"])).state is PageState.OPEN


async def test_a_push_that_nobody_answers_is_not_given_up_early(
    merchant: Merchant, vipps: VippsSandbox
) -> None:
    session_id = await begin(merchant)
    await press(merchant, session_id, phone_number=PHONE)
    assert await follow(merchant, session_id) is PageState.PAYING
    vipps.admin("clock", advance=9 * 60)
    assert await follow(merchant, session_id) is PageState.PAYING
    vipps.admin("clock", advance=2 * 60)
    assert await follow(merchant, session_id) is PageState.OPEN
    assert (await merchant.view(session_id)).pushed_to is None


async def test_our_address_is_registered_once_and_believed(
    merchant: Merchant, vipps: VippsSandbox
) -> None:
    with Listener().running() as listener:
        merchant.ctx.settings.base_url = listener.url.removesuffix("/notifications")
        own = f"{merchant.ctx.settings.base_url}/v1/psp/{ACCOUNT}/default/vipps/notifications"
        sessions = [await begin(merchant) for _ in range(4)]
        presses = [pay(merchant.ctx, one, Press(OPTION, 40000, "nb")) for one in sessions]
        results = await asyncio.gather(*presses)
        assert {one.state for one in results} == {"redirect"}
        assert [one["url"] for one in vipps.webhooks()].count(own) == 1
        url = str(results[0].url)
        vipps.pay(url)
        (told,) = listener.wait_for(1, b"AUTHORIZED")
        headers = {k: v for k, v in told.headers.items() if not k.startswith(":")}
        path = told.headers[":path"]
        wrong = await merchant.api.post(path, content=told.body + b" ", headers=headers)
        assert wrong.status_code == 401
        assert (await merchant.view(sessions[0])).state is PageState.PAYING
        for _ in range(2):  # the merchant may hear it twice, which is harmless
            answer = await merchant.api.post(path, content=told.body, headers=headers)
            assert answer.status_code == 200, answer.text
        assert (await merchant.view(sessions[0])).state is PageState.PAID
        await _check_kept_privately(merchant, vipps)


async def _check_kept_privately(merchant: Merchant, vipps: VippsSandbox) -> None:
    async with merchant.ctx.db.reading() as db:
        kept = await profile_of(db, ACCOUNT, "default")
    known = connections_of(merchant.ctx, kept)[OPTION]
    assert known["_webhook_secret"] not in kept.connections
    answer = await merchant.get("/v1/admin/session/profiles/default")
    assert set(answer["connections"][OPTION]) == set(vipps.credentials)
    assert known["_webhook_secret"] not in str(answer)


async def test_what_a_killed_process_registered_is_taken_away(
    merchant: Merchant, vipps: VippsSandbox
) -> None:
    """Its secret was shown once, and nobody has it any more."""
    connector = connect(merchant.ctx, OPTION, vipps.credentials)
    own = f"{BASE_URL}/v1/psp/{ACCOUNT}/default/vipps/notifications"
    lost = await connector.register_webhook(own)  # type: ignore[attr-defined]  # Vipps alone has it
    session_id = await begin(merchant)
    await press(merchant, session_id)
    ids = [one["id"] for one in vipps.webhooks() if one["url"] == own]
    assert len(ids) == 1
    assert lost.id not in ids


async def test_a_provider_that_does_not_register_stops_no_payment(
    merchant: Merchant, vipps: VippsSandbox
) -> None:
    vipps.fault("webhook", "error_before", times=5)
    session_id = await begin(merchant)
    answer = await press(merchant, session_id)
    vipps.pay(answer["redirect_url"])
    merchant.clock.ahead += timedelta(seconds=60)
    assert await follow(merchant, session_id) is PageState.PAID
