"""The provider's part of an operation: ask for it, and ask again if the answer was lost."""

from __future__ import annotations

import asyncio
from dataclasses import replace

from backend.core import crash_points
from backend.core.context import Backend
from backend.payments.operations.release import release
from backend.payments.provider_lines import operation_lines, order_lines
from backend.payments.store import connector_of, lock_operation, money, position_of
from backend.payments.tables import Operation, Transaction
from backend.psp.protocol import (
    AuthorizationUpdate,
    AuthorizationUpdater,
    Connector,
    OperationKind,
    OperationQuery,
    Outcome,
    Result,
)
from backend.psp.registry import NotConnected
from backend.rules.transaction import Status

_SAYS_NOTHING_OF_OTHER_CALLS = ("unreachable", "configuration", "conflict")
"""Codes of a refusal of the call itself, which do not tell what became of an earlier call."""


def _verb(transaction: Transaction, operation: Operation) -> OperationKind | None:
    """Return what the provider is asked for; None if it has no part in this operation."""
    if operation.psp_amount:
        return OperationKind(operation.kind)
    if operation.final and position_of(transaction).capturable.provider > 0:
        # A final capture of the card's part alone releases the provider's.
        return OperationKind.VOID
    return None


async def ask_provider(ctx: Backend, operation_id: str) -> Result:
    """Ask for the provider's part of an operation. The result is DONE, without a call, if there is
    no such part."""
    async with ctx.db.reading() as db:
        operation = await db.get(Operation, operation_id)
        assert operation is not None
        transaction = await db.get(Transaction, operation.transaction_id)
        assert transaction is not None
    verb = _verb(transaction, operation)
    if verb is None:
        return Result(Outcome.DONE)
    try:
        connector = await connector_of(ctx, transaction)
    except NotConnected:
        return Result(Outcome.REFUSED, code="configuration", message="not connected")
    return await _send(ctx, connector, verb, transaction, operation)


async def _send(
    ctx: Backend,
    connector: Connector,
    verb: OperationKind,
    transaction: Transaction,
    operation: Operation,
) -> Result:
    """Send the call. It may be repeated, since its key is the same each time. It never lasts longer
    than the claim."""
    reference, amount = transaction.psp_reference, money(transaction, operation.psp_amount)
    assert reference is not None
    left = position_of(transaction).capturable.provider
    final = operation.final or operation.psp_amount == left
    try:
        async with asyncio.timeout(ctx.settings.operation_grace):
            if verb is OperationKind.CAPTURE:
                lines = operation_lines(transaction, operation)
                return await connector.capture(
                    reference, amount, operation.key, final=final, lines=lines
                )
            if verb is OperationKind.REFUND:
                lines = operation_lines(transaction, operation)
                return await connector.refund(reference, amount, operation.key, lines=lines)
            if isinstance(connector, AuthorizationUpdater) and verb is OperationKind.EXTEND:
                return await connector.extend_authorization(reference, operation.key)
            if isinstance(connector, AuthorizationUpdater) and verb is OperationKind.UPDATE:
                said = operation.asked.description or ""
                update = AuthorizationUpdate(amount, order_lines(transaction, operation), said)
                return await connector.update_authorization(reference, update, operation.key)
            if transaction.status == Status.ON_HOLD:
                payment = await connector.fetch(reference)
                return await release(connector, reference, operation.key, payment)
            return await connector.void(reference, operation.key)
    except TimeoutError:
        return Result(Outcome.UNKNOWN, reference, message="no answer in time")


async def ask_again(ctx: Backend, transaction: Transaction, operation: Operation) -> Result:
    """Find out whether an operation took effect whose answer was lost, or which was never sent.

    If a read shows it, it did. If a read does not show it, although the provider has had all
    the time that it may take, the call may still have been held up before it was sent. So it is
    sent once more with its key, which the provider carries out only once. If a later read does not
    show it either, it counts as refused.
    """
    verb = _verb(transaction, operation)
    if verb is None:
        return Result(Outcome.DONE)
    try:
        connector = await connector_of(ctx, transaction)
    except NotConnected:
        return Result(Outcome.UNKNOWN, code="configuration", message="not connected")
    assert transaction.psp_reference is not None
    if transaction.status == Status.ON_HOLD:
        # Nothing of a late authorization may remain. So each time the payment is read, and released
        # if needed.
        return await _send(ctx, connector, verb, transaction, operation)
    result = await connector.fetch_operation(
        OperationQuery(
            kind=verb,
            reference=transaction.psp_reference,
            key=operation.key,
            amount=money(transaction, operation.psp_amount),
            captured_before=operation.captured_before,
            # At most one operation is under way. It is not among the refunds yet.
            refunded_before=position_of(transaction).refunded.provider,
            sent_at=operation.updated_at,
            authorized_before=position_of(transaction).authorized.provider,
            lines=order_lines(transaction, operation) if verb is OperationKind.UPDATE else (),
        )
    )
    crash_points.point("reconcile.read")
    sent_once = operation.updated_at == operation.created_at
    forgotten = operation.created_at + connector.capabilities.key_lifetime <= ctx.clock.now()
    # `declined` is the provider's own refusal, and not something that the read did not find.
    if result.outcome is not Outcome.REFUSED or result.code == "declined":
        return result
    if not sent_once or forgotten:
        return result
    async with ctx.db.unit_of_work() as db:
        locked = await lock_operation(db, operation.id)
        locked.updated_at = ctx.clock.now()
    crash_points.point("reconcile.sending_again")
    result = await _send(ctx, connector, verb, transaction, operation)
    if result.outcome is Outcome.REFUSED and result.code in _SAYS_NOTHING_OF_OTHER_CALLS:
        return replace(result, outcome=Outcome.UNKNOWN)
    return result
