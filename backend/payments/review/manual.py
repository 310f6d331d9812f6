"""Manual review: payments ON_HOLD, and operations whose outcome nobody knows.

The reconciler continues to read both kinds. Here they are listed, and ended one by one. A read at
the provider always comes first. If the read is clear, it decides: an operator's word counts only if
the provider cannot confirm an outcome. Source: `docs/architecture.md#one-payment`.
"""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from backend.core.context import Backend
from backend.core.errors import Conflict, NotFound
from backend.payments import conclude, provider_calls
from backend.payments.attempts import direct_capture, late_authorization
from backend.payments.attempts import resolve as attempts
from backend.payments.attempts.at_provider import create_at_provider
from backend.payments.conclude import OperatorDecision
from backend.payments.operations import execute as operations
from backend.payments.operations.execute import Command, operate
from backend.payments.store import (
    OPEN_STATES,
    NewEvent,
    connector_of,
    lock_operation,
    lock_transaction,
    money,
    open_operation,
    record,
)
from backend.payments.tables import Operation, Transaction, TransactionEvent
from backend.psp.protocol import OperationKind, Outcome, Payment, PaymentState, Result
from backend.psp.registry import NotConnected
from backend.rules.payment_attempt import PAID, amount_mismatch
from backend.rules.transaction import Status
from backend.sessions.load import lock_session

ON_HOLD = "on_hold"
_REVIEW = timedelta(days=1)
"""How long a provider may review a payment before a person is told."""
WORDS = ("void", "done", "refused", "unknown")
"""What an operator may say. `void` releases a payment ON_HOLD. `done` and `refused` end an
operation. `unknown` ends a payment that nobody can tell the outcome of."""


class WordNeeded(Conflict):
    """The provider cannot confirm how it ended, or somebody has to decide what to do. An operator
    must."""

    code = "WORD_NEEDED"


@dataclass(frozen=True, slots=True)
class Unresolved:
    """A payment or operation that waits for a person. Amounts are in minor units; `card_amount` is
    the gift card's part."""

    id: str
    transaction_id: str
    account_id: str
    merchant_reference: str
    kind: str
    """`on_hold`, `authorize`, `capture`, `refund`, `void`, `update`, or `late` (a late
    authorization)."""
    since: datetime
    why: str
    currency: str
    card_amount: int
    psp_amount: int
    payment_product_type: str
    psp_reference: str | None
    tries: int


async def list_unresolved(
    db: AsyncSession, now: datetime, older_than: timedelta, payment_lifetime: timedelta
) -> list[Unresolved]:
    """List them, oldest first. An operation is listed when it has been open for `older_than`, and a
    payment after its lifetime besides. A payment ON_HOLD for a person is listed at once, and one
    that its provider reviews after a day."""
    held = select(Transaction).where(Transaction.status == Status.ON_HOLD.value)
    found = [
        await _on_hold(db, transaction)
        for transaction in await db.exec(held)
        if await open_operation(db, transaction.id) is None
    ]
    query = (
        select(Operation, Transaction)
        .join(Transaction, col(Transaction.id) == col(Operation.transaction_id))
        .where(col(Operation.state).in_(OPEN_STATES), col(Operation.created_at) <= now - older_than)
    )
    for operation, transaction in await db.exec(query):
        patience = timedelta()
        if operation.kind == OperationKind.AUTHORIZE:
            patience = _REVIEW if transaction.status == Status.ON_HOLD else payment_lifetime
        if operation.created_at + patience + older_than <= now:
            found.append(_waiting(operation, transaction))
    return sorted(found, key=lambda one: (one.since, one.id))


async def _on_hold(db: AsyncSession, transaction: Transaction) -> Unresolved:
    query = select(TransactionEvent).where(
        TransactionEvent.transaction_id == transaction.id,
        TransactionEvent.transaction_status == Status.ON_HOLD.value,
    )
    event = (await db.exec(query.order_by(col(TransactionEvent.seq)))).first()
    asked = await operations.asked_for(db, transaction)
    return Unresolved(
        id=transaction.id,
        transaction_id=transaction.id,
        account_id=transaction.account_id,
        merchant_reference=transaction.merchant_reference,
        kind=ON_HOLD,
        since=event.created_at if event else transaction.updated_at,
        why=_why(event.error if event else None, "on hold"),
        currency=transaction.currency,
        card_amount=asked.card,
        psp_amount=asked.provider,
        payment_product_type=transaction.payment_product_type,
        psp_reference=transaction.psp_reference,
        tries=0,
    )


