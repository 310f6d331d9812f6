"""What the tests of callbacks and webhooks do, and what every webhook has to look like."""

from __future__ import annotations

import hashlib
import hmac
import uuid
from datetime import datetime, timedelta
from typing import Any

from backend.outbox.deliver import deliver_due
from backend.sessions.publish import note_delivered
from tests.support.checkout import ACCOUNT, Merchant, sign_in
from tests.support.receiver import Got, Receiver

HOOKS = f"/v1/accounts/{ACCOUNT}/hooks/subscriptions"
DELIVERIES = f"/v1/accounts/{ACCOUNT}/hooks/deliveries"
ALL = ["wallet_transaction", "checkout_transaction", "checkout_authorization"]


def callback_to(shop: Receiver, query: str = "") -> dict[str, str]:
    return {"return_url": "https://shop.example/back", "callback_url": f"{shop.url}/cb{query}"}


async def deliver(merchant: Merchant) -> int:
    """Send all that is due; how many. What is about one thing goes out one by one."""
    sent = 0
    while batch := await deliver_due(merchant.ctx, delivered=note_delivered):
        sent += batch
    return sent


async def until_quiet(merchant: Merchant, maximum: int = 60) -> int:
    """Let the clock run to each next attempt until nothing is pending; how many were sent."""
    sent = 0
    for _ in range(maximum):
        sent += await deliver(merchant)
        page = await merchant.get(f"{DELIVERIES}?state=pending&limit=100")
        if not page["deliveries"]:
            return sent
        due = min(one["next_try_at"] for one in page["deliveries"])
        left = datetime.fromisoformat(due) - merchant.clock.now()
        if left > timedelta():
            merchant.clock.ahead += left + timedelta(milliseconds=5)
        merchant.api.headers["authorization"] = f"Bearer {await sign_in(merchant)}"
    raise AssertionError("still pending")


async def events_of(merchant: Merchant, session_id: str) -> list[str]:
    session = await merchant.get(f"/v1/sessions/{session_id}")
    return [event["name"] for event in session["events"]]


async def subscribe(
    merchant: Merchant, shop: Receiver, events: list[str], secret: str | None = "s3cret"
) -> dict[str, Any]:
    config = {"url": f"{shop.url}/hook", "content_type": "application/json", "secret": secret}
    hook: dict[str, Any] = await merchant.post(HOOKS, {"config": config, "events": events})
    return hook


def checked(got: Got, secret: str = "s3cret") -> dict[str, Any]:
    """The payload, after headers and signature were found right."""
    body: dict[str, Any] = got.json
    assert got.headers["event"] == body["event"]
    assert got.headers["event-delivery"] == body["event_delivery"]
    uuid.UUID(body["event_delivery"])  # raises where it is none
    assert body["account_id"] == ACCOUNT
    assert got.headers["content-type"] == "application/json"
    digest = hmac.new(secret.encode(), got.body, hashlib.sha1).hexdigest()
    assert got.headers["event-signature"] == digest
    return body
