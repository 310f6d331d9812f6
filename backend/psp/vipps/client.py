"""Vipps MobilePay's wire protocol: access tokens, one HTTP call in, one classified answer out,
signatures.

It knows JSON, tokens, idempotency and errors, and nothing about payments.

Source: `docs/reference/psp/vipps.md`.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import urlsplit
from weakref import WeakKeyDictionary

import httpx

from backend import __version__
from backend.psp.http import Answer, Cleaner, Transport, text
from backend.psp.protocol import NotificationRefused, Outcome
from backend.psp.tools import Tools

SIGNATURE_TOLERANCE = timedelta(minutes=5)
_SIGNED_HEADERS = "x-ms-date;host;x-ms-content-sha256"
_SCHEME = "HMAC-SHA256 "
# These are never kept: what opens a page, and what names the payer.
_DROPPED = frozenset(
    {
        "access_token",
        "customer",
        "phoneNumber",
        "profile",
        "redirectUrl",
        "returnUrl",
        "secret",
        "userDetails",
    }
)
_KEYS = uuid.uuid5(uuid.NAMESPACE_URL, "urn:gavekort:vipps-idempotency-key")
_SYSTEM = {
    "Vipps-System-Name": "Gavekort",
    "Vipps-System-Version": __version__,
    "Vipps-System-Plugin-Name": "gavekort-vipps",
    "Vipps-System-Plugin-Version": __version__,
}
_EARLY = timedelta(seconds=60)
_UNTOLD_LIFETIME = timedelta(minutes=5)


@dataclass(frozen=True, slots=True, repr=False)
class Account:
    """A sales unit's API keys."""

    base_url: str
    client_id: str
    client_secret: str
    subscription_key: str
    merchant_serial_number: str

    @property
    def headers(self) -> dict[str, str]:
        return {
            "Ocp-Apim-Subscription-Key": self.subscription_key,
            "Merchant-Serial-Number": self.merchant_serial_number,
            "Accept": "application/json",
            **_SYSTEM,
        }


@dataclass(frozen=True, slots=True, repr=False)
class _Token:
    value: str
    until: datetime


# It lives as long as the connections of its calls. If two tasks ask at once, each gets a valid one.
_tokens: WeakKeyDictionary[httpx.AsyncClient, dict[Account, _Token]] = WeakKeyDictionary()


class Wire:
    """Sends calls for one sales unit. Safe for concurrent use.

    ValueError for a base URL that would send the secrets unencrypted over a network.
    """

    def __init__(
        self,
        account: Account,
        tools: Tools,
    ) -> None:
        self._account = account
        self._clock = tools.clock
        self._known = _tokens.setdefault(tools.http, {})
        secrets = (account.client_secret, account.subscription_key)
        self._cleaner = Cleaner(secrets, _DROPPED)
        self._transport = Transport(account.base_url, tools)

    async def get(self, path: str) -> Answer:
        return await self._send("GET", path)

    async def post(self, path: str, body: Mapping[str, Any] | None, key: str) -> Answer:
        """Send a POST. `key` is what `wire_key` made."""
        return await self._send("POST", path, body=body, key=key)

    async def delete(self, path: str) -> Answer:
        return await self._send("DELETE", path)

    async def _send(
        self,
        method: str,
        path: str,
        *,
        body: Mapping[str, Any] | None = None,
        key: str | None = None,
    ) -> Answer:
        headers = self._account.headers
        content = None
        if body is not None:
            headers["Content-Type"] = "application/json"
            content = json.dumps(body).encode()
        if key is not None:
            headers["Idempotency-Key"] = key
        response = await self._try(method, path, headers, content, renew=False)
        if isinstance(response, httpx.Response) and response.status_code == 401:
            # The call was turned away unread, because the token was withdrawn before its time.
            response = await self._try(method, path, headers, content, renew=True)
        return response if isinstance(response, Answer) else self._classify(response)

    async def _try(
        self,
        method: str,
        path: str,
        headers: Mapping[str, str],
        content: bytes | None,
        *,
        renew: bool,
    ) -> httpx.Response | Answer:
        token = await self._token(renew=renew)
        if isinstance(token, Answer):
            return token
        allowed = {**headers, "Authorization": f"Bearer {token}"}
        return await self._transport.send(method, path, headers=allowed, content=content)

    async def _token(self, *, renew: bool) -> str | Answer:
        """Return a token that is valid for a while yet, or the answer of a call that was never
        sent."""
        now = self._clock()
        known = None if renew else self._known.get(self._account)
        if known is not None and known.until > now:
            return known.value
        headers = self._account.headers | {
            "client_id": self._account.client_id,
            "client_secret": self._account.client_secret,
        }
        response = await self._transport.send("POST", "/accesstoken/get", headers=headers)
        answer = response if isinstance(response, Answer) else self._classify(response)
        value = text(answer.body.get("access_token"))
        if answer.status == 200 and value is None:
            return Answer(Outcome.UNKNOWN, message="unreadable token", raw=answer.raw)
        if value is None:
            wrong = answer.outcome is Outcome.REFUSED and answer.code != "unreachable"
            code = "configuration" if wrong else "unreachable"
            message = f"not sent, no access token: {answer.message}"
            return Answer(Outcome.REFUSED, code=code, message=message, raw=answer.raw)
        self._known[self._account] = _Token(value, now + _lifetime(answer.body) - _EARLY)
        return value

    def _classify(self, response: httpx.Response) -> Answer:
        try:
            body = response.json() if response.content else {}
        except (ValueError, UnicodeDecodeError, RecursionError):
            body = None
        if isinstance(body, list):
            # The log of a payment and the list of webhooks are bare lists.
            body = {"rows": body}
        status = response.status_code
        readable = body if isinstance(body, dict) else {}
        raw: dict[str, Any] = {"status": status, **self._cleaner.cleaned(readable)}
        if status in (200, 201, 202, 204):
            if not isinstance(body, dict):
                return Answer(Outcome.UNKNOWN, status=status, message="unreadable answer", raw=raw)
            return Answer(Outcome.DONE, body=body, status=status, raw=raw)
        # After 408 and 409 the first call may still be running. Any other 4xx had no effect.
        sure = 400 <= status < 500 and status not in (408, 409)
        return Answer(
            Outcome.REFUSED if sure else Outcome.UNKNOWN,
            status=status,
            code=_refusal(status, readable) if sure else None,
            message=self._cleaner.masked(_message(readable) or f"HTTP {status}"),
            kind=text(readable.get("type")),
            raw=raw,
        )


