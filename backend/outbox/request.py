"""What one attempt sends, by the kind of message: address, bytes, headers, and time-outs.

| kind     | attempts | gaps            | given up at once | time-out |
| callback | 20       | 5 s .. 4 h      | 3xx, 4xx         | 10 s     |
| webhook  | 5        | 2 min .. 16 min | never            | 60 s     |
| sms      | 5        | 5 s .. 40 s     | 4xx but 408, 429 | 5 s      |
| email    | 20       | 5 s .. 4 h      | 5xx              | 10 s     |

Source: `docs/reference/dintero-api.md#callback`, `#webhooks`. We decided what these leave open.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import httpx

from backend.core.address import AddressRefused, AddressUnknown, resolve
from backend.core.context import Backend
from backend.outbox.sign import as_json, callback_signature, hook_signature
from backend.outbox.smtp import receipt_link
from backend.outbox.tables import Delivery, HookSubscription, SigningSecret
from backend.receipts.facts import Receipt
from backend.receipts.written import sms_text
from backend.rules.backoff import Backoff

USER_AGENT = "gavekort"
_GAPS = Backoff(first=5, longest=4 * 3600)
_WEBHOOK_GAPS = Backoff(first=120, longest=4 * 3600)
_RETRIED_BY_SMS = (408, 429)


class Unsendable(Exception):
    """There is no address to send to. `final` says that there will not be one later either."""

    def __init__(self, why: str, *, final: bool) -> None:
        super().__init__(why)
        self.final = final


@dataclass(frozen=True, slots=True)
class Outgoing:
    """A request to send. `headers` are sent, and `kept` is the part of them that may be read later.
    `url` is the address, and `shown` is what we call it."""

    client: httpx.AsyncClient
    method: str
    url: str
    shown: str
    headers: dict[str, str]
    kept: dict[str, str]
    content: bytes | None
    server_name: str | None
    timeout: float


def attempts(ctx: Backend, delivery: Delivery) -> int:
    settings = ctx.settings
    return {
        "webhook": settings.webhook_attempts,
        "sms": settings.sms_attempts,
        "email": settings.smtp_attempts,
    }.get(delivery.kind, settings.callback_attempts)


def gap(kind: str, tries: int) -> timedelta:
    """Return the wait after the `tries`-th attempt: doubling, up to 4 h."""
    return (_WEBHOOK_GAPS if kind == "webhook" else _GAPS).after(tries)


def is_final(kind: str, status: int) -> bool:
    """Return whether this refusal is final."""
    if kind == "webhook":
        return False
    if kind == "email":
        return 500 <= status < 600
    if kind == "sms":
        return 400 <= status < 500 and status not in _RETRIED_BY_SMS
    return 300 <= status < 500


async def prepare(ctx: Backend, delivery: Delivery) -> Outgoing:
    """Return everything that one attempt sends. Unsendable."""
    now = ctx.clock.now()
    if delivery.useless_after is not None and delivery.useless_after <= now:
        raise Unsendable("too late: it would be of no use any more", final=True)
    if delivery.kind == "sms":
        return _sms(ctx, delivery)
    content = as_json(delivery.body) if delivery.body is not None else None
    url, timeout, headers = delivery.url, ctx.settings.callback_timeout, {}
    if delivery.kind == "webhook":
        hook = await _hook(ctx, delivery)
        url, timeout = hook.url, ctx.settings.webhook_timeout
        headers = {"event": delivery.event or "", "event-delivery": delivery.id}
        if hook.secret is not None:
            secret = str(ctx.vault.unseal(hook.secret)["secret"])
            headers["event-signature"] = hook_signature(secret, content or b"")
    else:
        headers = await signature_header(ctx, delivery.account_id, delivery.method, url, now)
    return await _outgoing(ctx, delivery.method, url, content, headers, timeout)


async def signature_header(
    ctx: Backend, account_id: str, method: str, url: str, now: datetime
) -> dict[str, str]:
    """Return `Dintero-Signature` if the account has a secret, else nothing."""
    async with ctx.db.reading() as db:
        kept = await db.get(SigningSecret, account_id)
    if kept is None:
        return {}
    secret = str(ctx.vault.unseal(kept.secret)["secret"])
    moment = int(now.timestamp())
    return {"dintero-signature": callback_signature(secret, account_id, method, url, moment)}


async def _hook(ctx: Backend, delivery: Delivery) -> HookSubscription:
    async with ctx.db.reading() as db:
        hook = await db.get(HookSubscription, delivery.subscription_id)
    if hook is None or hook.deleted_at is not None:
        raise Unsendable("the subscription is deleted", final=True)
    return hook


async def _outgoing(
    ctx: Backend,
    method: str,
    url: str,
    content: bytes | None,
    extra: dict[str, str],
    timeout: float,
) -> Outgoing:
    """Return a request to a merchant's address. It is pinned, and never private unless that is
    allowed."""
    try:
        async with asyncio.timeout(timeout):
            target = await resolve(url, allow_insecure=ctx.settings.insecure_addresses)
    except TimeoutError as slow:
        raise Unsendable(f"the name was not resolved within {timeout:g} s", final=False) from slow
    except AddressRefused as refused:
        raise Unsendable(str(refused), final=True) from refused
    except AddressUnknown as unknown:
        raise Unsendable(str(unknown), final=False) from unknown
    headers = {"host": target.host, "user-agent": USER_AGENT, "accept-encoding": "identity"}
    if content is not None:
        headers["content-type"] = "application/json"
    headers |= extra
    return Outgoing(
        client=ctx.callbacks_http,
        method=method,
        url=target.url,
        shown=url,
        headers=headers,
        kept=headers,
        content=content,
        server_name=target.server_name,
        timeout=timeout,
    )


def _sms(ctx: Backend, delivery: Delivery) -> Outgoing:
    """Return a request to the operator's own gateway: `{"to", "from", "text", "reference"}`."""
    settings = ctx.settings
    if settings.sms_url is None:
        raise Unsendable("no SMS gateway is set up", final=True)
    body = dict(delivery.body or {})
    if sealed := body.pop("sealed", None):
        # A code that opens something is never stored as it is.
        body |= ctx.vault.unseal(sealed)
    text = body["text"] if "text" in body else _receipt_text(settings.base_url, body)
    message = {
        "to": body["to"],
        "text": text,
        "from": settings.sms_sender,
        "reference": delivery.id,
    }
    kept = {
        "user-agent": USER_AGENT,
        "content-type": "application/json",
        # It is the same on every attempt, so that a gateway that knows it sends one message.
        "idempotency-key": delivery.id,
    }
    headers = dict(kept)
    if settings.sms_token is not None:
        headers["authorization"] = f"Bearer {settings.sms_token.get_secret_value()}"
    return Outgoing(
        client=ctx.operator_http,
        method="POST",
        url=settings.sms_url,
        shown=delivery.url,
        headers=headers,
        kept=kept,
        content=as_json(message),
        server_name=None,
        timeout=settings.sms_timeout,
    )


def _receipt_text(base_url: str, body: Mapping[str, Any]) -> str:
    receipt = Receipt.from_json(body["receipt"])
    link = receipt_link(base_url, receipt.session_id, body["language"])
    return sms_text(receipt, body["language"], link)
