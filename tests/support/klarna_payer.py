"""A payer with a gift card pays the rest at Klarna."""

from __future__ import annotations

from typing import Any

from sqlmodel import select

from backend.payments.attempts.start import Press, pay
from backend.payments.tables import Transaction
from tests.support.checkout import Merchant
from tests.support.klarna import OPTION, KlarnaSandbox


class KlarnaPayer:
    """One payer with a session, with or without a gift card of 100.00."""

    def __init__(self, merchant: Merchant, klarna: KlarnaSandbox) -> None:
        self.merchant = merchant
        self.klarna = klarna
        self.session_id = ""
        self.card: dict[str, Any] = {}

    async def begin(self, **more: Any) -> str:
        """Press Pay and return the address of Klarna's page."""
        self.card = await self.merchant.card(10000)
        self.session_id = await self.merchant.ready(40000, self.card, **more)
        shown = await self.merchant.view(self.session_id)
        assert [option.type for option in shown.options] == [OPTION]
        result = await pay(self.merchant.ctx, self.session_id, Press(OPTION, 30000, "nb"))
        assert result.state == "redirect"
        assert result.url is not None
        return result.url

    async def transaction(self) -> Transaction:
        """Return the session's only transaction."""
        statement = select(Transaction).where(Transaction.session_id == self.session_id)
        async with self.merchant.ctx.db.reading() as db:
            return (await db.exec(statement)).one()
