"""Capture, refund and void. An operation is written with its key and split. Then the provider does
its part. The card's part follows, which cannot fail because it is held. Source:
`docs/architecture.md#one-payment`.

At most one operation of a transaction is under way. If its answer was lost it is `unknown`, and the
reconciler reads it again until it is done or refused.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime, timedelta
from typing import Any

from sqlmodel import select
from sqlmodel.ext.asyncio.session import AsyncSession

from backend.cards.issue import IssuedCard
from backend.core import crash_points
from backend.core.context import Backend
from backend.core.errors import Conflict, FieldError, InvalidRequest
from backend.core.ids import new_uuid
from backend.idempotency import keys
from backend.payments import conclude
from backend.payments.auto_capture_schedule import is_due, stop
from backend.payments.items import Described, check_items
from backend.payments.operations.apply import Effect, apply_success, event_of, record_event
from backend.payments.operations.refund_reversals import monitor_refund
from backend.payments.operations.update_authorization import (
    amount_of,
    check_extension,
    check_update,
)
from backend.payments.provider_calls import ask_provider
from backend.payments.refund_target import Landing, RefundTo, decide, prepare, split_refund
from backend.payments.store import (
    OPEN_STATES,
    connector_of,
    get_transaction,
    lock_operation,
    lock_transaction,
    open_operation,
    position_of,
)
from backend.payments.tables import Operation, Transaction
from backend.psp.protocol import CHANGES_AUTHORIZATION, OperationKind, Outcome, Result
from backend.rules import transaction as rules
from backend.rules.backoff import Backoff
from backend.rules.items import Advice
from backend.rules.transaction import Position, RuleBroken, Split, Status
from backend.sessions.load import lock_session

log = logging.getLogger(__name__)
_READS = Backoff(first=2, longest=300)
LOOK_EVERY = 0.1
LONGEST_WAIT = 10.0


class OperationRefused(InvalidRequest):
    """The provider refused, and no money has moved. `errors` has the code of its refusal."""

    code = "OPERATION_REFUSED"


@dataclass(frozen=True, slots=True)
class Command:
    """What a merchant asks for.

    `amount` (minor units) is not used for a void. For a capture, None means all that is left. For
    an update, it is the whole amount that is authorized from then on, and None leaves it as it is.
    `items` only describe the amount, unless `strict_items` is set. `unread` is what could not be
    read of them. A `final` capture releases what is left.
    """

    account_id: str
    transaction_id: str
    kind: OperationKind
    created_by: str
    amount: int | None = 0
    reference: str | None = None
    items: list[dict[str, Any]] = field(default_factory=list)
    unread: Sequence[Advice] = ()
    strict_items: bool = False
    metadata: dict[str, Any] = field(default_factory=dict)
    reason: str | None = None
    description: str | None = None
    """The text of an update that is sent to the provider."""
    final: bool = False
    refund_to: RefundTo | None = None
    """Where the gift card's part of a refund goes, if not to the card that paid."""
    automatic: bool = False
    """The worker asks, not the merchant. It is carried out only while the transaction's
    auto-capture is due."""
    request_id: str = field(default_factory=new_uuid)
    headers: dict[str, str] = field(default_factory=dict)


async def operate(ctx: Backend, command: Command) -> Operation:
    """Do the same as `carry_out`, and return only the operation, without a new card's number and
    PIN."""
    return (await carry_out(ctx, command)).operation


@dataclass(frozen=True, slots=True)
class Ended:
    """How an operation ended. `issued` is the card that was made for a refund, with its number and
    PIN, which are shown only this once."""

    operation: Operation
    issued: IssuedCard | None = None


async def carry_out(ctx: Backend, command: Command) -> Ended:
    """Carry a command out, and return the operation as it ended: `done` or `unknown`. It is still
    `pending` if another request under the same idempotency key began it.

    InvalidRequest if the rules forbid it, OperationRefused if the provider does, Conflict while
    another operation of this transaction is under way, RefundCardUnusable if nobody could use the
    money that is refunded to the gift card.
    """
    begun = keys.begun_operation()
    ended = await (_begin(ctx, command) if begun is None else _wait_for(ctx, begun))
    operation = ended.operation
    if operation.state == "refused":
        error = operation.error or {}
        message = str(error.get("message") or "the provider refused")
        raise OperationRefused(
            message, (FieldError("amount", message, str(error.get("code") or "refused")),)
        )
    return ended


