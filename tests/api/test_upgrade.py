"""An installation with an older schema and with money in it is upgraded to the newest and
continues."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from alembic import command
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from backend.core.db import alembic_config, migrate
from tests.support.card_gateway import CardGatewaySandbox
from tests.support.checkout import Merchant

OLDEST = "0003"
"""The first with all of the ledger: the schema before any of those that were changed later."""
APPEND_ONLY = ("ledger_entry", "wallet_transaction", "transaction_event", "session_event")


async def _counted(merchant: Merchant) -> dict[str, int]:
    tables = (*APPEND_ONLY, "card", "hold", "operation", '"transaction"', "checkout_session")
    async with merchant.ctx.db.reading() as db:
        connection = await db.connection()
        return {
            name: (await connection.execute(text(f"SELECT count(*) FROM {name}"))).scalar_one()  # noqa: S608
            for name in tables
        }


async def _as_it_was(merchant: Merchant) -> None:
    """Store the same data in the older schema, and then upgrade it to the newest."""
    await merchant.ctx.db.engine.dispose()
    url = merchant.ctx.db.url
    await asyncio.to_thread(command.downgrade, alembic_config(url), OLDEST)
    await asyncio.to_thread(migrate, url)


async def test_money_and_payments_outlive_every_migration(
    merchant: Merchant, card_gateway: CardGatewaySandbox
) -> None:
    card, other, lying = [await merchant.card(10000) for _ in range(3)]
    partly = await merchant.paid(card_gateway, 40000, card)
    await merchant.post(f"/v1/transactions/{partly}/capture", {"amount": 15000})
    held = await merchant.paid(card_gateway, 40000, other)
    open_session = await merchant.ready(40000, lying)
    before = await _counted(merchant)
    await _as_it_was(merchant)
    assert await _counted(merchant) == before
    await merchant.audit()
    shown = await merchant.transaction(partly)
    assert (shown["status"], shown["amount"]) == ("PARTIALLY_CAPTURED", 40000)
    # Everything started before continues: a capture, a refund, a void, a payment.
    await merchant.post(f"/v1/transactions/{partly}/capture", {"amount": 25000})
    await merchant.post(f"/v1/transactions/{partly}/refund", {"amount": 12000})
    await merchant.post(f"/v1/transactions/{held}/void")
    assert await merchant.balance(card["card_id"]) == (10000, 0, 0)
    assert await merchant.balance(other["card_id"]) == (10000, 0, 0)
    view = await merchant.view(open_session)
    assert view.gift_card is not None
    assert (view.gift_card.amount, view.to_pay) == (10000, 30000)
    assert (await merchant.press_pay(open_session)).state == "redirect"
    await merchant.audit()


@pytest.mark.parametrize("table", APPEND_ONLY)
async def test_what_is_append_only_stays_so(
    merchant: Merchant, card_gateway: CardGatewaySandbox, table: str
) -> None:
    """A migration that rebuilds a table, as SQLite requires, would lose its triggers."""
    await merchant.paid(card_gateway, 40000, await merchant.card(10000))
    await _as_it_was(merchant)

    async def change(statement: str) -> Any:
        async with merchant.ctx.db.unit_of_work() as db:
            await (await db.connection()).execute(text(statement))

    for statement in (f"DELETE FROM {table}", f"UPDATE {table} SET id = id"):  # noqa: S608
        with pytest.raises(DBAPIError, match="append only"):
            await change(statement)
