"""The shop's own callbacks in an Express session: shipping options for an address, and discount
codes. Both are asked once, with a time limit; what comes back is checked before it is believed.

Source: `reference/dintero-api.md#64-express-callbacks`.
"""

from __future__ import annotations

import asyncio
import copy
import json
from typing import Annotated, Any

import httpx
from pydantic import Field, ValidationError
from sqlmodel.ext.asyncio.session import AsyncSession

from backend.context import Backend
from backend.errors import DiscountRefused, InvalidRequest, ShippingUnavailable
from backend.outbox.address import AddressRefused, AddressUnknown, resolve
from backend.outbox.request import signature_header
from backend.sessions import events
from backend.sessions.change import check_size, keep_body, offer_shipping, put_order
from backend.sessions.create import decide_anew, is_divided
from backend.sessions.load import get_session, lock_for_payer
from backend.sessions.request import Amount, Currency, Loose, OrderParts, ShippingOption
from backend.sessions.shape import read_session
from backend.sessions.tables import CheckoutSession

MAX_ANSWER = 512 * 1024
_NOT_FROM_HERE = ("merchant_reference", "currency", "gift_cards")


class CallbackFailed(Exception):
    """The shop did not answer, or not in a form that can be used. Nothing changed."""


class OrderAnswer(OrderParts):
    amount: Amount
    currency: Currency | None = None


class Answer(Loose):
    shipping_options: Annotated[list[ShippingOption], Field(max_length=100)] | None = None
    order: OrderAnswer | None = None


async def ask_for_shipping(ctx: Backend, session_id: str) -> None:
    """Ask the shop what it can send to the address that is kept, and offer that.

    ShippingUnavailable where it fails, answers nonsense or cannot ship there; the session is as it
    was, and the details can be given again.
    """
    url, session = await _session_as_sent(ctx, session_id, "shipping_address_callback_url")
    try:
        answer = await _ask(ctx, url, session)
        if answer.shipping_options is None:
            raise CallbackFailed("no shipping_options")
        _check_currency(answer, session)
    except CallbackFailed as failed:
        raise ShippingUnavailable(
            "callback_failed", "the shop could not tell its shipping options"
        ) from failed
    now = ctx.clock.now()
    async with ctx.db.unit_of_work() as db:
        locked = await lock_for_payer(ctx, db, session_id, now)
        body = copy.deepcopy(locked.body)
        if body["order"].get("shipping_address") != session["order"].get("shipping_address"):
            # Another tab gave another address meanwhile, and asks for that one.
            return
        try:
            await _apply(ctx, db, locked, body, answer)
        except InvalidRequest as forbidden:
            raise ShippingUnavailable("callback_failed", forbidden.message) from forbidden
        locked.details_done = bool(answer.shipping_options)
        keep_body(locked, body)
        details = {"shipping_option": body["order"].get("shipping_option")}
        await events.record(db, locked, "SET_SHIPPING_OPTION", now, details)
    if not answer.shipping_options:
        raise ShippingUnavailable("cannot_ship", "the shop does not ship to this address")


