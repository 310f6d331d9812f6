"""A notification of the card gateway only causes a read, and only if it can prove its origin."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest

from backend.core.errors import NotFound
from backend.payments.attempts.resolve import reopen
from backend.payments.tables import Transaction
from backend.sessions.view import PageState
from tests.api.paying import (
    at_provider,
    transactions_of,
)
from tests.support.card_gateway import CardGatewaySandbox
from tests.support.checkout import ACCOUNT, OPTION, WEBHOOK_SECRET, Merchant

NOTIFICATIONS = f"/v1/psp/{ACCOUNT}/default/{OPTION}/notifications"


def event(transaction: Transaction, **change: Any) -> bytes:
    subject = {
        "object": "checkout.session",
        "id": transaction.psp_reference,
        "client_reference_id": transaction.id,
    } | change
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


async def test_notifications_only_cause_a_read(
    merchant: Merchant, card_gateway: CardGatewaySandbox
) -> None:
    card = await merchant.card(10000)
    session_id = await merchant.ready(40000, card)
    result = await merchant.press_pay(session_id)
    assert result.url is not None
    made = (await transactions_of(merchant, session_id))[0]
    right = event(made)
    # The notification is signed and false: nothing is paid at the provider yet.
    assert (await notify(merchant, right, signed(right))).status_code == 200
    assert (await merchant.view(session_id)).state is PageState.PAYING

    card_gateway.pay(result.url)
    refused: tuple[tuple[bytes, dict[str, str]], ...] = (
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
    merchant: Merchant, card_gateway: CardGatewaySandbox
) -> None:
    session_id = await merchant.ready(40000)
    card_gateway.fault("create", "drop_after")
    assert (await merchant.press_pay(session_id)).state == "unknown"
    made = (await transactions_of(merchant, session_id))[0]
    page = (await at_provider(merchant, card_gateway))[0]
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
    merchant: Merchant, card_gateway: CardGatewaySandbox
) -> None:
    card = await merchant.card(10000)
    session_id = await merchant.ready(40000, card)
    result = await merchant.press_pay(session_id)
    assert result.url is not None
    location = card_gateway.pay(result.url).headers["location"]
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
