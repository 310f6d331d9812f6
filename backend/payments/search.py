"""The terms by which a transaction is found. Source:
`docs/reference/dintero-api.md#transaction-endpoints`."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from sqlalchemy import delete
from sqlmodel import col
from sqlmodel.ext.asyncio.session import AsyncSession

from backend.payments.tables import Transaction, TransactionTerm

MAX_TERM = 255
_PHONE = re.compile(r"^\+?[\d\s().-]{5,}$")
_FIELDS = ("customer", "shipping_address", "billing_address")


def normal(text: str) -> str:
    """Return the text in lower case with one blank between words. A phone number becomes its
    digits."""
    if _PHONE.match(text.strip()):
        return re.sub(r"\D", "", text)[:MAX_TERM]
    return " ".join(text.lower().split())[:MAX_TERM]


def reference(transaction: Transaction) -> str | None:
    """Return `merchant_reference_2` as it was set last."""
    if transaction.merchant_reference_2 is not None:
        return transaction.merchant_reference_2
    value = transaction.snapshot.get("merchant_reference_2")
    return None if value is None else str(value)


def _terms(transaction: Transaction) -> Iterator[str]:
    yield from (transaction.id, transaction.session_id, transaction.merchant_reference)
    yield reference(transaction) or ""
    for name in _FIELDS:
        part: dict[str, Any] = transaction.snapshot.get(name) or {}
        yield from (str(part.get("email") or ""), str(part.get("phone_number") or ""))
        yield f"{part.get('first_name') or ''} {part.get('last_name') or ''}"


def make_findable(transaction: Transaction) -> None:
    """Set the columns that filters use, before the row is written. `add_terms` follows."""
    t, snapshot = transaction, transaction.snapshot
    store: dict[str, Any] = snapshot.get("store") or {}
    t.merchant_reference_2 = reference(t)
    t.channel = snapshot.get("channel")
    t.customer_id = (snapshot.get("customer") or {}).get("customer_id")
    t.store_id = _text(store.get("id"))
    t.terminal_id = _text(store.get("terminal_id"))
    t.payout_destination_id = _text(snapshot.get("payout_destination_id"))


def _text(value: object) -> str | None:
    return None if value is None else str(value)


def add_terms(db: AsyncSession, transaction: Transaction) -> None:
    """Add the search terms, in the unit of work that has written the row."""
    for term in {normal(text) for text in _terms(transaction)} - {""}:
        db.add(
            TransactionTerm(
                transaction_id=transaction.id, term=term, account_id=transaction.account_id
            )
        )


async def find_anew(db: AsyncSession, transaction: Transaction) -> None:
    """Replace the search terms after they have changed."""
    gone = delete(TransactionTerm).where(col(TransactionTerm.transaction_id) == transaction.id)
    await db.exec(gone)
    add_terms(db, transaction)
