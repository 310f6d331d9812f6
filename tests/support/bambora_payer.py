"""A payer uses a gift card and pays the rest at Bambora. The checkout runs in this process."""

from __future__ import annotations

from typing import Any

from sqlmodel import select

from backend.payments.attempts.start import Press
from backend.payments.attempts.start import pay as press_pay
from backend.payments.tables import Transaction
from backend.sessions.view import PageState
from tests.support.bambora import APPROVED, OPTION, BamboraSandbox, Merchant, pay
from tests.support.checkout import Merchant as Checkout


class BamboraPayer:
    """One payer with a session, a gift card of 100.00 and an order of 400.00."""

    def __init__(self, merchant: Checkout, bambora: BamboraSandbox, account: Merchant) -> None:
        self.merchant = merchant
        self.bambora = bambora
        self.account = account
        self.session_id = ""
        self.card: dict[str, Any] = {}

    async def begin(self) -> str:
        """Press Pay and return the address of the payment window."""
        self.card = await self.merchant.card(10000)
        self.session_id = await self.merchant.ready(40000, self.card)
        shown = await self.merchant.view(self.session_id)
        assert [option.type for option in shown.options] == [OPTION]
        return await self.press()

    async def press(self) -> str:
        result = await press_pay(self.merchant.ctx, self.session_id, Press(OPTION, 30000, "nb"))
        assert (result.state, bool(result.url)) == ("redirect", True), result
        return str(result.url)

    async def paid(self) -> str:
        """Pay in the window and return the transaction's id."""
        back = pay(self.bambora, await self.begin(), APPROVED).headers["location"]
        await self.merchant.come_back(back)
        return (await self.transaction()).id

    async def transaction(self) -> Transaction:
        """Return the session's only transaction."""
        statement = select(Transaction).where(Transaction.session_id == self.session_id)
        async with self.merchant.ctx.db.reading() as db:
            return (await db.exec(statement)).one()

    async def state(self) -> PageState:
        return (await self.merchant.view(self.session_id)).state

    async def there(self) -> dict[str, Any]:
        """Return the transaction as the provider stores it."""
        _, request, *known = str((await self.transaction()).psp_reference).split(".")
        found = known or [one["id"] for one in self.account.read({"id": request})["transactions"]]
        return self.account.transaction(found[-1])
