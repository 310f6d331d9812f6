"""A try to pay, and everything that may become of it."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from sqlmodel import select

from backend.cards.tables import Hold
from backend.errors import (
    NotFound,
    PaymentInProgress,
    PaymentOptionNotAllowed,
    SessionClosed,
    SplitChanged,
)
from backend.payments import create as creating
from backend.payments.attempts import abandon, reopen
from backend.payments.pay import pay
from backend.payments.reconcile import reconcile_due
from backend.payments.tables import Operation, Transaction
from backend.psp.card_gateway import CardGateway
from backend.sessions import payer
from backend.sessions.view import Notice, PageState
from tests.support.card_gateway import AUTHORIZATION_TIMES_OUT, DECLINED, Acquirer
from tests.support.checkout import ACCOUNT, OPTION, WEBHOOK_SECRET, Merchant, profile

NOTIFICATIONS = f"/v1/psp/{ACCOUNT}/default/{OPTION}/notifications"


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """A connector that waits half a second for an answer."""
    real = CardGateway.__init__

    def init(self: CardGateway, *args: Any, **more: Any) -> None:
        real(self, *args, **more, connect_timeout=1.0, read_timeout=0.5)

    monkeypatch.setattr(CardGateway, "__init__", init)


async def transactions_of(merchant: Merchant, session_id: str) -> list[Transaction]:
    async with merchant.ctx.db.reading() as db:
        query = select(Transaction).where(Transaction.session_id == session_id)
        return list(await db.exec(query.order_by(Transaction.created_at)))  # type: ignore[arg-type]


async def holds(merchant: Merchant) -> list[tuple[str, int]]:
    async with merchant.ctx.db.reading() as db:
        return [(hold.state, hold.amount) for hold in await db.exec(select(Hold))]


async def at_acquirer(merchant: Merchant, acquirer: Acquirer) -> list[dict[str, Any]]:
    """All the payment pages that this merchant has at the acquirer."""
    key = await secret_key(merchant)
    answer = acquirer.http.get(
        f"{acquirer.base_url}/v1/checkout/sessions?limit=100",
        headers={"authorization": f"Bearer {key}"},
    )
    assert answer.status_code == 200, answer.text
    pages: list[dict[str, Any]] = answer.json()["data"]
    return pages


async def secret_key(merchant: Merchant) -> str:
    from backend.accounts.profiles import connections_of, get_profile

    async with merchant.ctx.db.reading() as db:
        stored = await get_profile(db, ACCOUNT, "default")
    return str(connections_of(merchant.ctx, stored)[OPTION]["secret_key"])


def ahead(merchant: Merchant, acquirer: Acquirer, seconds: int) -> None:
    """Time goes on here and at the acquirer."""
    merchant.clock.ahead += timedelta(seconds=seconds)
    acquirer.admin("clock", advance=seconds)


async def reconcile_until_quiet(merchant: Merchant) -> None:
    for _ in range(5):
        if not await reconcile_due(merchant.ctx):
            return


async def test_double_press_and_two_tabs(merchant: Merchant, acquirer: Acquirer) -> None:
    card = await merchant.card(10000)
    session_id = await merchant.ready(40000, card)
    first, second = await asyncio.gather(
        merchant.press_pay(session_id), merchant.press_pay(session_id)
    )
    third = await pay(merchant.ctx, session_id, OPTION, 30000, "en")
    urls = {r.url for r in (first, second, third) if r.state == "redirect"}
    assert len(urls) == 1 and third.state == "redirect"
    assert {first.state, second.state} <= {"redirect", "unknown"}
    # The other tab has another option, or still shows the order without the card.
    for option, to_pay in (("klarna.klarna", 30000), (OPTION, 40000), (None, 0)):
        with pytest.raises(PaymentInProgress):
            await pay(merchant.ctx, session_id, option, to_pay, "nb")
    for change in (
        payer.remove_gift_card(merchant.ctx, session_id),
        payer.add_gift_card(merchant.ctx, session_id, card["number"], card["pin"], "1.2.3.4"),
    ):
        with pytest.raises(PaymentInProgress):
            await change
    assert await holds(merchant) == [("pending", 10000)]
    pages = await at_acquirer(merchant, acquirer)
    assert [page["amount_total"] for page in pages] == [30000]
    assert len(await transactions_of(merchant, session_id)) == 1
    await merchant.audit()


async def test_the_balance_shrank_between_view_and_pay(
    merchant: Merchant, acquirer: Acquirer
) -> None:
    card = await merchant.card(10000)
    session_id = await merchant.ready(40000, card)
    assert (await merchant.view(session_id)).to_pay == 30000
    await merchant.post(
        f"/v1/accounts/{ACCOUNT}/wallets/transactions",
        {"card_id": card["card_id"], "ref_id": "elsewhere", "amount": 6000, "currency": "NOK"},
    )
    with pytest.raises(SplitChanged):
        await pay(merchant.ctx, session_id, OPTION, 30000, "nb")
    assert await holds(merchant) == []
    assert await transactions_of(merchant, session_id) == []
    assert await at_acquirer(merchant, acquirer) == []
    shown = await merchant.view(session_id)
    assert (shown.state, shown.to_pay) == (PageState.OPEN, 36000)
    assert shown.gift_card is not None and shown.gift_card.amount == 4000
    assert (await merchant.press_pay(session_id)).state == "redirect"
    assert await holds(merchant) == [("pending", 4000)]
    await merchant.audit()


async def test_the_card_expired_meanwhile(merchant: Merchant) -> None:
    soon = (datetime.now(UTC) + timedelta(hours=1)).isoformat()
    card = await merchant.card(10000, expires_at=soon)
    session_id = await merchant.ready(40000, card)
    merchant.clock.ahead = timedelta(hours=2)
    with pytest.raises(SplitChanged):
        await pay(merchant.ctx, session_id, OPTION, 30000, "nb")
    assert await holds(merchant) == []
    assert (await merchant.view(session_id)).to_pay == 40000
    assert (await merchant.press_pay(session_id)).state == "redirect"
    assert await holds(merchant) == []
    assert await merchant.balance(card["card_id"]) == (10000, 0, 0)
    await merchant.audit()


async def test_an_option_that_is_not_offered_is_refused(merchant: Merchant) -> None:
    session_id = await merchant.ready(40000)
    for option in (None, "vipps", "klarna.klarna", "dintero.wallets", "dintero.zero", ""):
        with pytest.raises(PaymentOptionNotAllowed):
            await pay(merchant.ctx, session_id, option, 40000, "nb")
    assert await transactions_of(merchant, session_id) == []


async def test_declined_then_paid_with_another_try(merchant: Merchant, acquirer: Acquirer) -> None:
    card = await merchant.card(10000)
    session_id = await merchant.ready(40000, card)
    result = await merchant.press_pay(session_id)
    assert result.url is not None
    acquirer.pay(result.url, DECLINED)
    first = (await transactions_of(merchant, session_id))[0]
    back = f"/v1/sessions/{session_id}/redirect/{first.return_ref}"
    assert await merchant.come_back(f"{back}?cancelled=1") == (
        f"http://127.0.0.1:8000/v1/view/{session_id}"
    )
    shown = await merchant.view(session_id)
    assert (shown.state, shown.notice, shown.to_pay) == (PageState.OPEN, Notice.DECLINED, 30000)
    assert shown.gift_card is not None and shown.gift_card.amount == 10000
    assert await merchant.balance(card["card_id"]) == (10000, 0, 0)
    await merchant.audit()
    # The first page is dead: it cannot be paid any more.
    late = acquirer.pay(result.url)
    assert [page["status"] for page in await at_acquirer(merchant, acquirer)] == ["expired"], late

    again = await merchant.press_pay(session_id)
    assert again.url is not None and again.url != result.url
    paid = acquirer.pay(again.url)
    leave = await merchant.come_back(paid.headers["location"])
    transaction_id = parse_qs(urlsplit(leave).query)["transaction_id"][0]
    assert (await merchant.transaction(transaction_id))["status"] == "AUTHORIZED"
    assert await merchant.balance(card["card_id"]) == (0, 10000, 0)
    failed, done = await transactions_of(merchant, session_id)
    assert (failed.status, done.status, done.id) == ("FAILED", "AUTHORIZED", transaction_id)
    assert sorted(await holds(merchant)) == [("pending", 10000), ("voided", 10000)]
    # The first try's way back changes nothing any more.
    await merchant.come_back(f"{back}?cancelled=1")
    assert (await merchant.view(session_id)).state is PageState.PAID
    await merchant.audit()


async def test_cancelled_at_the_provider(merchant: Merchant, acquirer: Acquirer) -> None:
    card = await merchant.card(10000)
    session_id = await merchant.ready(40000, card)
    await merchant.press_pay(session_id)
    made = (await transactions_of(merchant, session_id))[0]
    await merchant.come_back(f"/v1/sessions/{session_id}/redirect/{made.return_ref}?cancelled=1")
    shown = await merchant.view(session_id)
    assert (shown.state, shown.notice) == (PageState.OPEN, Notice.PAYMENT_CANCELLED)
    assert await merchant.balance(card["card_id"]) == (10000, 0, 0)
    assert [page["status"] for page in await at_acquirer(merchant, acquirer)] == ["expired"]
    await merchant.audit()


async def test_a_return_without_having_paid_waits(merchant: Merchant, acquirer: Acquirer) -> None:
    card = await merchant.card(10000)
    session_id = await merchant.ready(40000, card)
    await merchant.press_pay(session_id)
    made = (await transactions_of(merchant, session_id))[0]
    await merchant.come_back(f"/v1/sessions/{session_id}/redirect/{made.return_ref}")
    assert (await merchant.view(session_id)).state is PageState.PAYING
    assert await merchant.balance(card["card_id"]) == (0, 10000, 0)
    await merchant.audit()


async def test_reopen_while_the_provider_has_authorized(
    merchant: Merchant, acquirer: Acquirer
) -> None:
    """Back button after paying: the read decides, not the payer's wish."""
    card = await merchant.card(10000)
    session_id = await merchant.ready(40000, card)
    result = await merchant.press_pay(session_id)
    assert result.url is not None
    acquirer.pay(result.url)
    await reopen(merchant.ctx, session_id)
    shown = await merchant.view(session_id)
    assert shown.state is PageState.PAID
    assert await merchant.balance(card["card_id"]) == (0, 10000, 0)
    assert (await merchant.press_pay(session_id)).state == "paid"
    assert len(await at_acquirer(merchant, acquirer)) == 1
    with pytest.raises(SessionClosed):
        await abandon(merchant.ctx, session_id)
    await merchant.audit()


