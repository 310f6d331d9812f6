"""Swish's wire protocol: one HTTP call in, one classified answer out.

It knows JSON, headers and error codes, and nothing about payments. Amounts stay text, so that a
fraction is never read as a float.

Source: `docs/reference/psp/swish.md#calls`, `#errors`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

import httpx

from backend.psp.http import Answer, Cleaner, Transport, mapping, text
from backend.psp.protocol import Outcome
from backend.psp.tools import Tools

# These are never kept: who the payer is (of a refund the payee), what opens the payment in an app,
# and the address with our proof.
_DROPPED = frozenset(
    {"callbackUrl", "payeeAlias", "payerAge", "payerAlias", "payerName", "payerSSN", "token"}
)
TAKEN = "RP09"
"""The instruction's number exists already: what was sent with it before has arrived."""
UNDECIDED = "DS24"
"""Swish itself does not know what the banks did."""
TIMED_OUT = "TM01"
"""The time was over before any bank was asked. It is safe to try again."""
REFUSALS: Mapping[str, str] = {
    TAKEN: "conflict",
    TIMED_OUT: "unreachable",
    "ACMT01": "configuration",
    "ACMT03": "declined",
    "ACMT07": "configuration",
    "AM02": "amount",
    "AM03": "invalid",
    "AM06": "amount",
    "BANKIDCL": "declined",
    "BANKIDONGOING": "declined",
    "BANKIDUNKN": "declined",
    "BE18": "invalid",
    "FF08": "invalid",
    "FF10": "declined",
    "PA02": "invalid",
    "RF02": "not_allowed",
    "RF03": "configuration",
    "RF04": "configuration",
    "RF06": "declined",
    "RF07": "declined",
    "RF08": "not_allowed",
    "RP01": "configuration",
    "RP02": "invalid",
    "RP03": "configuration",
    "RP06": "conflict",
}
"""Swish's error codes, and the codes of the connectors' protocol."""


class Wire:
    """Sends calls for one merchant number. Safe for concurrent use.

    `http` has the client certificate, which is the only proof of who calls. ValueError for a base
    URL that is neither https nor on this machine.
    """

    def __init__(
        self,
        base_url: str,
        tools: Tools,
    ) -> None:
        self._cleaner = Cleaner((), _DROPPED)
        self._transport = Transport(base_url, tools)

    async def get(self, path: str) -> Answer:
        return await self._send("GET", path)

    async def put(self, path: str, body: Mapping[str, Any]) -> Answer:
        """Make something. DONE has `token` in its body, if the provider gave one."""
        return await self._send("PUT", path, body)

    async def patch(self, path: str, changes: Sequence[Mapping[str, Any]]) -> Answer:
        return await self._send("PATCH", path, changes, "application/json-patch+json")

    async def _send(
        self, method: str, path: str, body: Any = None, media: str = "application/json"
    ) -> Answer:
        headers = {"Accept": "application/json"}
        content = None
        if body is not None:
            headers["Content-Type"] = media
            content = json.dumps(body).encode()
        response = await self._transport.send(method, path, headers=headers, content=content)
        if isinstance(response, Answer):
            return response
        return self._created(response) if method == "PUT" else self._classify(response)

    def _created(self, response: httpx.Response) -> Answer:
        """Read the answer to a creation, which is in the headers alone."""
        if response.status_code != 201:
            answer = self._classify(response)
            if answer.outcome is not Outcome.DONE:
                return answer
            return Answer(
                Outcome.UNKNOWN, status=answer.status, message="not created", raw=answer.raw
            )
        token = response.headers.get("paymentrequesttoken") or None
        raw = {"status_code": 201, "location": response.headers.get("location", "")[:300]}
        return Answer(Outcome.DONE, body={"token": token}, status=201, raw=raw)

    def _classify(self, response: httpx.Response) -> Answer:
        status, body = response.status_code, _read(response)
        if status == 200:
            if not isinstance(body, dict):
                raw = {"status_code": status}
                return Answer(Outcome.UNKNOWN, status=status, message="unreadable answer", raw=raw)
            raw = {"status_code": status, **self._cleaner.cleaned(body)}
            return Answer(Outcome.DONE, body=body, status=status, raw=raw)
        error = _first_error(body)
        code = text(error.get("errorCode"))
        # After 408 and 409 an earlier call may still be running. Any other 4xx had no effect.
        sure = 400 <= status < 500 and status not in (408, 409) and code != UNDECIDED
        return Answer(
            Outcome.REFUSED if sure else Outcome.UNKNOWN,
            status=status,
            code=_refusal(status, code) if sure else None,
            message=text(error.get("errorMessage")) or code or f"HTTP {status}",
            kind=code,
            raw={"status_code": status, **self._cleaner.cleaned(error)},
        )


def _read(response: httpx.Response) -> Any:
    """Return the JSON body with its fractions as text; None if it is none."""
    try:
        return json.loads(response.content, parse_float=str, parse_constant=str)
    except (ValueError, UnicodeDecodeError, RecursionError):
        return None


def _first_error(body: Any) -> Mapping[str, Any]:
    """Return the first error of the list. An error that leaves the outcome open comes before all
    others."""
    rows = [mapping(row) for row in body] if isinstance(body, list) else [mapping(body)]
    open_ = [row for row in rows if row.get("errorCode") == UNDECIDED]
    return next(iter([*open_, *rows]), {})


def _refusal(status: int, code: str | None) -> str:
    if code is not None and code in REFUSALS:
        return REFUSALS[code]
    if status in (401, 403):
        return "configuration"
    return "unreachable" if status == 429 else "invalid"
