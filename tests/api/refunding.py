"""An order that was paid with a gift card, to be refunded."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from sqlmodel import select

from backend.cards.tables import Card
from tests.api.paying import secret_key
from tests.support.card_gateway import CardGatewaySandbox
from tests.support.checkout import Merchant, sign_in
from tests.support.wallets import CARDS, later


class Order:
    """A captured order: 40.00 at the provider and 100.00 on a gift card that expires."""

    def __init__(self, merchant: Merchant, card_gateway: CardGatewaySandbox) -> None:
        self.merchant, self.card_gateway = merchant, card_gateway
        self.card: dict[str, Any] = {}
        self.id = ""

    async def paid(self, **more: Any) -> Order:
        ends = later(self.merchant, days=10)
        self.card = await self.merchant.card(10000, expires_at=ends, **more)
        self.id = await self.merchant.paid(self.card_gateway, 14000, self.card)
        return self

    async def captured(self, **more: Any) -> Order:
        await self.paid(**more)
        await self.post("capture", {"amount": 14000})
        return self

    async def post(self, verb: str, body: Any = None, expect: int = 200) -> Any:
        return await self.merchant.post(f"/v1/transactions/{self.id}/{verb}", body, expect=expect)

    @property
    def path(self) -> str:
        return f"{CARDS}/{self.card['card_id']}"

    async def expire(self) -> None:
        self.merchant.clock.ahead = timedelta(days=11)
        await self.sign_in()

    async def delete(self) -> None:
        assert (await self.merchant.api.delete(f"{self.path}?force=true")).status_code == 200

    async def sign_in(self) -> None:
        self.merchant.api.headers["authorization"] = f"Bearer {await sign_in(self.merchant)}"

    async def sums(self, card_id: str | None = None) -> tuple[int, int, int, int]:
        """Return the funds, available, held and drawn amounts of a card, also of a deleted one."""
        async with self.merchant.ctx.db.reading() as db:
            query = select(Card).where(Card.card_id == (card_id or self.card["card_id"]))
            card = (await db.exec(query)).one()
            return card.funds, card.available, card.held, card.drawn

    async def refunded_at_provider(self) -> int:
        shape = await self.merchant.transaction(self.id)
        key = await secret_key(self.merchant)
        answer = self.card_gateway.http.get(
            f"{self.card_gateway.base_url}/v1/refunds?limit=100",
            headers={"authorization": f"Bearer {key}"},
        )
        assert answer.status_code == 200, answer.text
        assert shape["id"] == self.id
        return sum(int(refund["amount"]) for refund in answer.json()["data"])