async def _begin(ctx: Backend, command: Command) -> Ended:
    written = await _write(ctx, command)
    crash_points.point(f"{command.kind.value}.written")
    result = await ask_provider(ctx, written.id)
    crash_points.point(f"{command.kind.value}.done_at_provider")
    ended = await end(ctx, written.id, result, written.claimed_until)
    crash_points.point(f"{command.kind.value}.stored")
    return ended


async def _wait_for(ctx: Backend, operation_id: str) -> Ended:
    """Wait for an operation that another request began. Return it as it ended, or as it is after a
    while."""
    waited = 0.0
    while True:
        async with ctx.db.reading() as db:
            operation = await db.get(Operation, operation_id)
        assert operation is not None
        if operation.state != "pending" or waited >= LONGEST_WAIT:
            return Ended(operation)
        await asyncio.sleep(LOOK_EVERY)
        waited += LOOK_EVERY


async def _write(ctx: Backend, command: Command) -> Operation:
    """Write the operation, and return it claimed by this process for as long as a provider may
    take."""
    now = ctx.clock.now()
    ours_until = now + timedelta(seconds=ctx.settings.operation_grace)
    async with ctx.db.unit_of_work(commit_early=True) as db:
        await get_transaction(db, command.account_id, command.transaction_id)
        transaction = await lock_transaction(db, command.transaction_id)
        if await open_operation(db, transaction.id) is not None:
            raise Conflict("another operation of this transaction is under way")
        position = position_of(transaction)
        try:
            split = await _split(ctx, db, transaction, position, command)
        except RuleBroken as broken:
            raise InvalidRequest(str(broken), (FieldError("amount", str(broken)),)) from broken
        amount = amount_of(transaction, command.amount)
        said = Described(command.items, command.unread, command.strict_items)
        advice = await check_items(db, transaction, command.kind, said, amount)
        await _check_auto_capture(db, command)
        request = _request(command) | {"warnings": [asdict(one) for one in advice]}
        if command.kind is OperationKind.REFUND:
            wanted = command.refund_to
            request["refund_to"] = await decide(ctx, db, transaction, split, wanted)
        key = new_uuid()
        operation = Operation(
            id=key,
            transaction_id=transaction.id,
            kind=command.kind.value,
            key=key,
            state="pending",
            card_amount=split.card,
            psp_amount=split.provider,
            captured_before=position.captured.provider,
            final=command.final,
            request=request,
            due_at=ours_until,
            claimed_until=ours_until,
            created_by=command.created_by,
            created_at=now,
            updated_at=now,
        )
        db.add(operation)
        await db.flush()
        await keys.note_operation(db, operation.id)
        crash_points.point(f"{command.kind.value}.writing")
    return operation


async def _check_auto_capture(db: AsyncSession, command: Command) -> None:
    """Stop the automatic capture, because the merchant captures or voids, whatever comes of
    that."""
    if command.automatic:
        if not await is_due(db, command.transaction_id):
            raise Conflict("this transaction is not captured automatically any more")
    elif command.kind in (OperationKind.CAPTURE, OperationKind.VOID):
        await stop(db, command.transaction_id)


def _request(command: Command) -> dict[str, Any]:
    return {
        "reference": command.reference,
        "items": command.items,
        "metadata": command.metadata,
        "reason": command.reason,
        "description": command.description,
        "request_id": command.request_id,
        "headers": command.headers,
    }