def _waiting(operation: Operation, transaction: Transaction) -> Unresolved:
    said = {"unknown": "the provider's answer was lost", "pending": "not decided yet"}
    if transaction.status == Status.ON_HOLD:
        said["pending"] = "the provider looks into it"
    return Unresolved(
        id=operation.id,
        transaction_id=transaction.id,
        account_id=transaction.account_id,
        merchant_reference=transaction.merchant_reference,
        kind=operation.kind,
        since=operation.created_at,
        why=_why(operation.error, said[operation.state]),
        currency=transaction.currency,
        card_amount=operation.card_amount,
        psp_amount=operation.psp_amount,
        payment_product_type=transaction.payment_product_type,
        psp_reference=transaction.psp_reference,
        tries=operation.tries,
    )


def _why(error: Mapping[str, object] | None, otherwise: str) -> str:
    return str((error or {}).get("message") or otherwise)


async def resolve(ctx: Backend, found_id: str, said: OperatorDecision, word: str | None) -> str:
    """End what waits for a review, by its own id or by its transaction's. Return in a few words how
    it ended.

    WordNeeded if the read at the provider leaves it open and `word` does not say it either;
    Conflict while another process works on it; NotFound.
    """
    async with ctx.db.reading() as db:
        operation = await db.get(Operation, found_id)
        transaction = await db.get(Transaction, operation.transaction_id if operation else found_id)
        if transaction is None:
            raise NotFound("nothing under this id waits for a review")
        if operation is None:
            operation = await open_operation(db, transaction.id)
    if operation is None or operation.state not in OPEN_STATES:
        if transaction.status != Status.ON_HOLD:
            raise NotFound("this does not wait for a review any more")
        return await _end_hold(ctx, transaction, said, word)
    claimed = await _claim(ctx, operation, said)
    try:
        return await _end(ctx, transaction, claimed, said, word)
    finally:
        await _let_go(ctx, claimed)


async def _end(
    ctx: Backend,
    transaction: Transaction,
    claimed: Operation,
    said: OperatorDecision,
    word: str | None,
) -> str:
    if claimed.kind == OperationKind.AUTHORIZE:
        return await _end_attempt(ctx, transaction, claimed, said, word)
    if claimed.kind == late_authorization.LATE:
        return await _end_late_authorization(ctx, claimed, said, word)
    return await _end_operation(ctx, transaction, claimed, word)


async def _let_go(ctx: Backend, operation: Operation) -> None:
    """Give up the claim, so that the operation can be asked for again at once."""
    async with ctx.db.unit_of_work() as db:
        locked = await lock_operation(db, operation.id)
        if locked.claimed_until == operation.claimed_until:
            locked.claimed_until = None


async def _claim(ctx: Backend, operation: Operation, said: OperatorDecision) -> Operation:
    """Claim the operation. Return it with who and why in the request, for its event."""
    now = ctx.clock.now()
    async with ctx.db.unit_of_work() as db:
        locked = await lock_operation(db, operation.id)
        if locked.claimed_until is not None and locked.claimed_until > now:
            raise Conflict("another process is working on it; try again in a few minutes")
        locked.claimed_until = now + timedelta(seconds=ctx.settings.operation_grace)
        metadata = {**locked.asked.metadata, **said.metadata}
        locked.request = {**locked.request, "metadata": metadata}
        return locked


async def _end_hold(
    ctx: Backend, transaction: Transaction, said: OperatorDecision, word: str | None
) -> str:
    """End a payment ON_HOLD: authorize it if the provider has by now what was asked for, else
    release it by `void`."""
    payment = await _read(ctx, transaction)
    async with ctx.db.reading() as db:
        asked = await operations.asked_for(db, transaction)
    mismatch = amount_mismatch(money(transaction, asked.provider), payment.amount)
    if payment.state in PAID and mismatch is None and word != "void":
        await _authorize(ctx, transaction, payment, said)
        return "authorized: the provider has what was asked for"
    if word != "void" and payment.state is not PaymentState.FAILED:
        has = (
            f"the provider has {payment.amount} ({payment.state})"
            if payment.amount
            else (f"the provider cannot be read ({payment.message or payment.code})")
        )
        raise WordNeeded(f"{has}, asked for was {asked.provider}: say void to release it")
    command = Command(
        account_id=transaction.account_id,
        transaction_id=transaction.id,
        kind=OperationKind.VOID,
        created_by=said.who,
        reason=said.why,
        metadata=said.metadata,
    )
    operation = await operate(ctx, command)
    if operation.state != "done":
        raise WordNeeded("the provider has not confirmed the void; we ask again automatically")
    return "released: nothing is held, and the session is open again"


