"""What an update or an extension of an authorization must satisfy, and how a transaction changes
with an update.

The gift card's part stays as it is held. The provider is asked for the new amount less that part.
Source: `docs/reference/dintero-api.md#transaction-endpoints`.
"""

from __future__ import annotations

from sqlmodel.ext.asyncio.session import AsyncSession

from backend.core.context import Backend
from backend.core.errors import Conflict, FieldError, InvalidRequest
from backend.payments.items import items_after
from backend.payments.store import connector_of, position_of
from backend.payments.tables import Operation, Transaction
from backend.psp.protocol import AuthorizationUpdater
from backend.psp.registry import NotConnected
from backend.rules import transaction as rules
from backend.rules.payment_option import UPDATABLE_OPTIONS
from backend.rules.transaction import Position, Split


async def check_update(
    ctx: Backend, db: AsyncSession, transaction: Transaction, amount: int | None
) -> Split:
    """Return how the new amount is divided (minor units; None leaves it as it is).

    InvalidRequest if the payment option cannot be updated, Conflict if the transaction is not
    authorized (any more), RuleBroken if the amount is not possible.
    """
    await _check_updatable(ctx, db, transaction)
    return rules.split_update(position_of(transaction), amount_of(transaction, amount))


async def check_extension(ctx: Backend, db: AsyncSession, transaction: Transaction) -> Split:
    """Return what stays authorized for a longer time. It raises the errors of `check_update`."""
    await _check_updatable(ctx, db, transaction)
    return position_of(transaction).authorized


async def _check_updatable(ctx: Backend, db: AsyncSession, transaction: Transaction) -> None:
    option = transaction.payment_product_type
    if option not in UPDATABLE_OPTIONS:
        raise _wrong(
            "payment_product_type", f"the authorization of a {option} payment cannot be updated"
        )
    if transaction.status not in rules.UPDATABLE:
        raise Conflict(f"a transaction that is {transaction.status} has no open authorization")
    try:
        connector = await connector_of(ctx, transaction, db)
    except NotConnected as error:
        raise _wrong("payment_product_type", f"{option} is not connected any more") from error
    if not isinstance(connector, AuthorizationUpdater):
        raise _wrong(
            "payment_product_type", f"the connector of {option} cannot update an authorization"
        )


def amount_of(transaction: Transaction, amount: int | None) -> int:
    return transaction.amount if amount is None else amount


def apply_update(transaction: Transaction, operation: Operation, split: Split) -> Position:
    """Keep the new amount and lines. Return the position that follows."""
    position = rules.updated(position_of(transaction), split)
    transaction.amount = split.total
    if operation.asked.items:
        items = [dict(item.raw) for item in items_after(transaction, operation.asked.items)]
        transaction.snapshot = {**transaction.snapshot, "items": items}
    return position


def _wrong(field: str, text: str) -> InvalidRequest:
    return InvalidRequest(text, (FieldError(field, text),))