async def test_abandon(merchant: Merchant, acquirer: Acquirer) -> None:
    card = await merchant.card(10000)
    session_id = await merchant.ready(40000, card)
    await merchant.press_pay(session_id)
    leave = await abandon(merchant.ctx, session_id)
    query = parse_qs(urlsplit(leave).query)
    assert query == {
        "keep": ["1"], "merchant_reference": ["order-1"], "error": ["cancelled"],
    }  # fmt: skip
    assert (await merchant.view(session_id)).state is PageState.CANCELLED
    assert await merchant.balance(card["card_id"]) == (10000, 0, 0)
    assert [page["status"] for page in await at_acquirer(merchant, acquirer)] == ["expired"]
    with pytest.raises(SessionClosed):
        await merchant.press_pay(session_id)
    with pytest.raises(SessionClosed):
        await payer.remove_gift_card(merchant.ctx, session_id)
    assert await abandon(merchant.ctx, session_id) == leave
    await merchant.audit()


async def test_an_expired_session_cannot_be_paid(merchant: Merchant, acquirer: Acquirer) -> None:
    card = await merchant.card(10000)
    session_id = await merchant.ready(40000, card)
    merchant.clock.ahead = timedelta(hours=25)
    assert (await merchant.view(session_id)).state is PageState.EXPIRED
    for act in (
        lambda: pay(merchant.ctx, session_id, OPTION, 30000, "nb"),
        lambda: payer.remove_gift_card(merchant.ctx, session_id),
    ):
        with pytest.raises(SessionClosed):
            await act()
    assert await holds(merchant) == []
    assert await at_acquirer(merchant, acquirer) == []


