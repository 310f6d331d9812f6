"""Transactions after the payment. Source: `docs/reference/dintero-api.md#transactions`."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from fastapi import Header, Query
from fastapi.responses import JSONResponse
from pydantic import BeforeValidator, Field, WithJsonSchema

from backend.accounts.clients import Principal
from backend.api.body import strict_router
from backend.api.deps import (
    READ_CHECKOUT,
    WRITE_CHECKOUT,
    WRITE_WALLETS,
    Caller,
    Context,
    RequestContext,
)
from backend.api.routers.cards import serialize_issued_card
from backend.api.transaction_query import TransactionQuery, included
from backend.cards.issue import IssuedCard
from backend.cards.serializer import serialize_card
from backend.core.context import Backend
from backend.idempotency.keys import note_only_answer
from backend.payments.operations.execute import Command, carry_out
from backend.payments.refund_target import RefundTo, To
from backend.payments.serializer import serialize_transaction
from backend.payments.store import events_of, events_of_all, get_transaction
from backend.payments.update_reference import set_merchant_reference_2
from backend.payments.views.listing import list_transactions
from backend.psp.protocol import OperationKind
from backend.rules.items import read_items
from backend.sessions.events import Request
from backend.sessions.fields import Words
from backend.sessions.request import MAX_AMOUNT, Amount, Flag, Loose
from backend.sessions.serializer import read_session

router = strict_router()
Includes = Annotated[list[str] | None, Query()]
_BY_DEFAULT = frozenset({"events.request_headers", "initiating_system_request_headers"})
"""What the answers to capture, refund, void and authorization always include."""


def _text(value: object) -> object:
    """Return a number as text, since some shops use numbers as references."""
    if isinstance(value, int | float) and not isinstance(value, bool):
        return str(value)
    return value


OwnText = Annotated[str | None, BeforeValidator(_text)]
"""A reference or a reason. It is the shop's own, so any text is accepted."""
Toggles = Annotated[str, Header(alias="Dintero-Feature-Toggles")]

_ITEM = {
    "type": "object",
    "required": ["line_id", "amount"],
    "properties": {
        "line_id": {"type": "string"},
        "amount": {
            "type": "integer",
            "minimum": -MAX_AMOUNT,
            "maximum": MAX_AMOUNT,
            "description": "Minor units; below zero for a line whose amount is.",
        },
    },
}
Items = Annotated[Any, WithJsonSchema({"type": "array", "items": _ITEM})]
"""Items describe the amount. `backend/rules/items.py` reads what can be read of them."""


class CaptureRequest(Loose):
    """Only `amount` (minor units) binds; `items` describe it. `final_capture` releases what is
    left."""

    amount: Amount
    capture_reference: OwnText = None
    items: Items = None
    final_capture: Flag | None = None
    metadata: dict[str, Any] | None = None


class OtherCard(Loose):
    card_id: Annotated[str, Field(min_length=1, max_length=255)]


class RefundRequest(Loose):
    """Only `amount` (minor units) binds; `items` describe it. `refund_to` says where the gift
    card's part goes, if it does not go to the card that paid: `new_card`, another card by its
    `card_id`, or `provider`, which refunds the provider's part first."""

    amount: Amount
    refund_to: Literal["new_card", "provider"] | OtherCard | None = None
    reason: OwnText = None
    refund_reference: OwnText = None
    items: Items = None
    metadata: dict[str, Any] | None = None


class AuthorizationRequest(Loose):
    """`amount` (minor units) is the whole amount that is authorized from now on. Without it only
    the lines change. An item of a line that the transaction has needs only the fields that change.
    Without amount and items the authorization is extended. `description` is for the provider;
    `final_authorization` is kept with the event."""

    amount: Amount | None = None
    reason: OwnText = None
    reference: OwnText = None
    description: OwnText = None
    final_authorization: Flag | None = None
    items: Items = None


class TransactionUpdate(Loose):
    merchant_reference_2: Words


async def _serialize(
    ctx: Backend, caller: Principal, transaction_id: str, includes: frozenset[str] = frozenset()
) -> dict[str, Any]:
    async with ctx.db.reading() as db:
        transaction = await get_transaction(db, caller.account_id, transaction_id)
        shape = serialize_transaction(transaction, await events_of(db, transaction_id), includes)
    if {"session", "session.events.latest"} & includes:
        session = await read_session(ctx, caller.account_id, shape["session_id"])
        if "session.events.latest" in includes:
            session["events"] = session["events"][-1:]
        shape["session"] = session
    return shape


async def _operate(ctx: Backend, caller: Principal, command: Command) -> JSONResponse:
    """Answer 200 with the transaction, or 202 with `event-request-id` while we wait for the
    provider. The answer has `warnings` if the items do not fit the amount or what is left of their
    lines."""
    ended = await carry_out(ctx, command)
    operation = ended.operation
    shape = await _serialize(ctx, caller, command.transaction_id, _BY_DEFAULT)
    if warnings := operation.asked.warnings:
        shape["warnings"] = list(warnings)
    if ended.issued is not None:
        note_only_answer()
        shape["new_gift_card"] = _new_card(ctx, caller, ended.issued)
    if operation.state == "done":
        return JSONResponse(shape)
    headers = {"event-request-id": operation.asked.request_id}
    return JSONResponse(shape, status_code=202, headers=headers)


