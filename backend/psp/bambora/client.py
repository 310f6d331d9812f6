"""Bambora Europe's wire protocol: one HTTP call in, one classified answer out; and the hash of a
callback.

There are four services at four hosts, with one credential. A business refusal is HTTP 200 with
`meta.result` false. There is no idempotency key.

Source: `docs/reference/psp/bambora.md`.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import parse_qsl

import httpx

from backend.psp.http import Answer, Cleaner, Transport, json_object, mapping, text
from backend.psp.protocol import NotificationRefused, Outcome
from backend.psp.tools import Tools

# These are never kept: what opens a page, what names the payer, and card numbers, masked or not.
_DROPPED = frozenset(
    {
        "billingaddress",
        "customer",
        "primaryaccountnumbers",
        "shippingaddress",
        "token",
        "tokens",
        "url",
    }
)
_HASH = "hash"


@dataclass(frozen=True, slots=True)
class Account:
    """One merchant number with its API key, and the services' addresses, which differ by service.

    `md5_key` is set in the provider's own administration. Without it no callback is accepted.
    """

    checkout_api_url: str
    merchant_api_url: str
    transaction_api_url: str
    merchant_number: str
    access_token: str = field(repr=False)
    secret_token: str = field(repr=False)
    md5_key: str = field(repr=False)


class Wire:
    """Sends calls for one account. Safe for concurrent use.

    ValueError for a base URL that would send the key unencrypted over a network.
    """

    def __init__(
        self,
        account: Account,
        tools: Tools,
    ) -> None:
        user = f"{account.access_token}@{account.merchant_number}"
        pair = base64.b64encode(f"{user}:{account.secret_token}".encode()).decode()
        self._authorization = f"Basic {pair}"
        secrets = (account.access_token, account.secret_token, account.md5_key, pair)
        self._cleaner = Cleaner(secrets, _DROPPED)
        self._checkout, self._merchant, self._transaction = (
            Transport(url, tools)
            for url in (
                account.checkout_api_url,
                account.merchant_api_url,
                account.transaction_api_url,
            )
        )

    async def create_request(self, body: Mapping[str, Any]) -> Answer:
        return await self._send(self._checkout, "POST", "/paymentrequests", body, "invalid")

    async def read_request(self, request_id: str) -> Answer:
        path = f"/paymentrequests/{request_id}"
        return await self._send(self._checkout, "GET", path, None, "invalid")

    async def delete_request(self, request_id: str) -> Answer:
        path = f"/paymentrequests/{request_id}"
        return await self._send(self._checkout, "DELETE", path, None, "not_allowed")

    async def read_transaction(self, transaction_id: str) -> Answer:
        path = f"/transactions/{transaction_id}"
        return await self._send(self._merchant, "GET", path, None, "invalid")

    async def read_operations(self, transaction_id: str) -> Answer:
        path = f"/transactions/{transaction_id}/transactionoperations"
        return await self._send(self._merchant, "GET", path, None, "invalid")

    async def change(self, transaction_id: str, verb: str, body: Mapping[str, Any]) -> Answer:
        """Send a change. `verb` is `capture`, `credit` or `delete`."""
        path = f"/transactions/{transaction_id}/{verb}"
        return await self._send(self._transaction, "POST", path, body, "declined")

    async def _send(
        self,
        service: Transport,
        method: str,
        path: str,
        body: Mapping[str, Any] | None,
        refusal: str,
    ) -> Answer:
        headers = {
            "Authorization": self._authorization,
            "Accept": "application/json",
            "Content-Type": "application/json",
            "X-EPay-System": "Gavekort",
        }
        content = json.dumps(body).encode() if body is not None else None
        response = await service.send(method, path, headers=headers, content=content)
        if isinstance(response, Answer):
            return response
        return self._classify(response, refusal)

    def _classify(self, response: httpx.Response, refusal: str) -> Answer:
        """Classify an answer. `refusal` is what the provider's refusal means here. Its own codes
        are in no document, so they are kept for support, and no decision depends on them."""
        body = json_object(response) or {}
        status = response.status_code
        raw: dict[str, Any] = {"status": status, **self._cleaner.cleaned(body)}
        meta = mapping(body.get("meta"))
        result = meta.get("result")
        message = text(mapping(meta.get("message")).get("merchant")) or f"HTTP {status}"
        if status == 200 and result is True:
            return Answer(Outcome.DONE, body=body, status=status, raw=raw)
        code: str | None = None
        if status == 200 and result is False:
            code = refusal
        elif 400 <= status < 500 and status not in (408, 409):
            code = {401: "configuration", 403: "configuration", 429: "unreachable"}.get(
                status, "invalid"
            )
        action = mapping(meta.get("action"))
        return Answer(
            Outcome.UNKNOWN if code is None else Outcome.REFUSED,
            status=status,
            code=code,
            message=self._cleaner.masked(message)[:500],
            kind=f"{action.get('source')}/{action.get('code')}" if action else None,
            raw=raw,
        )


def told_amount(answer: Answer) -> Answer:
    """Return a refused payment request whose message names the amount, with the code `amount`. The
    provider documents no code for it. This only decides what the payer is told, not whether
    anything was made."""
    named = "amount" in (answer.message or "").lower()
    if answer.outcome is not Outcome.REFUSED or answer.code == "configuration" or not named:
        return answer
    return replace(answer, code="amount")


def callback_hash(pairs: Sequence[tuple[str, str]], md5_key: str) -> str:
    """Return the MD5 over the values, in order, up to the parameter `hash`, and the key. The
    provider has chosen this weak hash, so what it signs only causes a read."""
    values = ""
    for name, value in pairs:
        if name == _HASH:
            break
        values += value
    return hashlib.md5((values + md5_key).encode(), usedforsecurity=False).hexdigest()


def verified_query(query: str, md5_key: str) -> dict[str, str]:
    """Return what a callback says before its hash; NotificationRefused if the hash is wrong."""
    try:
        pairs = parse_qsl(query, keep_blank_values=True, max_num_fields=100)
    except ValueError as error:
        raise NotificationRefused("the query cannot be read") from error
    names = [name for name, _ in pairs]
    if _HASH not in names or not md5_key:
        raise NotificationRefused("no hash to check")
    signed = pairs[: names.index(_HASH)]
    given = pairs[names.index(_HASH)][1]
    if not hmac.compare_digest(callback_hash(signed, md5_key).encode(), given.encode()):
        raise NotificationRefused("the hash is wrong")
    if len({name for name, _ in signed}) != len(signed):
        # Nobody can know which of two values is meant.
        raise NotificationRefused("a parameter is given twice")
    return dict(signed)