async def _authorize(
    ctx: Backend, transaction: Transaction, payment: Payment, said: OperatorDecision
) -> None:
    now = ctx.clock.now()
    async with ctx.db.unit_of_work() as db:
        session = await lock_session(db, transaction.session_id)
        locked = await lock_transaction(db, transaction.id)
        if locked.status != Status.ON_HOLD:
            raise Conflict("this payment is not on hold any more")
        if await open_operation(db, locked.id) is not None:
            # A void that began while the provider was read may be releasing what the read saw.
            raise Conflict("this payment is being voided; try again in a few minutes")
        query = select(Operation).where(
            Operation.transaction_id == locked.id,
            Operation.kind == OperationKind.AUTHORIZE.value,
        )
        operation = (await db.exec(query)).one()
        await conclude.authorize(
            db,
            session,
            locked,
            operation,
            now,
            conclude.Confirmed(payment.card, payment.multi_capture, said),
        )
        if direct_capture.is_captured(payment):
            await direct_capture.capture_all(db, locked, now)


async def _read(ctx: Backend, transaction: Transaction) -> Payment:
    """Return the payment as the provider reports it now. It is UNKNOWN if the provider cannot be
    asked at all."""
    if transaction.psp_reference is None:
        return Payment(Outcome.UNKNOWN, message="its reference is not known")
    try:
        connector = await connector_of(ctx, transaction)
    except NotConnected as error:
        return Payment(Outcome.UNKNOWN, message=error.message)
    return await connector.fetch(transaction.psp_reference)


async def _end_attempt(
    ctx: Backend,
    transaction: Transaction,
    operation: Operation,
    said: OperatorDecision,
    word: str | None,
) -> str:
    """End a payment that is still open: by the provider's word, else by giving it up there.
    `unknown` is accepted only if nobody can be asked."""
    # The provider is not connected any more, so the operator's word counts.
    with contextlib.suppress(NotConnected):
        if transaction.psp_reference is None:
            await create_at_provider(ctx, transaction.id)
        else:
            await attempts.give_up(ctx, transaction, expired=True)
    async with ctx.db.reading() as db:
        now_is = await db.get(Transaction, transaction.id)
        undecided = await open_operation(db, transaction.id) is not None
    assert now_is is not None
    if not undecided:
        return f"the provider has decided: {now_is.status}"
    payment = await _read(ctx, now_is)
    told = payment.outcome is Outcome.DONE
    if told or word != "unknown":
        raise WordNeeded(
            f"the payment is {payment.state} at the provider: it has to decide"
            if told
            else "the provider cannot be asked about it: say unknown to end it for good"
        )
    now = ctx.clock.now()
    async with ctx.db.unit_of_work() as db:
        session = await lock_session(db, transaction.session_id)
        locked = await lock_transaction(db, transaction.id)
        ours = await lock_operation(db, operation.id)
        if ours.state not in OPEN_STATES:
            raise Conflict("this payment has ended in the meantime")
        await conclude.mark_unknown(db, session, locked, ours, now, said)
    return "unknown for good: the gift card's part is free, the session is cancelled"


async def _end_operation(
    ctx: Backend, transaction: Transaction, operation: Operation, word: str | None
) -> str:
    result = await provider_calls.ask_again(ctx, transaction, operation)
    decided = "by the provider's word"
    if result.outcome is Outcome.UNKNOWN and word in ("done", "refused"):
        result = Result(Outcome(word), code="operator", message="ended by an operator")
        decided = "by the operator's word"
    ended = await operations.finish(ctx, operation.id, result, operation.claimed_until)
    if ended.state in OPEN_STATES:
        raise WordNeeded("the provider cannot confirm how it ended: say done or refused")
    return f"{ended.kind} {ended.state}, {decided}"


async def _end_late_authorization(
    ctx: Backend, operation: Operation, said: OperatorDecision, word: str | None
) -> str:
    """End a late authorization: release it now or, with `done`, record that somebody else has."""
    # The provider is not connected any more, so the operator's word counts.
    with contextlib.suppress(NotConnected):
        await late_authorization.pursue(ctx, operation)
    now = ctx.clock.now()
    async with ctx.db.unit_of_work() as db:
        transaction = await lock_transaction(db, operation.transaction_id)
        locked = await lock_operation(db, operation.id)
        if locked.state not in OPEN_STATES:
            return "released at the provider"
        if word == "done":
            conclude.end(locked, "done", now)
            happened = NewEvent(
                "VOID", locked.psp_amount, created_by=said.who, metadata=dict(said.metadata)
            )
            await record(db, transaction, happened, now)
            return "late done, by the operator's word"
    raise WordNeeded(
        "it is not released yet, and we ask again automatically; say done if somebody released it"
    )


__all__ = ["WORDS", "OperatorDecision", "Unresolved", "WordNeeded", "list_unresolved", "resolve"]
