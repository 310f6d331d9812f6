"""Klarna's wire protocol: one HTTP call in, one classified answer out.

Knows JSON, idempotency and errors, and nothing about payments.

Source: `docs/reference/psp/klarna.md#interfaces-and-access`, `#idempotency-and-limits`, `#errors`.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import uuid
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote, urlsplit

import httpx

from backend.psp.http import Answer, Cleaner, Transport, is_local, json_object, text
from backend.psp.protocol import Outcome
from backend.psp.tools import Tools

# These are never kept: what opens a page or a payment, what names the payer, and addresses with our
# token.
_DROPPED = frozenset(
    {
        "authorization_token",
        "billing_address",
        "client_token",
        "customer",
        "distribution_module",
        "distribution_url",
        "manual_identification_check_url",
        "merchant_urls",
        "order_lines",
        "payment_method_categories",
        "qr_code_url",
        "redirect_url",
        "session_url",
        "shipping_address",
        "shipping_info",
    }
)
ORDERS = "/ordermanagement/v1/orders"
_KEYS = uuid.uuid5(uuid.NAMESPACE_URL, "urn:gavekort:klarna-idempotency-key")


class Wire:
    """Sends calls for one API credential. Safe for concurrent use.

    ValueError for a base URL that would send the password unencrypted over a network.
    """

    def __init__(
        self,
        base_url: str,
        username: str,
        password: str,
        tools: Tools,
    ) -> None:
        pair = base64.b64encode(f"{username}:{password}".encode()).decode()
        self._authorization = f"Basic {pair}"
        self._password = password
        self._cleaner = Cleaner((password, pair), _DROPPED)
        self._transport = Transport(base_url, tools)

    @property
    def base_url(self) -> str:
        return self._transport.base_url

    async def get(self, path: str) -> Answer:
        return await self._send("GET", path)

    async def post(self, path: str, body: Mapping[str, Any] | None, key: str) -> Answer:
        """Send a POST. `key` is ours. The provider wants a UUID, so one is derived from it."""
        return await self._send("POST", path, body=body, key=key)

    async def patch(self, path: str, body: Mapping[str, Any], key: str) -> Answer:
        """Send a PATCH. `key` is as for `post`."""
        return await self._send("PATCH", path, body=body, key=key)

    async def delete(self, path: str) -> Answer:
        return await self._send("DELETE", path)

    def token(self, transaction_id: str) -> str:
        """Return the token that proves that a notification address is ours, because notifications
        are not signed."""
        message = f"notifications of {transaction_id}".encode()
        return hmac.new(self._password.encode(), message, hashlib.sha256).hexdigest()

    async def _send(
        self,
        method: str,
        path: str,
        *,
        body: Mapping[str, Any] | None = None,
        key: str | None = None,
    ) -> Answer:
        headers = {
            "Authorization": self._authorization,
            "Accept": "application/json",
            "User-Agent": "Gavekort",
        }
        content = None
        if body is not None:
            headers["Content-Type"] = "application/json"
            content = json.dumps(body).encode()
        if key is not None:
            headers["Klarna-Idempotency-Key"] = str(uuid.uuid5(_KEYS, key))
        response = await self._transport.send(method, path, headers=headers, content=content)
        return response if isinstance(response, Answer) else self._classify(response)

    def _classify(self, response: httpx.Response) -> Answer:
        # "Created" and "done" come without a body.
        body = json_object(response) if response.content else {}
        status = response.status_code
        raw: dict[str, Any] = {"status": status, **self._cleaner.cleaned(body or {})}
        if correlation_id := response.headers.get("klarna-correlation-id"):
            raw["correlation_id"] = correlation_id
        if status in (200, 201, 204):
            if body is None:
                return Answer(Outcome.UNKNOWN, status=status, message="unreadable answer", raw=raw)
            return Answer(Outcome.DONE, body=body, status=status, raw=raw)
        error = text((body or {}).get("error_code"))
        # After 408 and 409 the first call may still be running. Any other 4xx had no effect.
        sure = 400 <= status < 500 and status not in (408, 409)
        return Answer(
            Outcome.REFUSED if sure else Outcome.UNKNOWN,
            status=status,
            code=_refusal(status, error, _message(body or {})) if sure else None,
            message=self._cleaner.masked(_message(body or {}) or error or f"HTTP {status}"),
            kind=error,
            raw=raw,
        )


def _refusal(status: int, error: str | None, message: str | None) -> str:
    """Return the code of a refusal. A 403 has three meanings: the state does not allow the action,
    the path or region is wrong, or the credentials are wrong. Only the first has a code of that
    form. One code means that a value is bad; its message names the field."""
    if status == 400 and error == "BAD_VALUE" and "order_amount" in (message or ""):
        return "amount"
    if status == 403 and error is not None and error.endswith("NOT_ALLOWED"):
        return "not_allowed"
    if status in (401, 403):
        return "configuration"
    return "unreachable" if status == 429 else "invalid"


def _message(body: Mapping[str, Any]) -> str | None:
    """Return the message. `error_messages` is from the older services, `error_message` from the
    newer ones."""
    messages = body.get("error_messages")
    if isinstance(messages, list):
        joined = "; ".join(str(one) for one in messages[:5])
        return joined[:500] or None
    return text(body.get("error_message"))


def order_path(order: Mapping[str, Any]) -> str:
    return f"{ORDERS}/{quote(str(order.get('order_id')), safe='')}"


def too_much(answer: Answer, amount: int, left: int) -> Answer:
    """Tell apart a wrong state and an amount that is too large, for which Klarna has one code. What
    was left before decides."""
    if answer.code != "not_allowed" or not 0 < left < amount:
        return answer
    return Answer(
        answer.outcome, status=answer.status, code="amount", message=answer.message, raw=answer.raw
    )


def is_safe(url: str) -> bool:
    """Return whether a browser may be sent to the address: https, or this machine."""
    parts = urlsplit(url)
    return parts.scheme == "https" or (parts.scheme == "http" and is_local(parts.hostname or ""))