def wire_key(key: str) -> str:
    """Return the provider's idempotency key (at most 50 characters) of one of ours."""
    return str(uuid.uuid5(_KEYS, key))


def _lifetime(body: Mapping[str, Any]) -> timedelta:
    """Return `expires_in` (seconds), which is a number or a text with one."""
    told = body.get("expires_in")
    try:
        seconds = int(float(str(told)))
    except (ValueError, OverflowError):
        return _UNTOLD_LIFETIME
    return timedelta(seconds=min(max(seconds, 0), 7 * 24 * 3600))


def _refusal(status: int, body: Mapping[str, Any]) -> str:
    if status in (401, 403):
        return "configuration"
    if status == 429:
        return "unreachable"
    names = " ".join(str(one.get("name")) for one in _details(body)).lower()
    return "amount" if "amount" in names else "invalid"


def _details(body: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    found = body.get("extraDetails")
    return [one for one in found if isinstance(one, dict)] if isinstance(found, list) else []


def _message(body: Mapping[str, Any]) -> str | None:
    """Return the message. The API answers with RFC 7807, and the gateway in front of it with
    `message`."""
    told = [text(body.get(name)) for name in ("title", "detail", "message")]
    told += [f"{one.get('name')}: {one.get('reason')}" for one in _details(body)[:5]]
    return "; ".join(part for part in told if part)[:500] or None


def verify_signature(
    headers: Mapping[str, str], body: bytes, *, url: str, secret: str, now: datetime
) -> None:
    """Check a webhook's signature. NotificationRefused if it fails. `url` is the address that was
    registered, because behind a proxy our own host and path differ from those that were signed."""
    digest = base64.b64encode(hashlib.sha256(body).digest()).decode()
    if not hmac.compare_digest(digest.encode(), headers.get("x-ms-content-sha256", "").encode()):
        raise NotificationRefused("the body's digest is wrong")
    given = headers.get("x-vipps-authorization") or headers.get("authorization") or ""
    parts = dict(
        part.strip().partition("=")[::2] for part in given.removeprefix(_SCHEME).split("&")
    )
    date = headers.get("x-ms-date", "")
    if not secret or not given.startswith(_SCHEME) or parts.get("SignedHeaders") != _SIGNED_HEADERS:
        raise NotificationRefused("the signature header cannot be read")
    signed = string_to_sign(url, date, digest)
    expected = base64.b64encode(hmac.new(secret.encode(), signed, hashlib.sha256).digest())
    if not hmac.compare_digest(expected, parts.get("Signature", "").encode()):
        raise NotificationRefused("the signature does not match")
    try:
        moment = parsedate_to_datetime(date)
        off = abs(now - moment)
    except (ValueError, TypeError) as error:
        raise NotificationRefused("the date cannot be read") from error
    if off > SIGNATURE_TOLERANCE:
        raise NotificationRefused("the signature is too old")


def string_to_sign(url: str, date: str, digest: str) -> bytes:
    parts = urlsplit(url)
    path = f"{parts.path or '/'}?{parts.query}" if parts.query else parts.path or "/"
    return f"POST\n{path}\n{date};{parts.netloc};{digest}".encode()
