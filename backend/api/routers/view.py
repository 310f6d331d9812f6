"""The payer's side of a session, without a token: its id is the key. The page calls the same
services. Source: `docs/reference/dintero-api.md#session-endpoints`, `#pay`."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import Header, Query, Request, Response
from fastapi.responses import RedirectResponse
from pydantic import Field

from backend.api.body import open_router
from backend.api.cookies import clear_customer, customer_cookie, set_customer
from backend.api.deps import Context
from backend.api.source import source_of
from backend.core.context import Backend
from backend.core.errors import FieldError, InvalidRequest
from backend.customers import returning
from backend.payments.attempts import reclaim_card
from backend.payments.attempts.push import phone_to_push_to
from backend.payments.attempts.resolve import abandon
from backend.payments.attempts.start import Press, pay_otherwise
from backend.rules.order import ShippingOption
from backend.sessions import payer
from backend.sessions.details import Details, address_from
from backend.sessions.express_callbacks import set_discount_codes
from backend.sessions.lock import lock
from backend.sessions.public import read_public_session
from backend.sessions.qr_code import qr_code
from backend.sessions.request import (
    Amount,
    CardAmount,
    Flag,
    Known,
    PayerAddress,
    Text,
)

router = open_router()
Unmodified = Annotated[str | None, Header(alias="If-Unmodified-Since")]
Language = Annotated[str, Query(max_length=20)]


class AddressesRequest(Known):
    shipping_address: PayerAddress | None = None
    billing_address: PayerAddress | None = None


class GiftCardRequest(Known):
    """The card's number and PIN, as the payer has them. `take_back` reclaims it from a payment that
    was left open in another session (without it the error is `held_elsewhere`). With the PIN alone,
    this is about the card that is in use, which may be a preset one.

    `amount` is how much of the card to use (minor units). Without it, or with null, as much as
    possible is used. Alone, without number and PIN, it is for the card that is in use.
    """

    token: Annotated[str, Field(min_length=1, max_length=255)] | None = None
    pin: Annotated[str, Field(min_length=1, max_length=64)] | None = None
    amount: CardAmount | None = None
    take_back: bool = False


class ShippingChoice(Known):
    """One of the session's options, as the session shows it. Only the fields that distinguish
    options count."""

    id: Text
    line_id: Text | None = None
    operator: Text | None = None
    operator_product_id: Text | None = None


class DiscountCodesRequest(Known):
    discount_codes: Annotated[list[Annotated[str, Field(max_length=64)]], Field(max_length=10)]


class Tick(Known):
    """One of the session's checkboxes, as the payer has left it."""

    id: Text
    checked: Flag


Ticks = Annotated[tuple[Tick, ...], Field(max_length=2)]


def _ticked(boxes: tuple[Tick, ...] | None) -> frozenset[str]:
    return frozenset(box.id for box in boxes or () if box.checked)


class PayRequest(Known):
    payment_product_type: Text
    phone_number: Text | None = None
    remember_me: Flag | None = None
    amount: Amount | None = None
    """What the payer was shown (minor units). Without it, the payment takes whatever is left to
    pay."""
    checkboxes: Ticks | None = None


class OperationsRequest(Known):
    checkboxes: Ticks | None = None


@router.get("/view/{session_id}/session")
async def get(session_id: str, ctx: Context, response: Response) -> dict[str, Any]:
    return await _shown(ctx, session_id, response)


async def _shown(ctx: Backend, session_id: str, response: Response) -> dict[str, Any]:
    response.headers["Cache-Control"] = "no-store"
    return await read_public_session(ctx, session_id)


@router.put("/view/{session_id}/session/order/addresses")
async def put_addresses(
    session_id: str,
    body: AddressesRequest,
    ctx: Context,
    response: Response,
    unmodified_since: Unmodified = None,
) -> dict[str, Any]:
    """Set the addresses. One that is not given stays as it is; `billing_address: null` removes
    it."""
    keep = "billing_address" not in body.model_fields_set
    await _set_addresses(
        ctx, session_id, body.shipping_address, body.billing_address, unmodified_since, keep
    )
    return await _shown(ctx, session_id, response)


