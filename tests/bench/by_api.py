"""Whole payments by the API: how many a second, how long each step takes, and what it costs."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import itertools
import json
import time
from dataclasses import dataclass, field
from typing import Any

import httpx

from tests.bench.counted import DATABASES, Counted, Counts, counted_checkout
from tests.bench.figures import heading, line, percentile
from tests.bench.size import Size
from tests.support.checkout import ACCOUNT, OPTION, WEBHOOK_SECRET, session_body

AT_ONCE = (1, 8, 32)
ORDER, CARD = 40000, 10000
"""Minor units. The card pays its whole balance, the provider the rest."""
_NOTIFICATIONS = f"/v1/psp/{ACCOUNT}/default/{OPTION}/notifications"
_ADDRESS = {
    "first_name": "Kari",
    "last_name": "Nordmann",
    "address_line": "Storgata 1",
    "postal_code": "0155",
    "postal_place": "Oslo",
    "country": "NO",
    "email": "kari@example.com",
    "phone_number": "+4799887766",
}
_numbers = itertools.count(1)


@dataclass
class Shop:
    """The merchant's program, the payer and the provider's sender, by one HTTP client."""

    http: httpx.AsyncClient
    took: dict[str, list[float]] = field(default_factory=dict)
    """Milliseconds of each step of each payment."""

    async def sign_in(self, credentials: tuple[str, str]) -> None:
        answer = await self.http.post(
            f"/v1/accounts/{ACCOUNT}/auth/token",
            auth=credentials,
            json={
                "grant_type": "client_credentials",
                "audience": f"https://api.dintero.com/v1/accounts/{ACCOUNT}",
            },
        )
        answer.raise_for_status()
        self.http.headers["authorization"] = f"Bearer {answer.json()['access_token']}"

    async def card(self) -> dict[str, str]:
        """Issue a gift card and return `{card_id, number, pin}`."""
        made = await self._ask(
            None,
            "POST",
            f"/v1/accounts/{ACCOUNT}/wallets/cards",
            json={
                "card_id": f"bench-{next(_numbers)}",
                "amount": CARD,
                "currency": "NOK",
                "pin": {"format": {"length": 4, "numbers": True}},
                "card_token": {"format": {"length": 16, "numbers": True}},
            },
        )
        return {
            "card_id": made["card_id"],
            "number": made["card_token"]["token"]["value"],
            "pin": made["pin"]["pin"]["value"],
        }

    async def pay(self, card: dict[str, str], *, preset: bool) -> None:
        """Make one payment from the session to the read. Raises RuntimeError if it is not
        authorized."""
        begun = time.perf_counter()
        customer = {"gift_cards": {"dintero.wallets": [{"card_id": card["card_id"]}]}}
        more: dict[str, Any] = {"customer": customer} if preset else {}
        body = session_body(ORDER, **more)
        body["order"]["merchant_reference"] = f"bench-{next(_numbers)}"
        made = await self._ask("session", "POST", "/v1/sessions-profile", json=body)
        order = f"/v1/view/{made['id']}/session/order"
        address = {"shipping_address": _ADDRESS}
        await self._ask("details", "PUT", f"{order}/addresses", json=address)
        if not preset:
            typed = {"token": card["number"], "pin": card["pin"]}
            await self._ask("gift card", "PUT", f"{order}/gift_card", json=typed)
        wanted = {"payment_product_type": OPTION, "amount": ORDER - CARD}
        paying = await self._pay(f"/v1/sessions/{made['id']}/pay", wanted)
        page, transaction_id = paying["redirect_url"].rsplit("/", 2)[1:]
        content = _event(page, transaction_id)
        await self._ask("webhook", "POST", _NOTIFICATIONS, content=content, headers=_sign(content))
        read = await self._ask("read", "GET", f"/v1/transactions/{transaction_id}")
        parts = [part["amount"] for part in read["gift_cards"]]
        if (read["status"], read["amount"], parts) != ("AUTHORIZED", ORDER, [CARD]):
            raise RuntimeError(f"{transaction_id} is {read['status']}, gift cards {parts}")
        self._note("whole payment", begun)

    async def _pay(self, path: str, wanted: dict[str, Any]) -> Any:
        """Ask again while the answer is that the provider has not answered yet."""
        begun = time.perf_counter()
        while True:
            answer = await self.http.post(path, json=wanted)
            if answer.status_code != httpx.codes.ACCEPTED:
                break
            await asyncio.sleep(0.05)
        if answer.status_code != httpx.codes.OK:
            raise RuntimeError(f"POST {path}: {answer.status_code} {answer.text}")
        self._note("pay", begun)
        return answer.json()

    async def empty(self) -> None:
        """Make a call without content, for the cost of the server and this client alone."""
        await self._ask("empty", "GET", "/ping")

    async def _ask(self, step: str | None, method: str, path: str, **more: Any) -> Any:
        begun = time.perf_counter()
        answer = await self.http.request(method, path, **more)
        if answer.status_code != httpx.codes.OK:
            raise RuntimeError(f"{method} {path}: {answer.status_code} {answer.text}")
        if step is not None:
            self._note(step, begun)
        return answer.json() if answer.content and step != "empty" else None

    def _note(self, step: str, begun: float) -> None:
        self.took.setdefault(step, []).append((time.perf_counter() - begun) * 1000)


def _event(page: str, transaction_id: str) -> bytes:
    subject = {"object": "checkout.session", "id": page, "client_reference_id": transaction_id}
    event = {"id": "evt_1", "type": "checkout.session.completed", "data": {"object": subject}}
    return json.dumps(event).encode()


def _sign(body: bytes) -> dict[str, str]:
    moment = str(int(time.time()))
    mac = hmac.new(WEBHOOK_SECRET.encode(), f"{moment}.".encode() + body, hashlib.sha256)
    return {"stripe-signature": f"t={moment},v1={mac.hexdigest()}"}


def payments(*, size: Size) -> float:
    """Print the figures; return the best rate with number and PIN on PostgreSQL."""
    best = 0.0
    for database in DATABASES:
        with counted_checkout(database) as checkout:
            for preset in (False, True):
                way = "preset card" if preset else "card with number and PIN"
                heading(f"Whole payments by API: {way}, {database}")
                rate = asyncio.run(_figures(checkout, preset=preset, size=size))
                if database == "PostgreSQL" and not preset:
                    best = rate
    return best


async def _figures(checkout: Counted, *, preset: bool, size: Size) -> float:
    best = 0.0
    for workers in AT_ONCE:
        limits = httpx.Limits(max_connections=workers, max_keepalive_connections=workers)
        async with httpx.AsyncClient(
            base_url=checkout.base_url, limits=limits, timeout=60.0
        ) as http:
            shop = Shop(http)
            await shop.sign_in(checkout.credentials)
            count = size.pick(200, 50, 1) * (1 if workers == 1 else 2)
            cards = [await shop.card() for _ in range(count + workers)]
            await _at_once(shop, cards[count:], workers, preset=preset)  # caches are warm
            shop.took.clear()
            before = await asyncio.to_thread(checkout.counts)
            seconds = await _at_once(shop, cards[:count], workers, preset=preset)
            spent = (await asyncio.to_thread(checkout.counts)).since(before)
            rate = count / seconds
            empty = await _empty_rate(shop, count * 5, workers)
        line(f"{workers} at once", f"{rate:7.1f} /s   {rate / empty:.3f} of an empty answer's rate")
        _print_steps(shop)
        _print_cost(spent, count)
        best = max(best, rate)
    return best


async def _at_once(shop: Shop, cards: list[dict[str, str]], workers: int, *, preset: bool) -> float:
    """Return the seconds that one payment with each card took, with `workers` at once."""
    left = iter(cards)

    async def worker() -> None:
        for card in left:
            await shop.pay(card, preset=preset)

    begun = time.perf_counter()
    await asyncio.gather(*(worker() for _ in range(workers)))
    return time.perf_counter() - begun


async def _empty_rate(shop: Shop, count: int, workers: int) -> float:
    left = iter(range(count))

    async def worker() -> None:
        for _ in left:
            await shop.empty()

    begun = time.perf_counter()
    await asyncio.gather(*(worker() for _ in range(workers)))
    return count / (time.perf_counter() - begun)


def _print_steps(shop: Shop) -> None:
    for step, took in shop.took.items():
        if step != "empty":
            text = "   ".join(f"p{of} {percentile(took, of):6.1f} ms" for of in (50, 95, 99))
            line(f"  {step}", text)


def _print_cost(spent: Counts, count: int) -> None:
    line("  statements a payment", f"{spent.statements / count:.1f}")
    line("  commits a payment", f"{spent.commits / count:.1f}")
    line("  CPU of the server a payment", f"{spent.cpu / count * 1000:.1f} ms")
