"""Checkout sessions. Source: `docs/reference/dintero-api.md#checkout-sessions`."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import Header, Query, Request
from fastapi.responses import RedirectResponse
from pydantic import BaseModel, Field

from backend.accounts.clients import Principal
from backend.api.body import strict_router
from backend.api.deps import READ_CHECKOUT, WRITE_CHECKOUT, Caller, Context, RequestContext
from backend.api.transaction_query import Texts, included
from backend.core.context import Backend
from backend.core.errors import FieldError, InvalidRequest, TooManyRequests
from backend.limits import limiter as limits
from backend.limits import rules
from backend.payments.attempts.push import create_and_push, update_and_end_push
from backend.payments.attempts.resolve import conclude_return
from backend.payments.review.cancel_session import cancel_session
from backend.sessions.create import Strict
from backend.sessions.events import Request as Origin_
from backend.sessions.links import POP_OUT_COOKIE, pop_out_link, view_link
from backend.sessions.listing import SessionFilter, list_sessions
from backend.sessions.own_names import OwnOfCreated
from backend.sessions.preset import read_warnings
from backend.sessions.publish import read_publish
from backend.sessions.request import Moment, SessionRequest
from backend.sessions.serializer import read_session
from backend.sessions.update import SessionUpdate, UpdateOptions

router = strict_router()
Toggles = Annotated[str, Header(alias="Dintero-Feature-Toggles")]


class SessionQuery(BaseModel):
    search: Annotated[str, Field(max_length=255)] | None = None
    transaction_id: Texts = []
    created_from: Moment | None = Field(default=None, alias="created_at.gte")
    created_to: Moment | None = Field(default=None, alias="created_at.lte")
    limit: Annotated[int, Field(ge=1, le=100)] = 10
    starting_after: str | None = None


@router.post("/sessions-profile")
async def create_with_profile(
    body: SessionRequest,
    ctx: Context,
    caller: Caller,
    origin: RequestContext,
    include_session: bool = False,
    toggles: Toggles = "",
) -> dict[str, Any]:
    if body.profile_id is None:
        raise InvalidRequest("profile_id is missing", (FieldError("profile_id", "missing"),))
    return await _create(ctx, caller, body, origin, include_session, toggles)


@router.post("/sessions")
async def create(
    body: SessionRequest,
    ctx: Context,
    caller: Caller,
    origin: RequestContext,
    include_session: bool = False,
    toggles: Toggles = "",
) -> dict[str, Any]:
    if body.configuration is None and body.profile_id is None:
        raise InvalidRequest("configuration is missing", (FieldError("configuration", "missing"),))
    return await _create(ctx, caller, body, origin, include_session, toggles)


async def _create(
    ctx: Backend,
    caller: Principal,
    body: SessionRequest,
    origin: Origin_,
    include_session: bool,
    toggles: str,
) -> dict[str, Any]:
    caller.require(*WRITE_CHECKOUT)
    await limits.spend(ctx, rules.SESSIONS, caller.client_id)
    session_id = await create_and_push(ctx, caller, body, origin, strict=_strict(toggles))
    own: OwnOfCreated = {}
    answer: dict[str, Any] = {
        "id": session_id,
        "url": view_link(ctx.settings.base_url, session_id),
    }
    if body.customer is not None and body.customer.gift_cards is not None:
        answer |= await read_warnings(ctx, session_id)
    if body.configuration is not None and body.configuration.publish:
        own["publish"] = await read_publish(ctx, session_id)
    if include_session:
        own["session"] = await read_session(ctx, caller.account_id, session_id)
    return {**answer, **own}


def _strict(toggles: str) -> Strict:
    """Return what the header `Dintero-Feature-Toggles` asks to be refused. Unknown names are
    ignored."""
    named = {toggle.strip() for toggle in toggles.split(",")}
    return Strict(amounts="strict-session-amounts" in named, gift_card="strict-gift-cards" in named)


@router.get("/sessions")
async def list_(
    ctx: Context, caller: Caller, wanted: Annotated[SessionQuery, Query()]
) -> list[dict[str, Any]]:
    """List sessions, newest first. `starting_after` gives the next page."""
    caller.require(*READ_CHECKOUT)
    query = SessionFilter(
        search=wanted.search,
        transaction_id=tuple(wanted.transaction_id),
        created_from=wanted.created_from,
        created_to=wanted.created_to,
        limit=wanted.limit,
        starting_after=wanted.starting_after,
    )
    return await list_sessions(ctx, caller.account_id, query)


@router.get("/sessions/{session_id}")
async def get(
    session_id: str,
    ctx: Context,
    caller: Caller,
    includes: Annotated[list[str] | None, Query()] = None,
) -> dict[str, Any]:
    caller.require(*READ_CHECKOUT)
    return await read_session(ctx, caller.account_id, session_id, included(includes or ()))


@router.put("/sessions/{session_id}")
async def update(
    session_id: str,
    body: SessionUpdate,
    ctx: Context,
    caller: Caller,
    origin: RequestContext,
    update_without_lock: bool = False,
    force_shipping_address_callback: bool = False,
    toggles: Toggles = "",
) -> dict[str, Any]:
    """Apply the merchant's changes, and remove the lock with them."""
    caller.require(*WRITE_CHECKOUT, "read:checkout")
    await update_and_end_push(
        ctx,
        caller.account_id,
        session_id,
        body,
        origin,
        UpdateOptions(
            without_lock=update_without_lock,
            force_shipping_callback=force_shipping_address_callback,
            strict=_strict(toggles),
        ),
    )
    return await read_session(ctx, caller.account_id, session_id)


@router.post("/sessions/{session_id}/cancel")
async def cancel(session_id: str, ctx: Context, caller: Caller) -> dict[str, Any]:
    """Cancel the session, and void what was authorized. It takes no body."""
    caller.require(*WRITE_CHECKOUT)
    await cancel_session(ctx, caller.account_id, session_id, caller.client_id)
    return await read_session(ctx, caller.account_id, session_id)


@router.get("/sessions/{session_id}/redirect/{redirect_ref}")
async def come_back(
    session_id: str, redirect_ref: str, request: Request, ctx: Context
) -> RedirectResponse:
    """Send the payer on who comes back from the provider: to the shop, or to the page. A payer in a
    window of its own always goes to the page, which tells the shop's page."""
    try:
        await limits.spend(ctx, rules.RETURNS, session_id)
        url = await conclude_return(ctx, session_id, redirect_ref, dict(request.query_params))
    except TooManyRequests:
        # The page shows the state of the payment and follows it. The provider is not asked again.
        url = view_link(ctx.settings.base_url, session_id)
    pop_out = request.cookies.get(POP_OUT_COOKIE)
    if pop_out is not None:
        url = pop_out_link(ctx.settings.base_url, session_id, pop_out)
    headers = {"Cache-Control": "no-store", "Referrer-Policy": "no-referrer"}
    return RedirectResponse(url, status_code=302, headers=headers)
