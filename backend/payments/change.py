"""What a merchant may change of a transaction besides its money.

Source: `reference/dintero-api.md#51-endpoints-under-v1`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, NoReturn

from backend.context import Backend
from backend.errors import Conflict, FieldError, InvalidRequest
from backend.payments.search import find_anew
from backend.payments.store import get_transaction, lock_transaction
from backend.payments.tables import Transaction
from backend.rules.transaction import Status

_EXTENDED_BY = ("klarna.klarna", "klarna.billie")


async def set_merchant_reference_2(
    ctx: Backend, account_id: str, transaction_id: str, value: str
) -> None:
    """NotFound for another account's transaction too."""
    async with ctx.db.unit_of_work() as db:
        await get_transaction(db, account_id, transaction_id)
        transaction = await lock_transaction(db, transaction_id)
        transaction.merchant_reference_2 = value
        transaction.updated_at = ctx.clock.now()
        await find_anew(db, transaction)


@dataclass(frozen=True, slots=True)
class AuthorizationUpdate:
    """`amount` in minor units, None where it stays; `items` sum to it."""

    account_id: str
    transaction_id: str
    amount: int | None = None
    items: list[dict[str, Any]] = field(default_factory=list)


async def update_authorization(ctx: Backend, wanted: AuthorizationUpdate) -> NoReturn:
    """Prolong or change an authorization, which Dintero does for Klarna and Billie only.

    InvalidRequest for every other payment type, for items that do not fit, and, since no connector
    speaks this part of its provider's protocol, for Klarna's too; Conflict where the transaction is
    not authorized (any more).
    """
    async with ctx.db.reading() as db:
        transaction = await get_transaction(db, wanted.account_id, wanted.transaction_id)
    option = transaction.payment_product_type
    if option not in _EXTENDED_BY:
        raise _wrong(
            "payment_product_type", f"the authorization of a {option} payment cannot be updated"
        )
    if transaction.status != Status.AUTHORIZED:
        raise Conflict(f"a transaction that is {transaction.status} has no open authorization")
    _check_items(transaction, wanted)
    raise _wrong(
        "payment_product_type", f"the connector of {option} cannot update an authorization"
    )


def _check_items(transaction: Transaction, wanted: AuthorizationUpdate) -> None:
    amount = transaction.amount if wanted.amount is None else wanted.amount
    if transaction.snapshot.get("items") and not wanted.items:
        raise _wrong("items", "items are needed, because the transaction has items")
    total = sum(int(item["amount"]) for item in wanted.items)
    if wanted.items and total != amount:
        raise _wrong("items", f"the items sum to {total}, the amount is {amount}")


def _wrong(field_: str, text: str) -> InvalidRequest:
    return InvalidRequest(text, (FieldError(field_, text),))
