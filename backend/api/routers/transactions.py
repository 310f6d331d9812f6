"""Transactions after the payment. Source: `reference/dintero-api.md#5-transactions`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any, Literal

from fastapi import Query
from fastapi.responses import JSONResponse
from pydantic import Field

from backend.accounts.clients import Principal
from backend.api.body import strict_router
from backend.api.deps import (
    READ_CHECKOUT,
    WRITE_CHECKOUT,
    WRITE_WALLETS,
    Caller,
    Context,
    Origin,
)
from backend.api.routers.cards import issued_shape
from backend.api.transaction_query import TransactionQuery, included
from backend.cards.issue import IssuedCard
from backend.cards.shape import card_shape
from backend.context import Backend
from backend.payments.change import set_merchant_reference_2
from backend.payments.listing import list_transactions
from backend.payments.operations import Command, carry_out
from backend.payments.refund_target import RefundTo, To
from backend.payments.shape import transaction_shape
from backend.payments.store import events_of, events_of_all, get_transaction
from backend.psp.protocol import OperationKind
from backend.sessions.events import Request
from backend.sessions.request import Amount, Flag, Item, Loose, SignedAmount, Text
from backend.sessions.shape import read_session

router = strict_router()
Includes = Annotated[list[str] | None, Query()]
_BY_DEFAULT = frozenset({"events.request_headers", "initiating_system_request_headers"})
"""What the answers to capture, refund, void and authorization include unasked."""


class OperationItem(Loose):
    """`amount` below zero for a line whose amount is."""

    line_id: Text
    amount: SignedAmount


Items = Annotated[list[OperationItem], Field(max_length=1000)]


class CaptureRequest(Loose):
    """`amount` in minor units. `final_capture` releases what is left."""

    amount: Amount
    capture_reference: Text | None = None
    items: Items | None = None
    final_capture: Flag = False
    metadata: dict[str, Any] | None = None


class OtherCard(Loose):
    card_id: Annotated[str, Field(min_length=1, max_length=255)]


class RefundRequest(Loose):
    """`amount` in minor units. `refund_to`: where the gift card's part goes, if not to the card
    that paid: `new_card`, another card by its `card_id`, or `provider`, which refunds the
    acquirer's part first."""

    amount: Amount
    refund_to: Literal["new_card", "provider"] | OtherCard | None = None
    reason: Text | None = None
    refund_reference: Text | None = None
    items: Items | None = None
    metadata: dict[str, Any] | None = None


class AuthorizationItem(Item):
    """A line as it is from now on; of a line that the transaction has, only what changes."""

    line_id: Text
    amount: SignedAmount


class AuthorizationRequest(Loose):
    """`amount` in minor units is what is authorized in all from now on; without it the lines alone
    change. `description` is for the provider; `final_authorization` is kept with the event."""

    amount: Amount | None = None
    reason: Text | None = None
    reference: Text | None = None
    description: Text | None = None
    final_authorization: Flag | None = None
    items: Annotated[list[AuthorizationItem], Field(max_length=1000)] | None = None


class TransactionUpdate(Loose):
    merchant_reference_2: Text


async def _shape(
    ctx: Backend, caller: Principal, transaction_id: str, includes: frozenset[str] = frozenset()
) -> dict[str, Any]:
    async with ctx.db.reading() as db:
        transaction = await get_transaction(db, caller.account_id, transaction_id)
        shape = transaction_shape(transaction, await events_of(db, transaction_id), includes)
    if {"session", "session.events.latest"} & includes:
        session = await read_session(ctx, caller.account_id, shape["session_id"])
        if "session.events.latest" in includes:
            session["events"] = session["events"][-1:]
        shape["session"] = session
    return shape


async def _operate(ctx: Backend, caller: Principal, command: Command) -> JSONResponse:
    """200 with the transaction, or 202 with `event-request-id` while the provider's answer is
    awaited."""
    ended = await carry_out(ctx, command)
    operation = ended.operation
    shape = await _shape(ctx, caller, command.transaction_id, _BY_DEFAULT)
    if ended.issued is not None:
        shape["new_gift_card"] = _new_card(ctx, caller, ended.issued)
    if operation.state == "done":
        return JSONResponse(shape)
    headers = {"event-request-id": str(operation.request["request_id"])}
    return JSONResponse(shape, status_code=202, headers=headers)


def _new_card(ctx: Backend, caller: Principal, issued: IssuedCard) -> dict[str, Any]:
    """Number and PIN are for those alone who may issue cards."""
    if caller.scopes.isdisjoint(WRITE_WALLETS):
        return card_shape(issued.card, ctx.clock.now(), [issued.token])
    return issued_shape(ctx, issued)


