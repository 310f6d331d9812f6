"""Helpers that read a payment attempt in the checkout and at the provider, and move time for
both."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from sqlmodel import select

from backend.cards.tables import Hold
from backend.payments.review.reconcile import reconcile_due
from backend.payments.tables import Transaction
from tests.support.card_gateway import CardGatewaySandbox
from tests.support.checkout import ACCOUNT, OPTION, Merchant
from tests.support.waiting import until_async


async def transactions_of(merchant: Merchant, session_id: str) -> list[Transaction]:
    async with merchant.ctx.db.reading() as db:
        query = select(Transaction).where(Transaction.session_id == session_id)
        return list(await db.exec(query.order_by(Transaction.created_at)))  # type: ignore[arg-type]  # a column


async def holds(merchant: Merchant) -> list[tuple[str, int]]:
    async with merchant.ctx.db.reading() as db:
        return [(hold.state, hold.amount) for hold in await db.exec(select(Hold))]


async def at_provider(merchant: Merchant, card_gateway: CardGatewaySandbox) -> list[dict[str, Any]]:
    """Return all payment pages that this merchant has at the provider."""
    key = await secret_key(merchant)
    answer = card_gateway.http.get(
        f"{card_gateway.base_url}/v1/checkout/sessions?limit=100",
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


async def is_asked(card_gateway: CardGatewaySandbox) -> None:
    """Wait until the provider has received the call that the fault is for."""

    async def asked() -> bool:
        return not card_gateway.faults_left()

    await until_async(asked, "the provider is asked")


def ahead(merchant: Merchant, card_gateway: CardGatewaySandbox, seconds: int) -> None:
    """Move the time here and at the provider."""
    merchant.clock.ahead += timedelta(seconds=seconds)
    card_gateway.admin("clock", advance=seconds)


async def reconcile_until_quiet(merchant: Merchant) -> None:
    for _ in range(5):
        if not await reconcile_due(merchant.ctx):
            return
