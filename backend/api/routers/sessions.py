"""Checkout sessions. Source: `reference/dintero-api.md#2-checkout-sessions`."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import Header, Query, Request
from fastapi.responses import RedirectResponse

from backend.accounts.clients import Principal
from backend.api.body import strict_router
from backend.api.deps import READ_CHECKOUT, WRITE_CHECKOUT, Caller, Context, Origin
from backend.context import Backend
from backend.errors import FieldError, InvalidRequest
from backend.payments.attempts import settle_return
from backend.sessions.create import create_session
from backend.sessions.events import Request as Origin_
from backend.sessions.links import view_link
from backend.sessions.request import SessionRequest
from backend.sessions.shape import read_session

router = strict_router()
Toggles = Annotated[str, Header(alias="Dintero-Feature-Toggles")]


@router.post("/sessions-profile")
async def create_with_profile(
    body: SessionRequest, ctx: Context, caller: Caller, origin: Origin,
    include_session: bool = False, toggles: Toggles = "",
) -> dict[str, Any]:  # fmt: skip
    if body.profile_id is None:
        raise InvalidRequest("profile_id is missing", (FieldError("profile_id", "missing"),))
    return await _create(ctx, caller, body, origin, include_session, toggles)


@router.post("/sessions")
async def create(
    body: SessionRequest, ctx: Context, caller: Caller, origin: Origin,
    include_session: bool = False, toggles: Toggles = "",
) -> dict[str, Any]:  # fmt: skip
    if body.configuration is None:
        raise InvalidRequest("configuration is missing", (FieldError("configuration", "missing"),))
    return await _create(ctx, caller, body, origin, include_session, toggles)


async def _create(
    ctx: Backend, caller: Principal, body: SessionRequest, origin: Origin_,
    include_session: bool, toggles: str,
) -> dict[str, Any]:  # fmt: skip
    caller.require(*WRITE_CHECKOUT)
    strict = "strict-session-amounts" in [t.strip() for t in toggles.split(",")]
    session_id = await create_session(ctx, caller, body, origin, strict_amounts=strict)
    answer: dict[str, Any] = {
        "id": session_id,
        "url": view_link(ctx.settings.base_url, session_id),
    }
    if include_session:
        answer["session"] = await read_session(ctx, caller.account_id, session_id)
    return answer


@router.get("/sessions/{session_id}")
async def get(
    session_id: str, ctx: Context, caller: Caller,
    includes: Annotated[list[str] | None, Query()] = None,
) -> dict[str, Any]:  # fmt: skip
    caller.require(*READ_CHECKOUT)
    return await read_session(ctx, caller.account_id, session_id, frozenset(includes or ()))


@router.get("/sessions/{session_id}/redirect/{redirect_ref}")
async def come_back(
    session_id: str, redirect_ref: str, request: Request, ctx: Context
) -> RedirectResponse:
    """The payer is back from the provider: on to the shop, or to the page."""
    url = await settle_return(ctx, session_id, redirect_ref, dict(request.query_params))
    headers = {"Cache-Control": "no-store", "Referrer-Policy": "no-referrer"}
    return RedirectResponse(url, status_code=302, headers=headers)