async def test_never_returned_and_not_paid(merchant: Merchant, acquirer: Acquirer) -> None:
    card = await merchant.card(10000)
    session_id = await merchant.ready(40000, card)
    await merchant.press_pay(session_id)
    ahead(merchant, acquirer, 120)
    assert await reconcile_due(merchant.ctx) == 1
    assert (await merchant.view(session_id)).state is PageState.PAYING
    assert await merchant.balance(card["card_id"]) == (0, 10000, 0)
    ahead(merchant, acquirer, merchant.ctx.settings.payment_lifetime)
    assert await reconcile_due(merchant.ctx) == 1
    assert [page["status"] for page in await at_acquirer(merchant, acquirer)] == ["expired"]
    assert (await merchant.view(session_id)).state is PageState.OPEN
    assert await merchant.balance(card["card_id"]) == (10000, 0, 0)
    assert await reconcile_due(merchant.ctx) == 0
    await merchant.audit()


async def test_never_returned_but_paid(merchant: Merchant, acquirer: Acquirer) -> None:
    card = await merchant.card(10000)
    session_id = await merchant.ready(40000, card)
    result = await merchant.press_pay(session_id)
    assert result.url is not None
    acquirer.pay(result.url)
    assert (await merchant.view(session_id)).state is PageState.PAYING
    assert await reconcile_due(merchant.ctx) == 0  # not due yet
    ahead(merchant, acquirer, 31)
    assert await reconcile_due(merchant.ctx) == 1
    assert (await merchant.view(session_id)).state is PageState.PAID
    assert await merchant.balance(card["card_id"]) == (0, 10000, 0)
    await merchant.audit()


