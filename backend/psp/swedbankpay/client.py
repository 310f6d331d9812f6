"""Swedbank Pay's wire protocol: one HTTP call in, one classified answer out.

Knows JSON, the media type's version and problem bodies, and nothing about payments.

Source: `docs/reference/psp/swedbankpay.md#transport`, `#errors`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import httpx

from backend.psp.http import Answer, Cleaner, Transport, json_object, mapping, text
from backend.psp.protocol import Outcome
from backend.psp.tools import Tools

_MEDIA = "application/json;version=3.1"
# These are never kept: what opens a page or pays again, what names the payer or a card, our own
# addresses.
_DROPPED = frozenset(
    {
        "bin",
        "email",
        "externalNonPaymentToken",
        "maskedPan",
        "msisdn",
        "nonPaymentToken",
        "operations",
        "payer",
        "paymentAccountReference",
        "tokens",
        "urls",
        "userAgent",
    }
)
_DECLINED = frozenset(
    {
        "3dsecuredeclined",
        "3dsecurerequired",
        "3dsecureusercanceled",
        "3dsecureusercancelled",
        "accountholdertyperejected",
        "acquirercardblacklisted",
        "acquirercardexpired",
        "acquirercardstolen",
        "acquirererror",
        "acquirererrordonotretry",
        "acquirerinsufficientfunds",
        "acquirerinvalidamount",
        "acquirerpossiblefraud",
        "authenticationrequired",
        "authenticationstatusrejected",
        "cardblacklisted",
        "cardbranddisabled",
        "carddeclined",
        "cardtyperejected",
        "dailylimitexceeded",
        "frauddetected",
        "monthlylimitexceeded",
    }
)


@dataclass(frozen=True, slots=True)
class Account:
    """One merchant number (`payee_id`) with its access token. The provider's page shows
    `payee_name`; its reports tell shops apart by `subsite`."""

    base_url: str
    access_token: str = field(repr=False)
    payee_id: str
    payee_name: str = ""
    subsite: str = ""


class Wire:
    """Sends calls for one access token. Safe for concurrent use."""

    def __init__(
        self,
        account: Account,
        tools: Tools,
    ) -> None:
        self._token = account.access_token
        self._transport = Transport(account.base_url, tools)
        self._cleaner = Cleaner((account.access_token,), _DROPPED)

    def path_of(self, href: str) -> str | None:
        """Return the path of an operation's address below our base URL; None if it leads
        elsewhere."""
        if href.startswith("/") and not href.startswith("//"):
            return href
        base = self._transport.base_url
        return href[len(base) :] if href.startswith(f"{base}/") else None

    async def read(self, path: str) -> Answer:
        return await self._send("GET", path, None)

    async def write(self, method: str, path: str, body: Mapping[str, Any]) -> Answer:
        return await self._send(method, path, json.dumps(body).encode())

    async def _send(self, method: str, path: str, content: bytes | None) -> Answer:
        headers = {"Authorization": f"Bearer {self._token}", "Accept": _MEDIA}
        if content is not None:
            headers["Content-Type"] = _MEDIA
        response = await self._transport.send(method, path, headers=headers, content=content)
        return response if isinstance(response, Answer) else self._classify(response)

    def _classify(self, response: httpx.Response) -> Answer:
        status, body = response.status_code, json_object(response)
        raw = {"status_code": status, **self._cleaner.cleaned(body or {})}
        if status in (200, 201, 202):
            if body is None:
                return Answer(Outcome.UNKNOWN, status=status, message="unreadable answer", raw=raw)
            return Answer(Outcome.DONE, body=body, status=status, raw=raw)
        problem = body or {}
        kind = (text(problem.get("type")) or "").rstrip("/").rsplit("/", 1)[-1].lower()
        # After 408 and 409 an earlier call may still be running. Any other 4xx had no effect.
        sure = 400 <= status < 500 and status not in (408, 409)
        message = text(problem.get("detail")) or text(problem.get("title")) or f"HTTP {status}"
        return Answer(
            Outcome.REFUSED if sure else Outcome.UNKNOWN,
            status=status,
            code=_refusal(status, kind, problem) if sure else None,
            message=self._cleaner.masked(message),
            kind=kind,
            raw=raw,
        )


def _refusal(status: int, kind: str, problem: Mapping[str, Any]) -> str:
    if kind in _DECLINED:
        return "declined"
    if status in (401, 403):
        return "configuration"
    if status == 429:
        return "unreachable"  # turned away
    names = _problem_names(problem)
    if any("payeereference" in name for name in names):
        return "conflict"
    if status == 404:
        return "invalid"
    return "amount" if any("amount" in name for name in names) else "invalid"


def _problem_names(problem: Mapping[str, Any]) -> list[str]:
    rows = problem.get("problems")
    if not isinstance(rows, list):
        return []
    return [(text(mapping(row).get("name")) or "").lower() for row in rows]
