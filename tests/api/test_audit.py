"""What `gavekort audit` finds, and what it reads to find it."""

from __future__ import annotations

from typing import Any

from sqlalchemy import event, text

from backend.payments.views.audit import audit_everything
from tests.support.card_gateway import CardGatewaySandbox
from tests.support.checkout import Merchant


async def found(merchant: Merchant) -> set[tuple[str, str]]:
    return {(one.subject, one.what) for one in await audit_everything(merchant.ctx.db)}


async def change(merchant: Merchant, statement: str, **values: Any) -> None:
    async with merchant.ctx.db.unit_of_work() as db:
        await (await db.connection()).execute(text(statement), values)


async def test_a_session_and_its_transaction_tell_one_story(
    merchant: Merchant, card_gateway: CardGatewaySandbox
) -> None:
    ids = [await merchant.paid(card_gateway, 40000) for _ in range(2)]
    sessions = [(await merchant.transaction(id_))["session_id"] for id_ in ids]
    assert await found(merchant) == set()
    state = "UPDATE checkout_session SET state = :state WHERE id = :id"
    await change(merchant, state, state="paying", id=sessions[0])
    assert await found(merchant) == {(sessions[0], "paying with AUTHORIZED")}
    await change(merchant, state, state="paid", id=sessions[0])
    whose = "UPDATE checkout_session SET transaction_id = :of WHERE id = :id"
    for of in (None, ids[0]):
        await change(merchant, whose, of=of, id=sessions[1])
        assert await found(merchant) == {(sessions[1], "a session that is paid has a transaction")}


async def test_a_try_that_nobody_looks_at(merchant: Merchant) -> None:
    session_id = await merchant.ready(40000)
    await merchant.press_pay(session_id)
    assert await found(merchant) == set()
    await change(merchant, "UPDATE operation SET state = 'refused'")
    (difference,) = await found(merchant)
    assert difference[1] == "a try that nobody looks at"


async def test_amounts_that_cannot_be(merchant: Merchant, card_gateway: CardGatewaySandbox) -> None:
    id_ = await merchant.paid(card_gateway, 40000)
    await change(merchant, 'UPDATE "transaction" SET psp_captured = 40001')
    assert await found(merchant) == {(id_, "refunded <= captured <= authorized")}


async def test_it_reads_no_more_often_and_no_bodies_as_payments_grow(
    merchant: Merchant, card_gateway: CardGatewaySandbox
) -> None:
    """An installation collects millions of rows over the years. Reading all at once fills the
    memory, and reading one by one takes hours."""
    statements: list[str] = []
    engine = merchant.ctx.db.engine.sync_engine

    @event.listens_for(engine, "before_cursor_execute")
    def _note(_connection: Any, _cursor: Any, statement: str, *_more: Any) -> None:
        statements.append(statement)

    asked = []
    for _ in range(2):
        await merchant.paid(card_gateway, 40000, await merchant.card(10000))
        statements.clear()
        assert await found(merchant) == set()
        asked.append(len(statements))
    assert asked[0] == asked[1]
    assert [one for one in statements if ".snapshot" in one or ".body" in one] == []