async def set_discount_codes(
    ctx: Backend, session_id: str, codes: list[str], unmodified_since: str | None = None
) -> bool:
    """Ask the shop what these codes do to the order, and take that; whether one of them was taken.

    DiscountRefused where codes are not offered, are too many, or the shop does not answer.
    """
    async with ctx.db.reading() as db:
        found = await get_session(db, session_id)
        offered = (found.body.get("express") or {}).get("discount_codes") or {}
    if not offered.get("callback_url"):
        raise DiscountRefused("not_offered", "discount codes cannot be used in this session")
    if len(codes) > int(offered.get("max_count") or 1):
        raise DiscountRefused("too_many", "too many discount codes")
    async with ctx.db.unit_of_work() as db:
        await lock_for_payer(ctx, db, session_id, ctx.clock.now(), unmodified_since)
    url, session = await _session_as_sent(ctx, session_id, "discount_codes")
    session["order"]["discount_codes"] = codes
    try:
        answer = await _ask(ctx, url, session)
        if answer.order is None:
            raise CallbackFailed("no order")
        _check_currency(answer, session)
    except CallbackFailed as failed:
        raise DiscountRefused(
            "callback_failed", "the shop could not check the discount code"
        ) from failed
    now = ctx.clock.now()
    taken = answer.order.discount_codes or []
    async with ctx.db.unit_of_work() as db:
        locked = await lock_for_payer(ctx, db, session_id, now)
        body = copy.deepcopy(locked.body)
        try:
            await _apply(ctx, db, locked, body, answer)
        except InvalidRequest as forbidden:
            raise DiscountRefused("callback_failed", forbidden.message) from forbidden
        body["order"]["discount_codes"] = taken
        keep_body(locked, body)
        await events.record(db, locked, "SET_DISCOUNT_CODES", now, {"discount_codes": taken})
    return bool(taken)


async def _session_as_sent(ctx: Backend, session_id: str, name: str) -> tuple[str, dict[str, Any]]:
    """The callback's address, and the session as the shop is sent it."""
    async with ctx.db.reading() as db:
        found = await get_session(db, session_id)
        account_id = found.account_id
    session = await read_session(ctx, account_id, session_id)
    configured = (session.get("express") or {}).get(name)
    url = configured.get("callback_url") if isinstance(configured, dict) else configured
    return str(url), session


async def _ask(ctx: Backend, url: str, session: dict[str, Any]) -> Answer:
    """POST the session; CallbackFailed for everything but a 200 with a body of the right form."""
    timeout = ctx.settings.express_callback_timeout
    try:
        target = await resolve(url, allow_insecure=ctx.settings.allow_insecure_callbacks)
        account_id = session["configuration"]["merchant"]["id"]
        signed = await signature_header(ctx, account_id, "POST", url, ctx.clock.now())
        async with asyncio.timeout(timeout):
            async with ctx.callbacks_http.stream(
                "POST",
                target.url,
                json=session,
                headers={"host": target.host, "user-agent": "gavekort"} | signed,
                extensions={"sni_hostname": target.server_name},
                timeout=timeout,
            ) as response:
                if response.status_code != 200:
                    raise CallbackFailed(f"status {response.status_code}")
                body = bytearray()
                async for chunk in response.aiter_bytes():
                    body += chunk
                    if len(body) > MAX_ANSWER:
                        raise CallbackFailed("the answer is too large")
    except (AddressRefused, AddressUnknown, TimeoutError, httpx.HTTPError) as error:
        raise CallbackFailed(type(error).__name__) from error
    try:
        return Answer.model_validate(json.loads(body, parse_constant=_refuse))
    except (ValueError, ValidationError, RecursionError) as error:
        raise CallbackFailed("the answer cannot be read") from error


def _refuse(name: str) -> None:
    raise ValueError(f"{name} is not JSON")


def _check_currency(answer: Answer, session: dict[str, Any]) -> None:
    order = answer.order
    if order is not None and order.currency not in (None, session["order"]["currency"]):
        raise CallbackFailed("another currency")


async def _apply(
    ctx: Backend, db: AsyncSession, session: CheckoutSession, body: dict[str, Any], answer: Answer
) -> None:
    """InvalidRequest for splits in a session that asked for gift cards."""
    if answer.order is not None:
        given = answer.order.model_dump(mode="json", exclude_unset=True)
        # A null says nothing; these are not the answer's to change.
        given = {k: v for k, v in given.items() if v is not None and k not in _NOT_FROM_HERE}
        put_order(body["order"], given)
    if answer.shipping_options is not None:
        options = [o.model_dump(mode="json", exclude_unset=True) for o in answer.shipping_options]
        offer_shipping(session, body, options)
    check_size(body)
    if is_divided(body) != is_divided(session.body):
        await decide_anew(ctx, db, session, body)