async def test_the_bank_does_not_answer(merchant: Merchant, acquirer: Acquirer) -> None:
    """Not decided: the hold stays, whatever our own time limit says, until it is."""
    card = await merchant.card(10000)
    session_id = await merchant.ready(40000, card)
    result = await merchant.press_pay(session_id)
    assert result.url is not None
    acquirer.admin("settings", settle_seconds=7200)
    acquirer.pay(result.url, AUTHORIZATION_TIMES_OUT)
    ahead(merchant, acquirer, merchant.ctx.settings.payment_lifetime + 60)
    await reconcile_until_quiet(merchant)
    assert (await merchant.view(session_id)).state is PageState.PAYING
    assert await merchant.balance(card["card_id"]) == (0, 10000, 0)
    with pytest.raises(PaymentInProgress):
        await abandon(merchant.ctx, session_id)
    assert await holds(merchant) == [("pending", 10000)]
    ahead(merchant, acquirer, 7200)
    await reconcile_until_quiet(merchant)
    assert (await merchant.view(session_id)).state is PageState.OPEN
    assert await merchant.balance(card["card_id"]) == (10000, 0, 0)
    await merchant.audit()


@pytest.mark.parametrize("found_by", ["press", "reconciler"])
@pytest.mark.parametrize("kind", ["drop_after", "late"])
async def test_the_answer_to_create_is_lost(
    merchant: Merchant, acquirer: Acquirer, impatient: None, kind: str, found_by: str
) -> None:
    """Done there, not known here: the same key finds the same payment."""
    card = await merchant.card(10000)
    session_id = await merchant.ready(40000, card)
    acquirer.fault("create", kind, seconds=1)
    assert (await merchant.press_pay(session_id)).state == "unknown"
    shown = await merchant.view(session_id)
    assert (shown.state, shown.redirect_url) == (PageState.PAYING, None)
    assert await merchant.balance(card["card_id"]) == (0, 10000, 0)
    if found_by == "reconciler":
        merchant.clock.ahead += timedelta(seconds=5)
        assert await reconcile_due(merchant.ctx) == 1
        assert (await merchant.view(session_id)).redirect_url is not None
    again = await merchant.press_pay(session_id)
    assert again.state == "redirect" and again.url is not None
    assert [page["amount_total"] for page in await at_acquirer(merchant, acquirer)] == [30000]
    await merchant.come_back(acquirer.pay(again.url).headers["location"])
    assert (await merchant.view(session_id)).state is PageState.PAID
    assert len(await transactions_of(merchant, session_id)) == 1
    await merchant.audit()


