"""The card gateway's wire protocol: one HTTP call in, one classified answer out.

It knows HTTP, form encoding, idempotency and errors, and nothing about payments.

Source: `docs/reference/psp/stripe.md`.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping
from datetime import datetime

import httpx

from backend.psp.http import Answer, Cleaner, Transport, json_object, text
from backend.psp.protocol import NotificationRefused, Outcome
from backend.psp.tools import Tools

API_VERSION = "2026-06-24.dahlia"
SIGNATURE_TOLERANCE_SECONDS = 300

# These are never kept: what opens a page or a payment, and what names the payer.
_DROPPED = frozenset(
    {
        "billing_details",
        "client_secret",
        "customer_details",
        "customer_email",
        "fingerprint",
        "receipt_email",
        "receipt_url",
        "request_log_url",
        "url",
    }
)
_NOT_ALLOWED = frozenset(
    {
        "charge_already_captured",
        "charge_already_refunded",
        "charge_expired_for_capture",
        "payment_intent_unexpected_state",
    }
)
_AMOUNT = frozenset({"amount_too_large", "amount_too_small", "invalid_charge_amount"})


class Wire:
    """Sends calls for one secret key. Safe for concurrent use.

    ValueError for a base URL that would send the key unencrypted over a network.
    """

    def __init__(
        self,
        base_url: str,
        secret_key: str,
        tools: Tools,
    ) -> None:
        self._secret_key = secret_key
        self._cleaner = Cleaner((secret_key,), _DROPPED)
        self._transport = Transport(base_url, tools)

    async def get(self, path: str, params: Mapping[str, str] | None = None) -> Answer:
        return await self._send("GET", path, params=params)

    async def post(self, path: str, form: Mapping[str, str], idempotency_key: str) -> Answer:
        return await self._send("POST", path, form=form, idempotency_key=idempotency_key)

    async def _send(
        self,
        method: str,
        path: str,
        *,
        params: Mapping[str, str] | None = None,
        form: Mapping[str, str] | None = None,
        idempotency_key: str | None = None,
    ) -> Answer:
        headers = {
            "Authorization": f"Bearer {self._secret_key}",
            "Stripe-Version": API_VERSION,
            "Accept": "application/json",
        }
        if idempotency_key is not None:
            headers["Idempotency-Key"] = idempotency_key
        response = await self._transport.send(
            method, path, headers=headers, params=params, form=form
        )
        return response if isinstance(response, Answer) else self._classify(response)

    def _classify(self, response: httpx.Response) -> Answer:
        body = json_object(response)
        raw = {"status": response.status_code, **self._cleaner.cleaned(body or {})}
        if request_id := response.headers.get("request-id"):
            raw["request_id"] = request_id
        status = response.status_code
        if status == 200:
            if body is None:
                return Answer(Outcome.UNKNOWN, status=status, message="unreadable answer", raw=raw)
            return Answer(Outcome.DONE, body=body, status=status, raw=raw)
        error = body.get("error") if body is not None else None
        if not isinstance(error, dict):
            error = {}
        code = text(error.get("code"))
        message = self._cleaner.masked(text(error.get("message")) or f"HTTP {status}")
        # After 408 and 409 the first call may still be running. Any other 4xx had no effect.
        sure = 400 <= status < 500 and status not in (408, 409)
        return Answer(
            Outcome.REFUSED if sure else Outcome.UNKNOWN,
            status=status,
            code=_refusal(status, text(error.get("type")), code) if sure else None,
            message=message,
            kind=text(error.get("type")),
            replayed=response.headers.get("idempotent-replayed") == "true",
            raw=raw,
        )


def verify_signature(header: str | None, body: bytes, secret: str, now: datetime) -> None:
    """Check a `Stripe-Signature` header over the raw body. NotificationRefused if it fails.

    There are several `v1` while a secret is rolled, and any of them may match. Other schemes are
    ignored.
    """
    moment: int | None = None
    signatures: list[str] = []
    for part in (header or "").split(","):
        name, _, value = part.strip().partition("=")
        if name == "t" and value.isascii() and value.isdigit() and len(value) <= 12:
            moment = int(value)
        elif name == "v1":
            signatures.append(value)
    if moment is None or not signatures or not secret:
        raise NotificationRefused("the signature header cannot be read")
    signed = str(moment).encode() + b"." + body
    expected = hmac.new(secret.encode(), signed, hashlib.sha256).hexdigest().encode()
    # This is a list and no generator, so that every signature is compared, whichever matches.
    matches = [hmac.compare_digest(expected, given.encode()) for given in signatures]
    if not any(matches):
        raise NotificationRefused("no signature matches")
    if abs(now.timestamp() - moment) > SIGNATURE_TOLERANCE_SECONDS:
        raise NotificationRefused("the signature is too old")


def _refusal(status: int, kind: str | None, code: str | None) -> str:
    if status in (401, 403) or code == "api_key_expired":
        return "configuration"
    if status == 402 or kind == "card_error":
        return "declined"
    if status == 429:
        # It was not carried out: `rate_limit` and `lock_timeout` both mean "later".
        return "conflict" if code == "lock_timeout" else "unreachable"
    if code == "rate_limit":
        return "unreachable"
    if kind == "idempotency_error":
        return "conflict"
    if code in _NOT_ALLOWED:
        return "not_allowed"
    return "amount" if code in _AMOUNT else "invalid"