@router.put("/view/{session_id}/session/order/shipping_address")
async def put_shipping_address(
    session_id: str,
    body: PayerAddress,
    ctx: Context,
    response: Response,
    unmodified_since: Unmodified = None,
) -> dict[str, Any]:
    await _set_addresses(ctx, session_id, body, None, unmodified_since, True)
    return await _shown(ctx, session_id, response)


async def _set_addresses(
    ctx: Backend,
    session_id: str,
    shipping: PayerAddress | None,
    billing: PayerAddress | None,
    unmodified_since: str | None,
    keep_billing: bool,
) -> None:
    """Set both addresses. They are checked as on the page. E-mail and phone may be in either, or
    known before."""
    if shipping is None and billing is None:
        text = "an address is needed"
        raise InvalidRequest(text, (FieldError("shipping_address", text),))
    await payer.set_details(
        ctx,
        session_id,
        lambda known: _details(known, shipping, billing, keep_billing),
        unmodified_since,
    )


def _details(
    body: dict[str, Any],
    shipping: PayerAddress | None,
    billing: PayerAddress | None,
    keep_billing: bool,
) -> Details:
    """Return the contact details that are not among the addresses, from the session's body."""
    other = billing.model_dump(mode="json", exclude_none=True) if billing else None
    if shipping is not None:
        wanted = shipping.model_dump(mode="json", exclude_none=True)
    else:
        wanted = body["order"].get("shipping_address") or other or {}
    known = (wanted, other or {}, body.get("customer") or {})
    email, phone = (
        next((str(part[name]) for part in known if part.get(name)), "")
        for name in ("email", "phone_number")
    )
    return Details(
        email=email,
        phone_number=phone,
        shipping=address_from(wanted),
        billing=address_from(other) if other is not None else None,
        shipping_more=wanted,
        billing_more=other or {},
        keep_billing=keep_billing,
    )


@router.put("/view/{session_id}/session/order/shipping_option")
async def put_shipping_option(
    session_id: str,
    body: ShippingChoice,
    ctx: Context,
    response: Response,
    unmodified_since: Unmodified = None,
) -> dict[str, Any]:
    wanted = body.model_dump(mode="json", exclude_unset=True)
    option = ShippingOption.read(wanted)
    await payer.set_shipping_option(ctx, session_id, option, unmodified_since)
    return await _shown(ctx, session_id, response)


@router.put("/view/{session_id}/session/order/discount_codes", response_model=None)
async def put_discount_codes(
    session_id: str,
    body: DiscountCodesRequest,
    request: Request,
    ctx: Context,
    response: Response,
    unmodified_since: Unmodified = None,
) -> dict[str, Any] | Response:
    """Set the discount codes. The answer is 200 with the session, or 204 if the codes give no
    discount."""
    asked = await set_discount_codes(
        ctx, session_id, body.discount_codes, unmodified_since, source=source_of(ctx, request)
    )
    if not asked.taken:
        return Response(status_code=204)
    return await _shown(ctx, session_id, response)


@router.put("/view/{session_id}/session/order/gift_card")
async def put_gift_card(
    session_id: str,
    body: GiftCardRequest,
    request: Request,
    ctx: Context,
    response: Response,
    unmodified_since: Unmodified = None,
) -> dict[str, Any]:
    if body.token is None and body.pin is None and "amount" in body.model_fields_set:
        await payer.set_gift_card_amount(ctx, session_id, body.amount, unmodified_since)
        return await _shown(ctx, session_id, response)
    if body.token is None and body.pin is not None and body.take_back:
        source = source_of(ctx, request)
        await reclaim_card.reclaim(ctx, session_id, body.pin, source, unmodified_since)
        return await _shown(ctx, session_id, response)
    if body.token is None or body.pin is None:
        field = "pin" if body.pin is None and body.token is not None else "token"
        text = "number and PIN are needed, or the amount alone for the card in use"
        raise InvalidRequest(text, (FieldError(field, text, "required"),))
    source = source_of(ctx, request)
    add = reclaim_card.reclaim_and_add if body.take_back else reclaim_card.add_gift_card
    choice = payer.CardChoice(body.amount, unmodified_since)
    await add(ctx, session_id, body.token, body.pin, source, choice)
    return await _shown(ctx, session_id, response)


@router.delete("/view/{session_id}/session/order/gift_card")
async def delete_gift_card(
    session_id: str, ctx: Context, response: Response, unmodified_since: Unmodified = None
) -> dict[str, Any]:
    await payer.remove_gift_card(ctx, session_id, unmodified_since)
    return await _shown(ctx, session_id, response)


