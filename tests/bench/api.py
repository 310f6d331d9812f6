"""Sessions created per second, and whole payments per second."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Any

import httpx

from tests.bench.figures import heading, line, milliseconds
from tests.bench.merchant import Merchant
from tests.bench.payer import pay
from tests.bench.size import Size

Work = Callable[[int], Awaitable[object]]


async def _at_once(workers: int, count: int, work: Work) -> tuple[float, list[float]]:
    """Do `count` pieces of work with `workers` at once. Return pieces a second and the duration of
    each in ms."""
    numbers = iter(range(count))
    took: list[float] = []

    async def worker() -> None:
        for number in numbers:
            begin = time.perf_counter()
            await work(number)
            took.append((time.perf_counter() - begin) * 1000)

    begin = time.perf_counter()
    await asyncio.gather(*(worker() for _ in range(workers)))
    return count / (time.perf_counter() - begin), took


async def sessions(facts: dict[str, Any], *, size: Size) -> float:
    """Print the figures and return the best rate."""
    heading("Sessions created (POST /v1/sessions-profile)")
    best = 0.0
    for workers in (1, 8, 32):
        merchant = Merchant(facts, workers)
        try:
            await merchant.sign_in()
            count = size.pick(300, 40, 2) * (1 if workers == 1 else 2)

            async def ask(_: int, merchant: Merchant = merchant) -> None:
                await merchant.create_session()

            async def ping(_: int, merchant: Merchant = merchant) -> None:
                (await merchant.http.get("/ping")).raise_for_status()

            await _at_once(workers, workers, ask)  # connections and caches are warm
            rate, took = await _at_once(workers, count, ask)
            empty, _ = await _at_once(workers, count, ping)
        finally:
            await merchant.close()
        line(f"{workers} at once", f"{rate:7.1f} /s   {milliseconds(took)}")
        line("  against an empty answer (/ping)", f"{empty:7.1f} /s   ratio {rate / empty:.2f}")
        best = max(best, rate)
    return best


async def payments(facts: dict[str, Any], *, size: Size) -> float:
    """Gift card 100.00, the rest of 400.00 at the provider. Print the figures and return the best
    rate."""
    heading("Whole payments (session, details, gift card with PIN, provider, authorized)")
    best = 0.0
    for workers in (1, 4, 8):
        count = size.pick(40, 8, 1) * (1 if workers == 1 else 2)
        merchant = Merchant(facts, 4 * workers)
        try:
            await merchant.sign_in()
            cards = [await merchant.issue_card(10000) for _ in range(count)]
            paid: list[str] = []

            async def one(
                number: int,
                merchant: Merchant = merchant,
                cards: list[tuple[str, str]] = cards,
                paid: list[str] = paid,
            ) -> None:
                session = await merchant.create_session()
                async with httpx.AsyncClient(timeout=60.0) as browser:
                    base_url = facts["base_url"]
                    paid.append(await pay(base_url, session["id"], cards[number], browser))

            rate, took = await _at_once(workers, count, one)
            await _check(merchant, paid, count)
        finally:
            await merchant.close()
        line(f"{workers} at once", f"{rate:7.1f} /s   {milliseconds(took)}")
        best = max(best, rate)
    return best


async def _check(merchant: Merchant, paid: list[str], count: int) -> None:
    """A figure of payments that did not happen would be worth nothing."""
    if len(set(paid)) != count:
        raise RuntimeError(f"{len(set(paid))} of {count} payments have a transaction")
    for transaction_id in paid:
        transaction = await merchant.transaction(transaction_id)
        parts = [card["amount"] for card in transaction["gift_cards"]]
        if transaction["status"] != "AUTHORIZED" or parts != [10000]:
            raise RuntimeError(f"{transaction_id} is {transaction['status']}, gift cards {parts}")
