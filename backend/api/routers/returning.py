"""Returning payers: the code by SMS, and the cookie by which their browser is recognised.

Source: `docs/reference/dintero-api.md#session-endpoints` (`publish/scc`), `#pay` (`remember_me`).
"""

from __future__ import annotations

import contextlib
from typing import Annotated, Any

from fastapi import Request, Response
from pydantic import Field

from backend.api.body import open_router
from backend.api.cookies import clear_customer, customer_cookie, set_customer
from backend.api.deps import Context
from backend.api.source import source_of
from backend.core.errors import DetailsInvalid, ShippingUnavailable
from backend.customers import returning, sms_verification
from backend.sessions import payer
from backend.sessions.public import read_public_session
from backend.sessions.request import Known

router = open_router()


class CodeRequest(Known):
    """`phone_number` gets the code. Without it, the code goes to the number that this browser is
    known with, else to the session's."""

    phone_number: Annotated[str, Field(max_length=32)] | None = None


class Code(Known):
    scc: Annotated[str, Field(min_length=1, max_length=sms_verification.LONGEST_CODE)]


@router.post("/view/{session_id}/session/publish/scc")
async def send(
    session_id: str,
    request: Request,
    ctx: Context,
    response: Response,
    body: CodeRequest | None = None,
) -> dict[str, Any]:
    """Send a code. The answer is 200, or 202 if a code was sent before. It is the same whether the
    number is remembered or not, but only a remembered number gets a message."""
    number = body.phone_number if body else None
    cookie = await customer_cookie(ctx, request, session_id)
    again = await sms_verification.send_code(
        ctx, session_id, number, cookie, source_of(ctx, request)
    )
    response.status_code = 202 if again else 200
    response.headers["Cache-Control"] = "no-store"
    return {"sent": True}


@router.post("/view/{session_id}/session/scc")
async def use(
    session_id: str, body: Code, request: Request, ctx: Context, response: Response
) -> dict[str, Any]:
    """Fill in the remembered details. If this session does not allow all of them, this is no error:
    the page shows the details as open (`details_done`), and the payer can change them."""
    details = await sms_verification.confirm_code(
        ctx, session_id, body.scc, source_of(ctx, request)
    )
    # They are filled in nevertheless, for the payer to complete.
    with contextlib.suppress(DetailsInvalid, ShippingUnavailable):
        await payer.set_details(ctx, session_id, details)
    response.headers["Cache-Control"] = "no-store"
    return await read_public_session(ctx, session_id)


@router.post("/view/{session_id}/session/remember")
async def recognise(session_id: str, ctx: Context, response: Response) -> dict[str, Any]:
    """Set the cookie for what this session has remembered, for a page that cannot set one
    itself."""
    customer = await returning.remembered_in(ctx, session_id)
    if customer is not None:
        set_customer(ctx, response, customer)
    return {"remembered": customer is not None}


@router.delete("/view/{session_id}/session/remember")
async def forget(
    session_id: str, request: Request, ctx: Context, response: Response
) -> dict[str, Any]:
    """Delete what this browser is known with, and its cookie."""
    account_id = await returning.account_of(ctx, session_id)
    await returning.forget(ctx, session_id, await customer_cookie(ctx, request, session_id))
    clear_customer(ctx, response, account_id)
    return {"remembered": False}