def _new_card(ctx: Backend, caller: Principal, issued: IssuedCard) -> dict[str, Any]:
    """Return the new card. Only a caller who may issue cards gets its number and PIN."""
    if caller.scopes.isdisjoint(WRITE_WALLETS):
        return serialize_card(issued.card, ctx.clock.now(), [issued.token])
    return serialize_issued_card(ctx, issued)


@router.get("/transactions")
async def list_(
    ctx: Context, caller: Caller, query: Annotated[TransactionQuery, Query()]
) -> list[dict[str, Any]]:
    """List transactions, newest first. `starting_after` gives the next page."""
    caller.require(*READ_CHECKOUT)
    includes = included(query.includes)
    async with ctx.db.reading() as db:
        found = await list_transactions(db, caller.account_id, query.to_filter())
        events = await events_of_all(db, [t.id for t in found])
    return [serialize_transaction(t, events[t.id], includes) for t in found]


@router.get("/transactions/{transaction_id}")
async def get(
    transaction_id: str, ctx: Context, caller: Caller, includes: Includes = None
) -> dict[str, Any]:
    """Return a transaction. `includes` names what is shown besides (docs/transactions.md); unknown
    names are ignored."""
    caller.require(*READ_CHECKOUT)
    return await _serialize(ctx, caller, transaction_id, included(includes or ()))


@router.put("/transactions/{transaction_id}")
async def update(
    transaction_id: str, body: TransactionUpdate, ctx: Context, caller: Caller
) -> dict[str, Any]:
    caller.require(*WRITE_CHECKOUT)
    await set_merchant_reference_2(
        ctx, caller.account_id, transaction_id, body.merchant_reference_2
    )
    return await _serialize(ctx, caller, transaction_id)


@router.post("/transactions/{transaction_id}/capture")
async def capture(
    transaction_id: str,
    body: CaptureRequest,
    ctx: Context,
    caller: Caller,
    origin: RequestContext,
    toggles: Toggles = "",
) -> JSONResponse:
    caller.require(*WRITE_CHECKOUT)
    command = Command(
        account_id=caller.account_id,
        transaction_id=transaction_id,
        kind=OperationKind.CAPTURE,
        created_by=caller.client_id,
        amount=body.amount,
        reference=body.capture_reference,
        metadata=body.metadata or {},
        final=body.final_capture or False,
        **_described(body.items, toggles),
        **_from_request(origin),
    )
    return await _operate(ctx, caller, command)


@router.post("/transactions/{transaction_id}/refund")
async def refund(
    transaction_id: str,
    body: RefundRequest,
    ctx: Context,
    caller: Caller,
    origin: RequestContext,
    toggles: Toggles = "",
) -> JSONResponse:
    """Refund. A refund to another card needs a scope that may issue cards."""
    caller.require(*WRITE_CHECKOUT)
    wanted = _refund_to(body)
    if wanted is not None and wanted.to is not To.PROVIDER:
        caller.require(*WRITE_WALLETS)
    command = Command(
        account_id=caller.account_id,
        transaction_id=transaction_id,
        kind=OperationKind.REFUND,
        created_by=caller.client_id,
        amount=body.amount,
        reference=body.refund_reference,
        metadata=body.metadata or {},
        reason=body.reason,
        refund_to=wanted,
        **_described(body.items, toggles),
        **_from_request(origin),
    )
    return await _operate(ctx, caller, command)


def _refund_to(body: RefundRequest) -> RefundTo | None:
    if isinstance(body.refund_to, OtherCard):
        return RefundTo(To.CARD, body.refund_to.card_id)
    return RefundTo(To(body.refund_to)) if body.refund_to is not None else None


@router.post("/transactions/{transaction_id}/void")
async def void(
    transaction_id: str, ctx: Context, caller: Caller, origin: RequestContext
) -> JSONResponse:
    """Void. A body is not read, since this takes none."""
    caller.require(*WRITE_CHECKOUT)
    command = Command(
        account_id=caller.account_id,
        transaction_id=transaction_id,
        kind=OperationKind.VOID,
        created_by=caller.client_id,
        **_from_request(origin),
    )
    return await _operate(ctx, caller, command)


@router.post("/transactions/{transaction_id}/authorization")
async def authorization(
    transaction_id: str,
    body: AuthorizationRequest,
    ctx: Context,
    caller: Caller,
    origin: RequestContext,
    toggles: Toggles = "",
) -> JSONResponse:
    """Change what is authorized, or extend it. This is for Klarna only; the answer is 400 for all
    other payments, and 409 if nothing is authorized (any more). A gift card's part stays as it
    is."""
    caller.require(*WRITE_CHECKOUT)
    final, described = body.final_authorization, _described(body.items, toggles)
    changes = body.amount is not None or described["items"] or described["unread"]
    command = Command(
        account_id=caller.account_id,
        transaction_id=transaction_id,
        kind=OperationKind.UPDATE if changes else OperationKind.EXTEND,
        created_by=caller.client_id,
        amount=body.amount,
        reference=body.reference,
        reason=body.reason,
        description=body.description,
        metadata={} if final is None else {"final_authorization": final},
        **described,
        **_from_request(origin),
    )
    return await _operate(ctx, caller, command)


def _from_request(origin: Request) -> dict[str, Any]:
    return {"request_id": origin.id, "headers": origin.headers}


def _described(items: object, toggles: str) -> dict[str, Any]:
    """Return what the request says about its amount, as the fields of a command."""
    read = read_items(items)
    named = {toggle.strip() for toggle in toggles.split(",")}
    return {
        "items": list(read.rows),
        "unread": read.advice,
        "strict_items": "strict-items" in named,
    }