@router.get("/transactions")
async def list_(
    ctx: Context, caller: Caller, query: Annotated[TransactionQuery, Query()]
) -> list[dict[str, Any]]:
    """Newest first; `starting_after` pages on."""
    caller.require(*READ_CHECKOUT)
    includes = included(query.includes)
    async with ctx.db.reading() as db:
        found = await list_transactions(db, caller.account_id, query.wanted())
        events = await events_of_all(db, [t.id for t in found])
    return [transaction_shape(t, events[t.id], includes) for t in found]


@router.get("/transactions/{transaction_id}")
async def get(
    transaction_id: str, ctx: Context, caller: Caller, includes: Includes = None
) -> dict[str, Any]:
    """`includes`: what is shown besides, see docs/transactions.md; unknown names say nothing."""
    caller.require(*READ_CHECKOUT)
    return await _shape(ctx, caller, transaction_id, included(includes or ()))


@router.put("/transactions/{transaction_id}")
async def update(
    transaction_id: str, body: TransactionUpdate, ctx: Context, caller: Caller
) -> dict[str, Any]:
    caller.require(*WRITE_CHECKOUT)
    await set_merchant_reference_2(
        ctx, caller.account_id, transaction_id, body.merchant_reference_2
    )
    return await _shape(ctx, caller, transaction_id)


@router.post("/transactions/{transaction_id}/capture")
async def capture(
    transaction_id: str, body: CaptureRequest, ctx: Context, caller: Caller, origin: Origin
) -> JSONResponse:
    caller.require(*WRITE_CHECKOUT)
    command = Command(
        account_id=caller.account_id, transaction_id=transaction_id,
        kind=OperationKind.CAPTURE, created_by=caller.client_id, amount=body.amount,
        reference=body.capture_reference, items=_items(body.items),
        metadata=body.metadata or {}, final=body.final_capture, **_said_by(origin),
    )  # fmt: skip
    return await _operate(ctx, caller, command)


@router.post("/transactions/{transaction_id}/refund")
async def refund(
    transaction_id: str, body: RefundRequest, ctx: Context, caller: Caller, origin: Origin
) -> JSONResponse:
    """To another card alone with a scope that may issue cards."""
    caller.require(*WRITE_CHECKOUT)
    wanted = _refund_to(body)
    if wanted is not None and wanted.to is not To.PROVIDER:
        caller.require(*WRITE_WALLETS)
    command = Command(
        account_id=caller.account_id, transaction_id=transaction_id,
        kind=OperationKind.REFUND, created_by=caller.client_id, amount=body.amount,
        reference=body.refund_reference, items=_items(body.items),
        metadata=body.metadata or {}, reason=body.reason, refund_to=wanted, **_said_by(origin),
    )  # fmt: skip
    return await _operate(ctx, caller, command)


def _refund_to(body: RefundRequest) -> RefundTo | None:
    if isinstance(body.refund_to, OtherCard):
        return RefundTo(To.CARD, body.refund_to.card_id)
    return RefundTo(To(body.refund_to)) if body.refund_to is not None else None


@router.post("/transactions/{transaction_id}/void")
async def void(transaction_id: str, ctx: Context, caller: Caller, origin: Origin) -> JSONResponse:
    """Takes no body; some clients send one, and it is not read."""
    caller.require(*WRITE_CHECKOUT)
    command = Command(
        account_id=caller.account_id, transaction_id=transaction_id, kind=OperationKind.VOID,
        created_by=caller.client_id, **_said_by(origin),
    )  # fmt: skip
    return await _operate(ctx, caller, command)


@router.post("/transactions/{transaction_id}/authorization")
async def authorization(
    transaction_id: str, body: AuthorizationRequest, ctx: Context, caller: Caller, origin: Origin
) -> JSONResponse:
    """Change what is authorized: Klarna only, 400 for all other payments; 409 where nothing is
    authorized (any more). A gift card's part stays as it is."""
    caller.require(*WRITE_CHECKOUT)
    final = body.final_authorization
    command = Command(
        account_id=caller.account_id, transaction_id=transaction_id, kind=OperationKind.UPDATE,
        created_by=caller.client_id, amount=body.amount, reference=body.reference,
        items=_items(body.items), reason=body.reason, description=body.description,
        metadata={} if final is None else {"final_authorization": final}, **_said_by(origin),
    )  # fmt: skip
    return await _operate(ctx, caller, command)


def _said_by(origin: Request) -> dict[str, Any]:
    return {"request_id": origin.id, "headers": origin.headers}


def _items(items: Sequence[OperationItem | AuthorizationItem] | None) -> list[dict[str, Any]]:
    return [item.model_dump(mode="json", exclude_unset=True) for item in items or []]
