"""The terms by which a transaction is found. Source:
`docs/reference/dintero-api.md#transaction-endpoints`."""

from __future__ import annotations

import re
from collections.abc import Iterator

from sqlalchemy import delete
from sqlmodel import col
from sqlmodel.ext.asyncio.session import AsyncSession

from backend.payments.tables import Transaction, TransactionTerm

MAX_TERM = 255
_PHONE = re.compile(r"^\+?[\d\s().-]{5,}$")


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
    return transaction.purchase.merchant_reference_2


def _terms(transaction: Transaction) -> Iterator[str]:
    yield from (transaction.id, transaction.session_id, transaction.merchant_reference)
    yield reference(transaction) or ""
    bought = transaction.purchase
    yield from (bought.customer.email, bought.customer.phone_number)
    for address in (bought.shipping_address, bought.billing_address):
        yield from (address.email, address.phone_number)
        yield f"{address.first_name} {address.last_name}"


def make_findable(transaction: Transaction) -> None:
    """Set the columns that filters use, before the row is written. `add_terms` follows."""
    t, bought = transaction, transaction.purchase
    t.merchant_reference_2 = reference(t)
    t.channel = bought.channel
    t.customer_id = bought.customer.customer_id or None
    t.store_id, t.terminal_id = bought.store_id, bought.terminal_id
    t.payout_destination_id = bought.payout_destination_id


def add_terms(db: AsyncSession, transaction: Transaction) -> None:
    """Add the search terms, in the unit of work that has written the row."""
    for term in {normal(text) for text in _terms(transaction)} - {""}:
        db.add(
            TransactionTerm(
                transaction_id=transaction.id,
                term=term,
                account_id=transaction.account_id,
                created_at=transaction.created_at,
            )
        )


async def find_anew(db: AsyncSession, transaction: Transaction) -> None:
    """Replace the search terms after they have changed."""
    gone = delete(TransactionTerm).where(col(TransactionTerm.transaction_id) == transaction.id)
    await db.exec(gone)
    add_terms(db, transaction)