async def test_reopen_while_the_answer_to_create_is_unknown(
    merchant: Merchant, acquirer: Acquirer
) -> None:
    card = await merchant.card(10000)
    session_id = await merchant.ready(40000, card)
    acquirer.fault("create", "drop_after")
    assert (await merchant.press_pay(session_id)).state == "unknown"
    await reopen(merchant.ctx, session_id)
    shown = await merchant.view(session_id)
    assert (shown.state, shown.notice) == (PageState.OPEN, Notice.PAYMENT_CANCELLED)
    assert await merchant.balance(card["card_id"]) == (10000, 0, 0)
    assert [page["status"] for page in await at_acquirer(merchant, acquirer)] == ["expired"]
    await merchant.audit()


async def test_a_late_refusal_does_not_end_what_was_created(
    merchant: Merchant, acquirer: Acquirer
) -> None:
    """Two at once ask for the payment. One has sent the payer on; the other is told no."""
    from backend.psp.protocol import Outcome, Result

    card = await merchant.card(10000)
    session_id = await merchant.ready(40000, card)
    result = await merchant.press_pay(session_id)
    assert result.state == "redirect" and result.url is not None
    made = (await transactions_of(merchant, session_id))[0]
    async with merchant.ctx.db.reading() as db:
        operation = (await db.exec(select(Operation))).one()
    for late in (Result(Outcome.REFUSED, code="unreachable"), Result(Outcome.UNKNOWN)):
        answer = await creating._keep_created(merchant.ctx, made, operation.id, late, sent=True)
        assert (answer.state, answer.url) == ("redirect", result.url)
    assert (await merchant.view(session_id)).state is PageState.PAYING
    assert await merchant.balance(card["card_id"]) == (0, 10000, 0)
    await merchant.come_back(acquirer.pay(result.url).headers["location"])
    assert (await merchant.view(session_id)).state is PageState.PAID
    await merchant.audit()


async def test_the_provider_refuses_or_is_down(merchant: Merchant, acquirer: Acquirer) -> None:
    card = await merchant.card(10000)
    session_id = await merchant.ready(40000, card)
    acquirer.fault("create", "refuse", status=400, code="parameter_invalid")
    assert (await merchant.press_pay(session_id)).state == "refused"
    shown = await merchant.view(session_id)
    assert (shown.state, shown.notice) == (PageState.OPEN, Notice.PROVIDER_DOWN)
    assert await merchant.balance(card["card_id"]) == (10000, 0, 0)

    key = await secret_key(merchant)
    from backend.accounts.profiles import save_profile

    await save_profile(merchant.ctx, profile("http://127.0.0.1:1", key))
    assert (await merchant.press_pay(session_id)).state == "refused"
    shown = await merchant.view(session_id)
    assert (shown.state, shown.notice) == (PageState.OPEN, Notice.PROVIDER_DOWN)
    assert await merchant.balance(card["card_id"]) == (10000, 0, 0)

    await save_profile(merchant.ctx, profile(acquirer.base_url, key, connections={}))
    assert (await merchant.press_pay(session_id)).state == "refused"
    assert (await merchant.view(session_id)).notice is Notice.PROVIDER_DOWN

    await save_profile(merchant.ctx, profile(acquirer.base_url, key))
    assert (await merchant.press_pay(session_id)).state == "redirect"
    assert {t.status for t in await transactions_of(merchant, session_id)} == {
        "FAILED", "INITIATED",
    }  # fmt: skip
    await merchant.audit()


