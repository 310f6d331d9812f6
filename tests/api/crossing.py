"""Two changes of one session cross while the shop is calculating one of them."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import httpx

from tests.api.paying import at_provider, transactions_of
from tests.support.callback_server import CallbackServer
from tests.support.card_gateway import CardGatewaySandbox
from tests.support.checkout import OPTION, Merchant

ADDRESS = {
    "first_name": "Kari", "last_name": "Nordmann", "address_line": "Storgata 1",
    "postal_code": "0155", "postal_place": "Oslo", "country": "NO",
    "email": "kari@example.com", "phone_number": "+4799887766",
}  # fmt: skip
HOME = {"id": "home", "line_id": "s1", "amount": 1000, "operator": "Posten", "title": "Home"}
FREE = {"id": "free", "line_id": "s2", "amount": 0, "operator": "Posten", "title": "Free"}
OFF = {"TEN": 10, "HALF": 50}
"""What a code takes off, in percent of the items."""


def answer_of_the_shop(asked: dict[str, Any]) -> tuple[int, bytes]:
    """Calculate as a shop does, from nothing but the items that it receives."""
    order = asked["order"]
    items = [item for item in order["items"] if item["id"] == "goods"]
    codes = [code for code in order.get("discount_codes") or [] if code in OFF]
    goods = sum(item["amount"] for item in items)
    off = sum(goods * OFF[code] // 100 for code in codes)
    answer: dict[str, Any] = {
        "order": {
            "amount": goods - off,
            "items": [
                *items,
                *([{"id": "off", "line_id": "off", "amount": -off, "quantity": 1}] if off else []),
            ],
            "discount_codes": codes,
        }
    }
    if order.get("shipping_address"):
        near = order["shipping_address"]["postal_code"].startswith("0")
        answer["shipping_options"] = [HOME if near else {**HOME, "amount": 5000}]
    return 200, json.dumps(answer).encode()


@dataclass
class Crossing:
    """One session, and a shop that answers when a test tells it to."""

    merchant: Merchant
    card_gateway: CardGatewaySandbox
    payer: httpx.AsyncClient
    shop: CallbackServer
    session_id: str = ""
    under_way: list[asyncio.Task[httpx.Response]] = field(default_factory=list)

    async def begin(self) -> None:
        """Create an order of 400.00 whose payer has given an address. Shipping there costs
        10.00."""
        self.shop.answer = answer_of_the_shop
        express = {
            "shipping_options": [],
            "shipping_address_callback_url": self.shop.url,
            "discount_codes": {"max_count": 2, "callback_url": self.shop.url},
        }
        item = {"id": "goods", "line_id": "1", "amount": 40000, "quantity": 1}
        order = {"amount": 40000, "currency": "NOK", "merchant_reference": "m", "items": [item]}
        until = (self.merchant.clock.now() + timedelta(hours=1)).isoformat()
        self.session_id = await self.merchant.session(
            express=express, order=order, expires_at=until
        )
        assert (await self.give_address("0155")).status_code == 200
        assert await self.amount() == 41000
        self.shop.asked.clear()

    async def give_address(self, postal_code: str) -> httpx.Response:
        path = f"/v1/view/{self.session_id}/session/order/shipping_address"
        return await self.payer.put(path, json={**ADDRESS, "postal_code": postal_code})

    async def use_codes(self, *codes: str, **headers: str) -> httpx.Response:
        path = f"/v1/view/{self.session_id}/session/order/discount_codes"
        return await self.payer.put(path, json={"discount_codes": list(codes)}, headers=headers)

    async def put_order(
        self, amount: int, express: dict[str, Any] | None = None, query: str = ""
    ) -> httpx.Response:
        """Change the order as the shop: goods for `amount`, and no discount. A change with shipping
        options does not ask the shop for them."""
        item = {"id": "goods", "line_id": "1", "amount": amount, "quantity": 1}
        order = {"amount": amount, "items": [item], "discount_codes": []}
        path = f"/v1/sessions/{self.session_id}?update_without_lock=true{query}"
        asks = {"shipping_options": [HOME]} if express is None else express
        return await self.merchant.api.put(path, json={"order": order, "express": asks})

    async def pay(self, **more: Any) -> httpx.Response:
        path = f"/v1/sessions/{self.session_id}/pay"
        return await self.payer.post(path, json={"payment_product_type": OPTION, **more})

    async def start(self, call: Awaitable[httpx.Response], asked: int = 1) -> None:
        """Start a request that waits for the shop, and return when it has reached the shop."""
        self.shop.hold()
        self.under_way.append(asyncio.ensure_future(call))
        await self.shop.is_asked(asked)

    async def end(self) -> httpx.Response:
        self.shop.let_go()
        return await asyncio.wait_for(self.under_way.pop(0), 20)

    async def amount(self) -> int:
        """Return the order's amount. The payer, the shop and the page read the same one."""
        shown = (await self.payer.get(f"/v1/view/{self.session_id}/session")).json()
        read = await self.merchant.get(f"/v1/sessions/{self.session_id}")
        page = await self.merchant.view(self.session_id)
        assert shown["order"]["amount"] == read["order"]["amount"] == page.order_amount
        return int(page.order_amount)

    async def codes(self) -> list[str]:
        return list((await self.merchant.view(self.session_id)).discount_codes)

    async def is_paid_as_it_stands(self, amount: int, card: int = 0) -> None:
        """Assert that the provider is asked once for the shown amount, and not before the shown
        amount is right. `card` is the part that a gift card pays."""
        assert await self.amount() == amount
        for stale in {41000, amount + 1, amount - 1} - {amount - card}:
            refused = await self.pay(amount=stale)
            assert (refused.status_code, stale) == (409, stale), refused.text
        assert await self.asked_amounts() == []
        started = await self.pay(amount=amount - card)
        assert started.status_code == 200, started.text
        assert await self.asked_amounts() == [amount - card]
        back = self.card_gateway.pay(started.json()["redirect_url"]).headers["location"]
        await self.merchant.come_back(back)
        session = await self.merchant.get(f"/v1/sessions/{self.session_id}")
        paid = await self.merchant.transaction(session["transaction_id"])
        assert (paid["status"], paid["amount"]) == ("AUTHORIZED", amount)
        await self.merchant.audit()

    async def asked_amounts(self) -> list[int]:
        """Return the amounts that the provider was asked for in this session."""
        ours = {one.id for one in await transactions_of(self.merchant, self.session_id)}
        pages = await at_provider(self.merchant, self.card_gateway)
        return [page["amount_total"] for page in pages if page["client_reference_id"] in ours]
