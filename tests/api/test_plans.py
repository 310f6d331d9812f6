"""Every list finds its rows by an index: it reads about as many rows as it shows, however many
there are, of this merchant and of others. The plans are PostgreSQL's own."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest
from sqlalchemy import event, text

from backend.accounts.clients import create_account
from backend.accounts.profiles import save_profile
from backend.payments.views.card_balance import read_balance
from backend.sessions.read import read_marks, read_view
from tests.support.card_gateway import Acquirer
from tests.support.checkout import ACCOUNT, Merchant, profile
from tests.support.growth import NEIGHBOUR, TABLES, Sample, grow, samples

ROWS = 3000
"""Of this merchant, and as many of another."""
MOST_READ = 400
"""Rows that one part of a plan may read for a list of ten: far less than there are."""
LONG_AGO = "2020-01-01T00:00:00Z"
LATER = "2099-01-01T00:00:00Z"
WALLETS = f"/v1/accounts/{ACCOUNT}/wallets/cards"
DELIVERIES = f"/v1/accounts/{ACCOUNT}/hooks/deliveries"


@dataclass
class Asked:
    statements: list[tuple[str, Any]] = field(default_factory=list)


@contextmanager
def asked_of(merchant: Merchant) -> Iterator[Asked]:
    """The SELECTs that are sent meanwhile, with their values."""
    asked, engine = Asked(), merchant.ctx.db.engine.sync_engine

    def note(_c: Any, _cursor: Any, statement: str, values: Any, *_more: Any) -> None:
        if statement.lstrip("( \n").startswith(("SELECT", "WITH")):
            asked.statements.append((statement, values))

    event.listen(engine, "before_cursor_execute", note)
    try:
        yield asked
    finally:
        event.remove(engine, "before_cursor_execute", note)


def parts(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield plan
    for inner in plan.get("Plans", ()):
        yield from parts(inner)


def read_by(part: dict[str, Any]) -> int:
    """How many rows this part of a plan has read, shown or not."""
    names = ("Actual Rows", "Rows Removed by Filter", "Rows Removed by Index Recheck")
    return int(part["Actual Loops"] * sum(part.get(name, 0) for name in names))


async def faults(merchant: Merchant, asked: Asked) -> list[str]:
    """What is wrong with the plans of these statements."""
    found = []
    async with merchant.ctx.db.reading() as db:
        connection = await db.connection()
        for statement, values in asked.statements:
            shown = await connection.exec_driver_sql(
                f"EXPLAIN (ANALYZE, FORMAT JSON) {statement}", values
            )
            for part in parts(shown.scalar_one()[0]["Plan"]):
                kind, table = part["Node Type"], part.get("Relation Name")
                if kind == "Seq Scan" and table in TABLES:
                    found.append(f"reads all of {table}: {' '.join(statement.split())[-300:]}")
                elif read_by(part) > MOST_READ:
                    where = part.get("Index Name") or table or ""
                    found.append(f"{kind} {where} reads {read_by(part)} rows")
    return found


async def grown(merchant: Merchant, acquirer: Acquirer) -> list[Sample]:
    if merchant.ctx.db.is_sqlite:
        pytest.skip("the plans are PostgreSQL's")
    await create_account(merchant.ctx, NEIGHBOUR, "Next door")
    await save_profile(merchant.ctx, profile("", "", account_id=NEIGHBOUR, connections={}))
    await merchant.post(
        f"/v1/accounts/{ACCOUNT}/hooks/subscriptions",
        {"config": {"url": "http://127.0.0.1:9/"}, "events": ["checkout_transaction"]},
    )
    kinds = await samples(merchant, acquirer)
    await grow(merchant.ctx.db, kinds, ROWS)
    await grow(merchant.ctx.db, kinds, ROWS, NEIGHBOUR, first=1 + ROWS)
    return kinds


async def some(merchant: Merchant, table: str) -> tuple[str, str]:
    """The ids of a row in the middle of this merchant's, and of the oldest."""
    query = f'SELECT id FROM "{table}" WHERE account_id = :a ORDER BY created_at DESC, id DESC'  # noqa: S608
    async with merchant.ctx.db.reading() as db:
        ids = (await (await db.connection()).execute(text(query), {"a": ACCOUNT})).scalars().all()
    assert len(ids) > ROWS // 4
    return ids[len(ids) // 2], ids[-1]


async def of_sessions(merchant: Merchant) -> list[str]:
    middle, oldest = await some(merchant, "checkout_session")
    paid = (await merchant.get("/v1/sessions?limit=100"))[20]
    found = [
        "", "limit=100", f"starting_after={middle}", f"starting_after={oldest}",
        f"created_at.gte={LATER}", f"created_at.lte={LONG_AGO}",
        f"created_at.gte={LONG_AGO}&created_at.lte={LATER}", "search=nobody",
        f"search={oldest}", f"search={middle}&starting_after={middle}", "search=order-1",
        "search=kari@shop.exa00000003", "search=%2B4700000004", "search=reference-app-00000002",
        "transaction_id=none", f"transaction_id={paid['id']}&transaction_id=x",
    ]  # fmt: skip
    return [f"/v1/sessions?{query}" for query in found]


async def of_transactions(merchant: Merchant) -> list[str]:
    middle, oldest = await some(merchant, "transaction")
    kept = await merchant.transaction(oldest)
    found = [
        "", "limit=100", f"starting_after={middle}", f"starting_after={oldest}",
        f"id={middle}", f"id={middle}&id={oldest}", f"session_id={kept['session_id']}",
        "session_id=none", "amount=1", "amount=40000", "amount.gte=40001", "amount.lte=39999",
        "amount.gte=1", f"created_at.gte={LATER}", f"created_at.lte={LONG_AGO}",
        f"captured_at.gte={LATER}", f"captured_at.lte={LONG_AGO}",
        f"captured_at.gte={LONG_AGO}", f"refunded_at.gte={LATER}",
        f"refunded_at.lte={LONG_AGO}", f"refunded_at.gte={LONG_AGO}",
        "search=nobody", "search=kari nordmann", f"search=kari nordmann&starting_after={middle}",
        f"search={oldest}",
    ]  # fmt: skip
    filters = {
        "status": ("CAPTURED", "FAILED", "INITIATED"),
        "payment_product": ("dintero_psp", "klarna", "vipps"),
        "payment_product_type": ("dintero_psp.creditcard", "vipps", "none"),
        "card_brand": ("visa", "none", "amex"),
        "currency": ("NOK", "SEK", "EUR"),
        "store_id": ("store-1", "none", "other"),
        "merchant_reference": ("reference-app-00000002", "none", None),
        "merchant_reference_2": ("none", None, None),
        "payment_operation": ("unscheduled_purchase", "none", None),
        "customer_id": ("none", None, None),
        "payout_destination_id": ("none", None, None),
        "terminal_id": ("none", None, None),
        "channel": ("till", "none", None),
        "token_id": ("none", "other", None),
    }  # fmt: skip
    for name, values in filters.items():
        given = [value for value in values if value is not None]
        found += [f"{name}={value}" for value in given]
        found += [f"{name}={given[0]}&starting_after={middle}"]
        if None not in values:
            found += ["&".join(f"{name}={value}" for value in some) for some in (given, given[1:])]
    return [f"/v1/transactions?{query}" for query in found]


async def of_cards(merchant: Merchant) -> list[str]:
    middle, oldest = await some(merchant, "card")
    found = [
        "", "limit=100", f"starting_after={middle}", f"starting_after={oldest}",
        "include_deleted=true", "amount_available=1", "amount_available.gte=999999",
        "amount_available.lte=0", "amount_available=0", "amount_available.gte=1",
        f"include_deleted=true&amount_available.gte=999999&starting_after={middle}",
    ]  # fmt: skip
    customers = f"/v1/accounts/{ACCOUNT}/wallets/customers"
    return [f"{WALLETS}?{query}" for query in found] + [
        f"{customers}/none/cards",
        f"{customers}/customer-app/cards",
    ]


async def of_one_card(merchant: Merchant) -> list[str]:
    listed = await merchant.get(f"{WALLETS}?limit=1")
    path = f"{WALLETS}/{listed['cards'][0]['card_id']}"
    return [path, f"{path}/transactions", f"{path}/events"]


async def of_deliveries(merchant: Merchant) -> list[str]:
    middle, oldest = await some(merchant, "delivery")
    found = [
        "", "limit=100", f"starting_after={middle}", f"starting_after={oldest}", "subject=none",
        f"subject={middle}", "subscription_id=none", "state=delivered", "state=failed",
        "state=pending", "kind=webhook", "kind=email", "kind=sms", "kind=callback",
    ]  # fmt: skip
    return [f"{DELIVERIES}?{query}" for query in found]


async def of_payers(merchant: Merchant, kinds: list[Sample]) -> dict[str, list[str]]:
    """What is wrong with what the payer's page and the balance page read."""
    found = {}
    for kind in kinds:
        with asked_of(merchant) as asked:
            await read_view(merchant.ctx, kind.session)
            await read_marks(merchant.ctx, [kind.session])
        found[f"page {kind.session}"] = await faults(merchant, asked)
    card = await merchant.card(5000)
    with asked_of(merchant) as asked:
        await read_balance(merchant.ctx, ACCOUNT, card["number"], card["pin"], "1.2.3.4")
    found["balance"] = await faults(merchant, asked)
    return found


@pytest.mark.timeout(300)
async def test_no_list_reads_more_than_it_shows(merchant: Merchant, acquirer: Acquirer) -> None:
    wrong = await of_payers(merchant, await grown(merchant, acquirer))
    for make in (of_sessions, of_transactions, of_cards, of_one_card, of_deliveries):
        for path in await make(merchant):
            with asked_of(merchant) as asked:
                await merchant.get(path)
            assert asked.statements, path
            if "limit=100" not in path:
                wrong[path] = await faults(merchant, asked)
    assert {what: found for what, found in wrong.items() if found} == {}
    await merchant.audit()