@router.post("/view/{session_id}/session/lock")
async def lock_session(
    session_id: str, ctx: Context, unmodified_since: Unmodified = None
) -> dict[str, Any]:
    return {"pay_lock": {"pay_lock_id": await lock(ctx, session_id, unmodified_since)}}


@router.post("/view/{session_id}/session/abandon")
async def abandon_session(session_id: str, ctx: Context) -> RedirectResponse:
    """Cancel the session for the payer, and send them back to the shop."""
    url = await abandon(ctx, session_id)
    return RedirectResponse(url, status_code=302, headers={"Cache-Control": "no-store"})


@router.post("/view/{session_id}/payments/{payment_product_type}")
async def payment_operations(
    session_id: str,
    payment_product_type: str,
    ctx: Context,
    language: Language = "en",
    unmodified_since: Unmodified = None,
    body: OperationsRequest | None = None,
) -> dict[str, Any]:
    """Start to pay. The answer says where the payer goes now. A body is only needed for what has to
    be accepted (`checkboxes`, as for `pay`)."""
    press = Press(
        payment_product_type,
        None,
        language,
        accepted=_ticked(body.checkboxes if body else None),
        unmodified_since=unmodified_since,
    )
    result = await pay_otherwise(ctx, session_id, press)
    operation = {"rel": f"{result.state}-payment", "method": "GET", "content_type": "text/html"}
    listed = [{**operation, "href": result.url}] if result.url else []
    return {"operations": listed}


@router.post("/sessions/{session_id}/pay")
async def pay_session(
    session_id: str,
    body: PayRequest,
    request: Request,
    ctx: Context,
    response: Response,
    language: Language = "en",
    unmodified_since: Unmodified = None,
) -> dict[str, Any]:
    """Pay. The answer is 200 with `redirect_url`, or without it if the payer is asked in the
    wallet's app, which `phone_number` does for the options that can. `qr_code` (an image as a
    `data:` URI) is present if `redirect_url` opens an app, for a payer whose app is on another
    device. The answer is 202 with `poll_url` while the provider has not answered. A refusal is a
    200 with `error` and `reason` (`declined`, `amount_refused`, `provider_down`), since the payer
    may try another option. `remember_me` sets or clears the cookie by which this browser is
    recognised. `checkboxes` (`id`, `checked`) says which of the session's checkboxes the payer has
    ticked: 400 if a required one is not among them.

    The same request again continues the payment that is under way. Another option ends that payment
    first. Any other conflict is refused, and leaves the payment as it is.
    """
    type_ = body.payment_product_type
    push_to = await phone_to_push_to(ctx, session_id, type_, body.phone_number)
    press = Press(
        type_,
        body.amount,
        language,
        push_to=push_to,
        accepted=_ticked(body.checkboxes),
        unmodified_since=unmodified_since,
    )
    result = await pay_otherwise(ctx, session_id, press)
    if body.remember_me is not None and result.state != "refused":
        await _remember(ctx, session_id, body.remember_me, request, response)
    poll = f"{ctx.settings.base_url}/v1/view/{session_id}/session"
    if result.state == "refused":
        reason = {"reason": result.reason.value} if result.reason else {}
        return {"success": False, "actions": [], "error": "Rejected", **reason}
    if result.state == "unknown":
        response.status_code = 202
        return {"success": True, "actions": [], "poll_url": poll}
    if result.state == "pushed":
        return {"success": True, "actions": [], "poll_url": poll}
    if result.app_code is not None:
        return {
            "success": True,
            "actions": [],
            "redirect_url": result.url,
            "qr_code": qr_code(result.app_code),
            "poll_url": poll,
        }
    return {"success": True, "actions": [], "redirect_url": result.url, "poll_url": poll}


async def _remember(
    ctx: Backend, session_id: str, wanted: bool, request: Request, response: Response
) -> None:
    cookie = await customer_cookie(ctx, request, session_id)
    if wanted:
        customer = await returning.remember(ctx, session_id, cookie)
        if customer is not None:
            set_customer(ctx, response, customer)
        return
    await returning.forget(ctx, session_id, cookie)
    clear_customer(ctx, response, await returning.account_of(ctx, session_id))
