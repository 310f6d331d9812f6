"""The role that serves can do all that a payment, its afterlife and the worker need."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from sqlalchemy import text

from backend.cards.budgets import purge_old_attempts
from backend.customers.returning import purge_expired
from backend.idempotency.keys import purge_due
from backend.outbox.deliver import KINDS, deliver_due
from backend.payments.operations.auto_capture import capture_due
from backend.payments.operations.refund_reversals import look_due
from backend.payments.review.reconcile import reconcile_due
from backend.sessions.publish import note_delivered
from tests.support.card_gateway import CardGatewaySandbox
from tests.support.checkout import Merchant
from tests.support.postgres import PostgresServer
from tests.support.roles import SERVING, database_with_two_roles


@pytest.fixture
def database_url(postgres_server: PostgresServer) -> Iterator[str]:
    with database_with_two_roles(postgres_server) as (_, serving):
        yield serving


async def test_a_whole_life_by_the_serving_role(
    merchant: Merchant, card_gateway: CardGatewaySandbox
) -> None:
    async with merchant.ctx.db.reading() as db:
        connection = await db.connection()
        assert (await connection.execute(text("SELECT current_user"))).scalar_one() == SERVING
    card = await merchant.card(10000)
    paid = await merchant.paid(card_gateway, 40000, card)
    await merchant.post(f"/v1/transactions/{paid}/capture", {"amount": 30000})
    await merchant.post(f"/v1/transactions/{paid}/refund", {"amount": 5000})
    assert (await merchant.transaction(paid))["status"] == "PARTIALLY_CAPTURED_REFUNDED"
    voided = await merchant.paid(card_gateway, 20000)
    await merchant.post(f"/v1/transactions/{voided}/void")
    assert await merchant.balance(card["card_id"]) == (5000, 0, 5000)
    # Run each loop of the worker once. The loops claim, end and delete rows.
    for work in (
        reconcile_due,
        capture_due,
        look_due,
        purge_due,
        purge_expired,
        purge_old_attempts,
    ):
        await work(merchant.ctx)
    await deliver_due(merchant.ctx, KINDS, note_delivered)
    await merchant.audit()
