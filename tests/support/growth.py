"""An installation that has grown: thousands of cards, sessions and payments on PostgreSQL.

A few are made by the API. The others are copies of their rows, so that the ledger, the sums and the
states of all of them fit, and `gavekort audit` finds no difference.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from backend.accounts.clients import create_account
from backend.accounts.profiles import save_profile
from backend.core.db import Database
from tests.support.card_gateway import CardGatewaySandbox
from tests.support.checkout import ACCOUNT, Merchant, profile, session_body

NEIGHBOUR = "T87654321"
"""Another merchant, whose rows cost this one nothing."""
SECONDS_APART = 7
_AT_ONCE = 10_000
_EMAIL, _PHONE = "{customer,email}", "{customer,phone_number}"


@dataclass(frozen=True, slots=True)
class Sample:
    """What the API has made: ids, and the card's primary key where there is one."""

    session: str
    transaction: str = ""
    card: str = ""


@dataclass(frozen=True, slots=True)
class _Copied:
    """`own`: the columns that hold ids of the copied rows."""

    table: str
    rows: str
    own: tuple[str, ...]


_COPIED = (
    _Copied("card", "o.id = :card", ("id", "card_id")),
    _Copied("card_token", "o.card = :card", ("id", "card", "number_hash")),
    _Copied("wallet_transaction", "o.card = :card", ("id", "card", "parent_id")),
    _Copied("hold", "o.card = :card",
            ("id", "card", "wallet_transaction_id", "carried_to", "purpose")),
    _Copied("ledger_entry", "o.card = :card", ("id", "card", "wallet_transaction_id")),
    _Copied("checkout_session", "o.id = :session",
            ("id", "transaction_id", "merchant_reference", "customer_email", "customer_phone")),
    _Copied("session_gift_card", "o.session_id = :session", ("session_id", "card", "token_id")),
    _Copied("session_event", "o.session_id = :session", ("id", "session_id")),
    _Copied("transaction", "o.id = :transaction",
            ("id", "session_id", "gift_card", "hold_id", "psp_reference", "return_ref",
             "merchant_reference")),
    _Copied("transaction_term", "o.transaction_id = :transaction", ("transaction_id", "term")),
    _Copied("operation", "o.transaction_id = :transaction", ("id", "transaction_id", "key")),
    _Copied("transaction_event", "o.transaction_id = :transaction",
            ("id", "transaction_id", "wallet_transaction_id")),
    _Copied("delivery", "o.subject IN (:session, :transaction)", ("id", "subject", "session_id")),
)  # fmt: skip
TABLES = tuple(copied.table for copied in _COPIED)
_PAYERS = ("kari nordmann",)
"""A term that stays as it is: the name of every payer."""


async def samples(merchant: Merchant, card_gateway: CardGatewaySandbox) -> list[Sample]:
    """Make the other merchant and a subscription, and one session in each of these states:
    captured, partly refunded, authorized (these three with a gift card), with the payer's details,
    and untouched."""
    await create_account(merchant.ctx, NEIGHBOUR, "Next door")
    await save_profile(merchant.ctx, profile("", "", account_id=NEIGHBOUR, connections={}))
    await merchant.post(
        f"/v1/accounts/{ACCOUNT}/hooks/subscriptions",
        {"config": {"url": "http://127.0.0.1:9/"}, "events": ["checkout_transaction"]},
    )
    more: dict[str, Any] = {
        "customer": {"email": "kari@shop.example.com", "phone_number": "+4799887766"}
    }

    async def paid(channel: str, store: str) -> tuple[Sample, str]:
        card = await merchant.card(10000, customer_id=f"customer-{channel}")
        order = session_body()["order"] | {
            "merchant_reference": f"reference-{channel}-00000000",
            "store": {"id": store},
        }
        given = more | {"order": order, "channel": channel}
        transaction = await merchant.paid(card_gateway, 40000, card, **given)
        return await _sample(merchant, transaction), transaction

    captured, transaction = await paid("web", "store-1")
    await merchant.post(f"/v1/transactions/{transaction}/capture", {"amount": 40000})
    refunded, transaction = await paid("app", "store-2")
    await merchant.post(f"/v1/transactions/{transaction}/capture", {"amount": 40000})
    await merchant.post(f"/v1/transactions/{transaction}/refund", {"amount": 15000})
    authorized, _ = await paid("till", "store-3")
    touched = Sample(await merchant.ready(40000, **more))
    untouched = Sample(await merchant.session(40000))
    return [captured, refunded, authorized, touched, untouched]