async def test_the_connection_is_gone_when_the_payer_comes_back(
    merchant: Merchant, acquirer: Acquirer
) -> None:
    from backend.accounts.profiles import save_profile

    session_id = await merchant.ready(40000)
    await merchant.press_pay(session_id)
    made = (await transactions_of(merchant, session_id))[0]
    key = await secret_key(merchant)
    await save_profile(merchant.ctx, profile(acquirer.base_url, key, connections={}))
    answer = await merchant.api.get(f"/v1/sessions/{session_id}/redirect/{made.return_ref}")
    assert answer.status_code == 503
    assert answer.json()["error"]["code"] == "UNAVAILABLE"
    assert (await merchant.view(session_id)).state is PageState.PAYING


async def test_authorized_with_another_amount(merchant: Merchant, acquirer: Acquirer) -> None:
    card = await merchant.card(10000)
    session_id = await merchant.ready(40000, card)
    result = await merchant.press_pay(session_id)
    assert result.url is not None
    location = acquirer.pay(result.url).headers["location"]
    acquirer.fault("read", "wrong_amount")
    await merchant.come_back(location)
    made = (await transactions_of(merchant, session_id))[0]
    assert made.status == "ON_HOLD"
    assert (made.card_authorized, made.psp_authorized) == (0, 0)
    assert await merchant.balance(card["card_id"]) == (0, 10000, 0)
    await merchant.post(f"/v1/transactions/{made.id}/capture", {"amount": 40000}, expect=400)
    assert await reconcile_due(merchant.ctx) == 0
    with pytest.raises(PaymentInProgress):
        await abandon(merchant.ctx, session_id)
    assert await merchant.balance(card["card_id"]) == (0, 10000, 0)
    await merchant.audit()


async def test_an_address_that_we_never_gave_out(merchant: Merchant) -> None:
    session_id = await merchant.ready(40000)
    await merchant.press_pay(session_id)
    made = (await transactions_of(merchant, session_id))[0]
    other = await merchant.ready(40000)
    for path in (
        f"/v1/sessions/{session_id}/redirect/unknown",
        f"/v1/sessions/{other}/redirect/{made.return_ref}",
        f"/v1/sessions/unknown/redirect/{made.return_ref}",
    ):
        answer = await merchant.api.get(path)
        assert answer.status_code == 404
        assert answer.json()["error"]["code"] == "NOT_FOUND"
    assert (await merchant.view(session_id)).state is PageState.PAYING


# --- notifications -----------------------------------------------------------------------------


def event(transaction: Transaction, **change: Any) -> bytes:
    subject = {
        "object": "checkout.session", "id": transaction.psp_reference,
        "client_reference_id": transaction.id,
    } | change  # fmt: skip
    return json.dumps(
        {"id": "evt_1", "type": "checkout.session.completed", "data": {"object": subject}}
    ).encode()


def signed(body: bytes, secret: str = WEBHOOK_SECRET, age: int = 0) -> dict[str, str]:
    moment = str(int(datetime.now(UTC).timestamp()) - age)
    signature = hmac.new(secret.encode(), moment.encode() + b"." + body, hashlib.sha256)
    return {"stripe-signature": f"t={moment},v1={signature.hexdigest()}"}


async def notify(merchant: Merchant, body: bytes, headers: dict[str, str]) -> httpx.Response:
    return await merchant.api.post(
        NOTIFICATIONS, content=body, headers={"authorization": "", **headers}
    )


