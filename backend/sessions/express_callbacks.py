"""The shop's own callbacks in an Express session: shipping options for an address, and discount
codes. We ask with a time limit, and check the answer before we use it. An answer about an order
that has changed in the meantime is dropped, and the shop is asked again.

Source: `docs/reference/dintero-api.md#express-callbacks`.
"""

from __future__ import annotations

import asyncio
import copy
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Protocol

import httpx
from pydantic import Field, ValidationError
from sqlmodel.ext.asyncio.session import AsyncSession

from backend.core.address import AddressRefused, AddressUnknown, resolve
from backend.core.context import Backend
from backend.core.errors import (
    DiscountRefused,
    GavekortError,
    InvalidRequest,
    SessionChanged,
    ShippingUnavailable,
)
from backend.limits.source import UNKNOWN
from backend.outbox.request import signature_header
from backend.rules.order import ShippingOption
from backend.rules.session_body import SessionBody
from backend.sessions import discount_guesses, events
from backend.sessions.create import decide_anew
from backend.sessions.load import check_not_locked, check_open, get_session, lock_as_seen
from backend.sessions.order_changes import (
    check_size,
    keep_body,
    offer_shipping,
    put_order,
    same_content,
)
from backend.sessions.preset import warned
from backend.sessions.request import Amount, Currency, Loose, OrderParts
from backend.sessions.request import ShippingOption as OfferedOption
from backend.sessions.serializer import serialize_session
from backend.sessions.tables import CheckoutSession

MAX_ANSWER = 512 * 1024
MAX_ASKS = 3
"""How often the shop is asked for one change, if the order changes while the shop thinks."""
ChooseCodes = Callable[[Sequence[str]], Sequence[str]]
_NOT_FROM_HERE = ("merchant_reference", "currency", "gift_cards")


class CallbackFailed(Exception):
    """The shop did not answer, or not in a form that can be used."""


class OrderAnswer(OrderParts):
    amount: Amount
    currency: Currency | None = None


class Answer(Loose):
    shipping_options: Annotated[list[OfferedOption], Field(max_length=100)] | None = None
    order: OrderAnswer | None = None


@dataclass(frozen=True, slots=True)
class Asked:
    """What came of asking the shop. `taken` says whether the shop took one of the discount codes.
    `again` says that somebody else changed the order meanwhile, so that the shop was asked
    again."""

    taken: bool = False
    anew: bool = False


class _Question(Protocol):
    """One kind of callback: what is asked, and what is done with the answer."""

    by_payer: bool
    unmodified_since: str | None

    def url(self, body: SessionBody) -> str:
        """Return the address to ask about a session with this body. It raises one of our errors if
        there is nothing to ask about."""

    def complete(self, session: dict[str, Any]) -> None:
        """Add to the session what the shop needs for this question."""

    async def count(self, ctx: Backend, session: CheckoutSession) -> None:
        """Count the question. TooManyRequests: the shop is not asked."""

    def is_answered(self, answer: Answer) -> bool:
        """Return whether the answer has what was asked for."""

    def failed(self, message: str = "") -> GavekortError:
        """Return the error for the caller if the shop gives no answer that can be used."""

    async def restore(self, ctx: Backend, answer: Answer) -> None:
        """Take back a part of what `count` has counted, if the answer allows it."""

    async def apply(
        self, ctx: Backend, db: AsyncSession, session: CheckoutSession, answer: Answer
    ) -> bool:
        """Apply the answer, and return `Asked.taken`. InvalidRequest if the rules forbid it."""


async def ask_for_shipping(ctx: Backend, session_id: str, *, by_payer: bool = True) -> Asked:
    """Ask the shop what it can send to the stored address, and offer that.

    ShippingUnavailable if the shop fails, answers nonsense or cannot ship there. The session is as
    it was, and the details can be given again. SessionChanged as for `set_discount_codes`.
    """
    question = _Shipping(by_payer)
    asked = await _ask_until_unchanged(ctx, session_id, question)
    if not question.ships:
        raise ShippingUnavailable("cannot_ship", "the shop does not ship to this address")
    return asked


