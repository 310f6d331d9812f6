"""Tests of limits use a clock that stands still, and callers from many addresses."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import httpx

from backend.core.clock import Clock
from tests.support.checkout import BASE_URL, Merchant
from tests.support.clock import SteppedClock

SOURCE = "198.51.100.7"
ELSEWHERE = "203.0.113.9"


def stand_still(merchant: Merchant) -> SteppedClock:
    """Stop the clock until a test moves it, so that no budget refills unnoticed."""
    stepped = SteppedClock(datetime.now(UTC))
    clock: Clock = stepped
    merchant.ctx.clock = clock
    return stepped


class Stranger:
    """Calls without a token, from the address that our proxy reports."""

    def __init__(self, merchant: Merchant, source: str = SOURCE) -> None:
        merchant.ctx.settings.trusted_proxy_hops = 1
        self.source = source
        self.http = httpx.AsyncClient(
            transport=merchant.api._transport, base_url=f"{BASE_URL}", trust_env=False
        )

    def at(self, source: str) -> Stranger:
        """Return the same caller at another address."""
        other = Stranger.__new__(Stranger)
        other.source, other.http = source, self.http
        return other

    async def call(self, method: str, path: str, **more: Any) -> httpx.Response:
        headers = {"x-forwarded-for": self.source, **more.pop("headers", {})}
        return await self.http.request(method, path, headers=headers, **more)


def check_refused(answer: httpx.Response, maximum: int) -> int:
    """Assert a 429 in the documented form, and return its `Retry-After` in seconds."""
    assert answer.status_code == 429, answer.text
    error = answer.json()["error"]
    assert error["code"] == "TOO_MANY_REQUESTS"
    seconds = int(answer.headers["retry-after"])
    assert 1 <= seconds <= maximum
    assert error["message"] == f"too many requests; try again in {seconds} s"
    return seconds


def minutes(count: float) -> timedelta:
    return timedelta(minutes=count)
