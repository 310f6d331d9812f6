"""A try to pay, as the checkout and the acquirer have it, and time that goes on for both."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from sqlmodel import select

from backend.cards.tables import Hold
from backend.payments.review.reconcile import reconcile_due
from backend.payments.tables import Transaction
from tests.support.card_gateway import Acquirer
from tests.support.checkout import ACCOUNT, OPTION, Merchant
from tests.support.waiting import until_async


async def transactions_of(merchant: Merchant, session_id: str) -> list[Transaction]:
    async with merchant.ctx.db.reading() as db:
        query = select(Transaction).where(Transaction.session_id == session_id)
        return list(await db.exec(query.order_by(Transaction.created_at)))  # type: ignore[arg-type]


async def holds(merchant: Merchant) -> list[tuple[str, int]]:
    async with merchant.ctx.db.reading() as db:
        return [(hold.state, hold.amount) for hold in await db.exec(select(Hold))]


async def at_acquirer(merchant: Merchant, acquirer: Acquirer) -> list[dict[str, Any]]:
    """All the payment pages that this merchant has at the acquirer."""
    key = await secret_key(merchant)
    answer = acquirer.http.get(
        f"{acquirer.base_url}/v1/checkout/sessions?limit=100",
        headers={"authorization": f"Bearer {key}"},
    )
    assert answer.status_code == 200, answer.text
    pages: list[dict[str, Any]] = answer.json()["data"]
    return pages


async def secret_key(merchant: Merchant) -> str:
    from backend.accounts.profiles import connections_of, get_profile

    async with merchant.ctx.db.reading() as db:
        stored = await get_profile(db, ACCOUNT, "default")
    return str(connections_of(merchant.ctx, stored)[OPTION]["secret_key"])


async def is_asked(acquirer: Acquirer) -> None:
    """Until the call has come that a fault was meant for."""

    async def asked() -> bool:
        return not acquirer.faults_left()

    await until_async(asked, "the acquirer is asked")


def ahead(merchant: Merchant, acquirer: Acquirer, seconds: int) -> None:
    """Time goes on here and at the acquirer."""
    merchant.clock.ahead += timedelta(seconds=seconds)
    acquirer.admin("clock", advance=seconds)


async def reconcile_until_quiet(merchant: Merchant) -> None:
    for _ in range(5):
        if not await reconcile_due(merchant.ctx):
            return