async def set_discount_codes(
    ctx: Backend,
    session_id: str,
    codes: Sequence[str] | ChooseCodes,
    unmodified_since: str | None = None,
    *,
    source: str = UNKNOWN,
) -> Asked:
    """Ask the shop what these codes do to the order, and apply the answer. `codes` may be a
    function: it gets the codes that are in use when the shop is asked, and returns the wanted ones.

    DiscountRefused if codes are not offered, are too many, or the shop does not answer.
    SessionChanged if the order changes faster than the shop answers. TooManyRequests if the
    session, the profile or `source` (the payer's address) has tried too many codes.
    """
    choose = codes if callable(codes) else lambda _: codes
    question = _Discount(choose, unmodified_since, source)
    return await _ask_until_unchanged(ctx, session_id, question)


async def _ask_until_unchanged(ctx: Backend, session_id: str, question: _Question) -> Asked:
    """Ask the shop, and apply its answer if the session has not changed meanwhile.

    If it has changed, the answer is about an old order. It is dropped, and the shop is asked again,
    at most MAX_ASKS times in all and within the time that one answer may take.
    """
    ends = asyncio.get_running_loop().time() + ctx.settings.express_callback_timeout
    first: dict[str, Any] | None = None
    for turn in range(1, MAX_ASKS + 1):
        sent = await _as_sent(ctx, session_id, question)
        first = sent.order if first is None else first
        if turn == 1:
            # A question that is repeated because somebody else changed the order does not count
            # again.
            await question.count(ctx, sent.row)
        answer = await _answer_of(ctx, sent, question)
        await question.restore(ctx, answer)
        try:
            async with ctx.db.unit_of_work() as db:
                locked = await lock_as_seen(
                    ctx,
                    db,
                    session_id,
                    sent.version,
                    by_payer=question.by_payer,
                    unmodified_since=question.unmodified_since,
                )
                taken = await question.apply(ctx, db, locked, answer)
        except SessionChanged:
            if turn == MAX_ASKS or asyncio.get_running_loop().time() >= ends:
                raise
        except InvalidRequest as forbidden:
            raise question.failed(forbidden.message) from forbidden
        else:
            return Asked(taken, anew=sent.order != first)
    raise AssertionError("the last turn returns or raises")


@dataclass(frozen=True, slots=True)
class _Sent:
    """What we send to the shop, and the session's row from which we made it."""

    url: str
    session: dict[str, Any]
    row: CheckoutSession
    version: int
    order: dict[str, Any]


async def _as_sent(ctx: Backend, session_id: str, question: _Question) -> _Sent:
    """Read what to send. It raises the errors of a session that cannot be changed now."""
    now = ctx.clock.now()
    async with ctx.db.reading() as db:
        found = await get_session(db, session_id)
        check_open(found, now, question.unmodified_since)
        if question.by_payer:
            check_not_locked(ctx, found, now)
        url = question.url(found.content)
        # This is read after the row, so it can be newer than the version but never older.
        session = await serialize_session(db, found, now)
        question.complete(session)
        return _Sent(url, session, found, found.version, found.body["order"])


async def _answer_of(ctx: Backend, sent: _Sent, question: _Question) -> Answer:
    try:
        answer = await _ask(ctx, sent.url, sent.session)
        if not question.is_answered(answer):
            raise CallbackFailed("the answer does not have what was asked for")
        _check_currency(answer, sent.session)
    except CallbackFailed as failed:
        raise question.failed() from failed
    return answer


class _Shipping:
    unmodified_since: str | None = None

    def __init__(self, by_payer: bool) -> None:
        self.by_payer = by_payer
        self.ships = True

    def url(self, body: SessionBody) -> str:
        url = body.express.shipping_callback_url
        if url is None or body.order.shipping_address is None:
            raise SessionChanged(
                "this session has no shipping address to ask the shop about any more"
            )
        return url

    def complete(self, session: dict[str, Any]) -> None:
        """Add nothing, because the session has the address."""

    async def count(self, ctx: Backend, session: CheckoutSession) -> None:
        """Count nothing, because addresses are no guesses."""

    async def restore(self, ctx: Backend, answer: Answer) -> None:
        """Restore nothing, because nothing was counted."""

    def is_answered(self, answer: Answer) -> bool:
        return answer.shipping_options is not None

    def failed(self, message: str = "") -> GavekortError:
        text = message or "the shop could not tell its shipping options"
        return ShippingUnavailable("callback_failed", text)

    async def apply(
        self, ctx: Backend, db: AsyncSession, session: CheckoutSession, answer: Answer
    ) -> bool:
        before = _known(session)
        body = copy.deepcopy(session.body)
        await _apply(ctx, db, session, body, answer)
        self.ships = bool(answer.shipping_options)
        session.details_done = self.ships
        keep_body(session, body)
        now = ctx.clock.now()
        details = {"shipping_option": body["order"].get("shipping_option")}
        details |= await warned(db, session, now)
        changed = not same_content(before, _known(session))
        write = events.record if changed else events.record_unseen
        await write(db, session, "SET_SHIPPING_OPTION", now, details)
        return False