async def _sample(merchant: Merchant, transaction_id: str) -> Sample:
    query = text('SELECT session_id, id, gift_card FROM "transaction" WHERE id = :id')
    async with merchant.ctx.db.reading() as db:
        row = (await (await db.connection()).execute(query, {"id": transaction_id})).one()
    return Sample(*row)


async def grow(
    db: Database, kinds: Sequence[Sample], count: int, account_id: str = ACCOUNT, first: int = 1
) -> None:
    """Copy the samples in turn, until there are `count` copies. They are numbered from `first`; the
    first is the newest, and all are older than the samples."""
    for start in range(first, first + count, _AT_ONCE):
        end = min(start + _AT_ONCE, first + count) - 1
        async with db.unit_of_work() as work:
            connection = await work.connection()
            for place, sample in enumerate(kinds):
                for copied in _COPIED:
                    await _copy(connection, copied, sample, account_id, (start, end, place, kinds))
    async with db.unit_of_work() as work:
        connection = await work.connection()
        for table in TABLES:
            await connection.execute(text(f'ANALYZE "{table}"'))


async def _copy(
    connection: AsyncConnection,
    copied: _Copied,
    sample: Sample,
    account_id: str,
    which: tuple[int, int, int, Sequence[Sample]],
) -> None:
    start, end, place, kinds = which
    columns = set(
        (
            await connection.execute(
                text("SELECT column_name FROM information_schema.columns WHERE table_name = :name"),
                {"name": copied.table},
            )
        ).scalars()
    )
    changes = {name: _numbered(f"o.{name}") for name in copied.own if name in columns}
    if "account_id" in columns:
        changes["account_id"] = "CAST(:account AS text)"
    for column in ("created_at", "updated_at"):
        if column in columns:
            changes[column] = f"o.{column} - i * interval '{SECONDS_APART} seconds'"
    if copied.table == "transaction_term":
        same = ", ".join(f"'{term}'" for term in _PAYERS)
        changes["term"] = f"CASE WHEN o.term IN ({same}) THEN o.term ELSE {changes['term']} END"
    if copied.table == "checkout_session":
        changes["body"] = _searched("o.body")
    built = ", ".join(f"'{column}', {value}" for column, value in changes.items())
    statement = (
        f'INSERT INTO "{copied.table}" SELECT r.* FROM "{copied.table}" o,'  # noqa: S608
        f" generate_series(CAST(:start AS int), CAST(:end AS int)) i,"
        f' LATERAL jsonb_populate_record(NULL::"{copied.table}",'
        f" to_jsonb(o) || jsonb_build_object({built})) r"
        f" WHERE {copied.rows} AND i % :kinds = :place"
    )
    values: dict[str, Any] = {
        "start": start, "end": end, "kinds": len(kinds), "place": place,
        "session": sample.session, "transaction": sample.transaction, "card": sample.card,
        "account": account_id,
    }  # fmt: skip
    names = ("session", "transaction", "card", "account")
    named = [name for name in values if name not in names or f":{name}" in statement]
    await connection.execute(text(statement), {name: values[name] for name in named})


def _numbered(column: str) -> str:
    """The value with the copy's number in place of its last eight characters."""
    return f"left({column}, -8) || lpad(i::text, 8, '0')"


def _searched(body: str) -> str:
    """The session's body, with the numbered e-mail address and phone number."""
    for path in (_EMAIL, _PHONE):
        value = _numbered(f"(o.body #>> '{path}')")
        body = (
            f"CASE WHEN o.body #> '{path}' IS NULL THEN {body}"
            f" ELSE jsonb_set({body}, '{path}', to_jsonb({value})) END"
        )
    return body