async def _split(
    ctx: Backend, db: AsyncSession, transaction: Transaction, position: Position, command: Command
) -> Split:
    """Return what the command takes from the card and from the provider; RuleBroken if it may
    not."""
    status = Status(transaction.status)
    if command.kind is OperationKind.UPDATE:
        return await check_update(ctx, db, transaction, command.amount)
    if command.kind is OperationKind.EXTEND:
        return await check_extension(ctx, db, transaction)
    amount = amount_of(transaction, command.amount)
    if command.kind is OperationKind.CAPTURE:
        rules.check_capture(status)
        if command.amount is None:
            return position.capturable
        split = rules.split_capture(position, amount)
        rules.check_only_capture(
            position, split, final=command.final, multi_capture=transaction.multi_capture
        )
        return split
    if command.kind is OperationKind.REFUND:
        rules.check_refund(status)
        return split_refund(position, amount, command.refund_to)
    if status is Status.ON_HOLD:
        return await asked_for(db, transaction)
    after = False
    if position.captured.provider:
        connector = await connector_of(ctx, transaction, db)
        after = connector.capabilities.void_after_partial_capture
    rules.check_void(status, position, after_partial_capture=after)
    return position.capturable


async def asked_for(db: AsyncSession, transaction: Transaction) -> Split:
    """Return what the attempt to pay asked for, from the card and from the provider."""
    query = select(Operation).where(
        Operation.transaction_id == transaction.id, Operation.kind == OperationKind.AUTHORIZE.value
    )
    asked = (await db.exec(query)).one()
    return Split(asked.card_amount, asked.psp_amount)


async def finish(
    ctx: Backend, operation_id: str, result: Result, claim: datetime | None
) -> Operation:
    """Do what `end` does, and return only the operation, without a new card's number and PIN."""
    return (await end(ctx, operation_id, result, claim)).operation


async def end(ctx: Backend, operation_id: str, result: Result, claim: datetime | None) -> Ended:
    """Keep the provider's answer and, with DONE, apply the card's part. Repeating it is harmless,
    because an operation ends once. `claim` is the caller's `claimed_until`. A caller who has lost
    the operation to another process may still report that it was done, but not that it was not."""
    async with ctx.db.reading() as db:
        seen = await db.get(Operation, operation_id)
        assert seen is not None
        paid = await db.get(Transaction, seen.transaction_id)
        assert paid is not None
    landing = prepare(ctx, seen) if result.outcome is Outcome.DONE else None
    operation = await _end(ctx, seen, paid, result, claim, landing)
    return Ended(operation, landing.issued if landing is not None else None)


async def _end(
    ctx: Backend,
    seen: Operation,
    paid: Transaction,
    result: Result,
    claim: datetime | None,
    landing: Landing | None,
) -> Operation:
    now = ctx.clock.now()
    async with ctx.db.unit_of_work() as db:
        if seen.kind == OperationKind.VOID:
            # A payment ON_HOLD goes back to its session. The session's row is always locked first.
            await lock_session(db, paid.session_id)
        transaction = await lock_transaction(db, seen.transaction_id)
        operation = await lock_operation(db, seen.id)
        if operation.state not in OPEN_STATES:
            if operation.state == "refused" and result.outcome is Outcome.DONE:
                log.critical("operation %s is refused, and done at the provider", operation.id)
            return operation
        if result.outcome is not Outcome.DONE and operation.claimed_until != claim:
            return operation
        operation.tries += 1
        operation.claimed_until = None
        operation.raw = dict(result.raw)
        if result.outcome is Outcome.UNKNOWN:
            operation.state = "unknown"
            operation.due_at = now + _READS.after(operation.tries)
            if operation.tries == 1 and operation.kind not in CHANGES_AUTHORIZATION:
                # The documented events have none for the beginning of these operations.
                initiated = f"INITIATE_{operation.kind.upper()}"
                await record_event(db, transaction, operation, initiated, now)
            return operation
        if result.outcome is Outcome.REFUSED:
            error = {
                "code": result.code or "refused",
                "message": result.message or "the provider refused",
            }
            conclude.end(operation, "refused", now, error)
            await record_event(
                db, transaction, operation, event_of(operation), now, Effect(error=error)
            )
            return operation
        await apply_success(db, transaction, operation, now, landing)
        await monitor_refund(ctx, db, transaction, operation, now)
        await db.flush()
        crash_points.point(f"{operation.kind}.storing")
        return operation