class _Discount:
    by_payer = True

    def __init__(self, choose: ChooseCodes, unmodified_since: str | None, source: str) -> None:
        self._choose = choose
        self._source = source
        self._codes: list[str] = []
        self._guesses: discount_guesses.Guesses | None = None
        self.unmodified_since = unmodified_since

    def url(self, body: SessionBody) -> str:
        url = body.express.discount_callback_url
        if url is None:
            raise DiscountRefused("not_offered", "discount codes cannot be used in this session")
        self._codes = list(self._choose(body.order.discount_codes))
        if len(self._codes) > body.express.most_discount_codes:
            raise DiscountRefused("too_many", "too many discount codes")
        return url

    def complete(self, session: dict[str, Any]) -> None:
        session["order"]["discount_codes"] = self._codes

    async def count(self, ctx: Backend, session: CheckoutSession) -> None:
        self._guesses = await discount_guesses.count(ctx, session, self._codes, self._source)

    async def restore(self, ctx: Backend, answer: Answer) -> None:
        assert self._guesses is not None and answer.order is not None
        taken = answer.order.discount_codes or []
        self._guesses = await discount_guesses.restore(ctx, self._guesses, taken)

    def is_answered(self, answer: Answer) -> bool:
        return answer.order is not None

    def failed(self, message: str = "") -> GavekortError:
        text = message or "the shop could not check the discount code"
        return DiscountRefused("callback_failed", text)

    async def apply(
        self, ctx: Backend, db: AsyncSession, session: CheckoutSession, answer: Answer
    ) -> bool:
        assert answer.order is not None  # is_answered has checked it
        taken = answer.order.discount_codes or []
        body = copy.deepcopy(session.body)
        await _apply(ctx, db, session, body, answer)
        body["order"]["discount_codes"] = taken
        keep_body(session, body)
        now = ctx.clock.now()
        details: dict[str, Any] = {"discount_codes": taken}
        details |= await warned(db, session, now)
        await events.record(db, session, "SET_DISCOUNT_CODES", now, details)
        return bool(taken)


def _known(session: CheckoutSession) -> dict[str, Any]:
    """Return what an answer of the shop may change."""
    return {
        "body": session.body,
        "chosen": session.chosen_shipping,
        "done": session.details_done,
        "gift_card": session.gift_card_use,
        "options": session.options,
        "minimums": session.minimums,
    }


async def _ask(ctx: Backend, url: str, session: dict[str, Any]) -> Answer:
    """POST the session. CallbackFailed for everything but a 200 with a body of the right form."""
    timeout = ctx.settings.express_callback_timeout
    try:
        target = await resolve(url, allow_insecure=ctx.settings.insecure_addresses)
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
    """Apply the answer. InvalidRequest for splits in a session that asked for gift cards."""
    if answer.order is not None:
        given = answer.order.model_dump(mode="json", exclude_unset=True)
        # A null says nothing, and the answer may not change these fields.
        given = {k: v for k, v in given.items() if v is not None and k not in _NOT_FROM_HERE}
        put_order(body["order"], given)
    if answer.shipping_options is not None:
        options = [o.model_dump(mode="json", exclude_unset=True) for o in answer.shipping_options]
        offer_shipping(session, body, [ShippingOption.read(option) for option in options])
    check_size(body)
    changed = SessionBody.read(body)
    if changed.is_divided != session.content.is_divided:
        await decide_anew(ctx, db, session, changed)