async def test_notifications_only_cause_a_read(merchant: Merchant, acquirer: Acquirer) -> None:
    card = await merchant.card(10000)
    session_id = await merchant.ready(40000, card)
    result = await merchant.press_pay(session_id)
    assert result.url is not None
    made = (await transactions_of(merchant, session_id))[0]
    right = event(made)
    # Signed, but not true: nothing is paid at the acquirer yet.
    assert (await notify(merchant, right, signed(right))).status_code == 200
    assert (await merchant.view(session_id)).state is PageState.PAYING

    acquirer.pay(result.url)
    refused = (
        (right, {}),
        (right, signed(right, "whsec_of_somebody_else")),
        (right, signed(right, age=330)),
        (right, signed(right, age=-330)),
        (right + b" ", signed(right)),
        (right, {"stripe-signature": "t=x,v1=y"}),
        (b"no json", signed(b"no json")),
    )
    for body, headers in refused:
        answer = await notify(merchant, body, headers)
        assert answer.status_code == 401, (body, headers)
        assert answer.json()["error"]["code"] == "UNAUTHORIZED"
    assert (await merchant.view(session_id)).state is PageState.PAYING

    for unknown in (
        event(made, id="cs_unknown"),
        event(made, object="payment_intent", client_reference_id="T12345678.unknown"),
        b'{"id": "e", "type": "x"}',
    ):
        assert (await notify(merchant, unknown, signed(unknown))).status_code == 200
    assert (await merchant.view(session_id)).state is PageState.PAYING

    for _ in range(2):
        assert (await notify(merchant, right, signed(right))).status_code == 200
    assert (await merchant.view(session_id)).state is PageState.PAID
    events = (await merchant.transaction(made.id))["events"]
    assert [e["event"] for e in events] == ["INITIALIZE", "AUTHORIZE"]
    assert await merchant.balance(card["card_id"]) == (0, 10000, 0)
    await merchant.audit()


async def test_a_notification_before_we_know_the_payment(
    merchant: Merchant, acquirer: Acquirer
) -> None:
    session_id = await merchant.ready(40000)
    acquirer.fault("create", "drop_after")
    assert (await merchant.press_pay(session_id)).state == "unknown"
    made = (await transactions_of(merchant, session_id))[0]
    page = (await at_acquirer(merchant, acquirer))[0]
    body = event(made, id=page["id"])
    assert (await notify(merchant, body, signed(body))).status_code == 200
    assert (await merchant.view(session_id)).state is PageState.PAYING
    assert len(await transactions_of(merchant, session_id)) == 1
    await merchant.audit()


async def test_notifications_to_addresses_that_are_not_ours(merchant: Merchant) -> None:
    for path, status in (
        (f"/v1/psp/{ACCOUNT}/default/klarna.klarna/notifications", 404),
        (f"/v1/psp/{ACCOUNT}/unknown/{OPTION}/notifications", 400),
        (f"/v1/psp/T00000000/default/{OPTION}/notifications", 400),
    ):
        answer = await merchant.api.post(path, content=b"{}", headers=signed(b"{}"))
        assert answer.status_code == status
        assert "detail" not in answer.json()


async def test_settled_twice_at_once_is_settled_once(
    merchant: Merchant, acquirer: Acquirer
) -> None:
    card = await merchant.card(10000)
    session_id = await merchant.ready(40000, card)
    result = await merchant.press_pay(session_id)
    assert result.url is not None
    location = acquirer.pay(result.url).headers["location"]
    made = (await transactions_of(merchant, session_id))[0]
    body = event(made)
    await asyncio.gather(
        *(merchant.come_back(location) for _ in range(3)),
        *(notify(merchant, body, signed(body)) for _ in range(3)),
        *(reopen(merchant.ctx, session_id) for _ in range(3)),
    )
    assert (await merchant.view(session_id)).state is PageState.PAID
    events = (await merchant.transaction(made.id))["events"]
    assert [e["event"] for e in events] == ["INITIALIZE", "AUTHORIZE"]
    with pytest.raises(NotFound):
        await reopen(merchant.ctx, "unknown")
    await merchant.audit()
