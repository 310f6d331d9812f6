"""Transactions after the payment. Source: `reference/dintero-api.md#5-transactions`."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import Query
from fastapi.responses import JSONResponse
from pydantic import Field

from backend.accounts.clients import Principal
from backend.api.body import strict_router
from backend.api.deps import READ_CHECKOUT, WRITE_CHECKOUT, Caller, Context
from backend.context import Backend
from backend.payments.operations import Command, operate
from backend.payments.shape import transaction_shape
from backend.payments.store import events_of, get_transaction
from backend.psp.protocol import OperationKind
from backend.sessions.request import Amount, Loose, Text
from backend.sessions.shape import read_session

router = strict_router()


class OperationItem(Loose):
    line_id: Text
    amount: Amount


class CaptureRequest(Loose):
    """`amount` in minor units. `final_capture` releases what is left."""

    amount: Amount
    capture_reference: Text | None = None
    items: Annotated[list[OperationItem], Field(max_length=1000)] | None = None
    final_capture: bool = False
    metadata: dict[str, Any] | None = None


class RefundRequest(Loose):
    amount: Amount
    reason: Text | None = None
    refund_reference: Text | None = None
    items: Annotated[list[OperationItem], Field(max_length=1000)] | None = None
    metadata: dict[str, Any] | None = None


async def _shape(
    ctx: Backend, caller: Principal, transaction_id: str, includes: frozenset[str] = frozenset()
) -> dict[str, Any]:
    async with ctx.db.reading() as db:
        transaction = await get_transaction(db, caller.account_id, transaction_id)
        shape = transaction_shape(transaction, await events_of(db, transaction_id))
    if "session" in includes:
        shape["session"] = await read_session(ctx, caller.account_id, shape["session_id"])
    return shape


async def _operate(ctx: Backend, caller: Principal, command: Command) -> JSONResponse:
    """200 with the transaction, or 202 with `event-request-id` while the provider's answer is
    awaited."""
    operation = await operate(ctx, command)
    shape = await _shape(ctx, caller, command.transaction_id)
    if operation.state == "done":
        return JSONResponse(shape)
    headers = {"event-request-id": command.request_id}
    return JSONResponse(shape, status_code=202, headers=headers)


@router.get("/transactions/{transaction_id}")
async def get(
    transaction_id: str, ctx: Context, caller: Caller,
    includes: Annotated[list[str] | None, Query()] = None,
) -> dict[str, Any]:  # fmt: skip
    caller.require(*READ_CHECKOUT)
    return await _shape(ctx, caller, transaction_id, frozenset(includes or ()))


@router.post("/transactions/{transaction_id}/capture")
async def capture(
    transaction_id: str, body: CaptureRequest, ctx: Context, caller: Caller
) -> JSONResponse:
    caller.require(*WRITE_CHECKOUT)
    command = Command(
        account_id=caller.account_id, transaction_id=transaction_id,
        kind=OperationKind.CAPTURE, created_by=caller.client_id, amount=body.amount,
        reference=body.capture_reference, items=_items(body.items),
        metadata=body.metadata or {}, final=body.final_capture,
    )  # fmt: skip
    return await _operate(ctx, caller, command)


@router.post("/transactions/{transaction_id}/refund")
async def refund(
    transaction_id: str, body: RefundRequest, ctx: Context, caller: Caller
) -> JSONResponse:
    caller.require(*WRITE_CHECKOUT)
    command = Command(
        account_id=caller.account_id, transaction_id=transaction_id,
        kind=OperationKind.REFUND, created_by=caller.client_id, amount=body.amount,
        reference=body.refund_reference, items=_items(body.items),
        metadata=body.metadata or {}, reason=body.reason,
    )  # fmt: skip
    return await _operate(ctx, caller, command)


@router.post("/transactions/{transaction_id}/void")
async def void(transaction_id: str, ctx: Context, caller: Caller) -> JSONResponse:
    """Takes no body; some clients send one, and it is not read."""
    caller.require(*WRITE_CHECKOUT)
    command = Command(
        account_id=caller.account_id, transaction_id=transaction_id, kind=OperationKind.VOID,
        created_by=caller.client_id,
    )  # fmt: skip
    return await _operate(ctx, caller, command)


def _items(items: list[OperationItem] | None) -> list[dict[str, Any]]:
    return [item.model_dump(mode="json", exclude_unset=True) for item in items or []]
