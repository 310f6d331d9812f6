"""Reclaim a gift card from a payment that was left open elsewhere.

Pressing Pay holds the card's share. A payer who closes the provider's page, or loses the phone that
shows it, would find the card empty in the next session until the time of that payment is over.
Whoever has number and PIN may end that payment instead. It is aborted at its provider first, and
the card is free only after the provider has confirmed that nothing was paid. The page of that
payment then says why it ended.

Source: `docs/architecture.md#money`, `#one-payment`.
"""

from __future__ import annotations

from backend.cards import lookup, pin_attempts
from backend.cards.pin_check import match_pin
from backend.cards.tables import Card
from backend.core.context import Backend
from backend.core.errors import FieldError, GiftCardRefused, InvalidRequest
from backend.payments.attempts.resolve import reopen
from backend.rules.gift_card import Refusal
from backend.sessions import payer
from backend.sessions.gift_cards import OpenPayment, open_elsewhere, record_gift_card
from backend.sessions.load import (
    check_not_locked,
    check_open,
    get_session,
    gift_card_of,
    lock_for_payer,
)
from backend.sessions.view import Notice


async def add_gift_card(
    ctx: Backend,
    session_id: str,
    number: str,
    pin: str,
    source: str,
    choice: payer.CardChoice | None = None,
) -> None:
    """Add the card, as `payer.add_gift_card` does. If the card is only empty because payments that
    were left open elsewhere hold it, it is refused as `held_elsewhere`, or as `still_held` if their
    payers cannot end them because the provider reviews them."""
    try:
        await payer.add_gift_card(ctx, session_id, number, pin, source, choice)
    except GiftCardRefused as refusal:
        # Only somebody who has shown number and PIN learns that the card is empty.
        if refusal.reason != Refusal.EMPTY:
            raise
        held = await _open_elsewhere(ctx, session_id, await _card_of(ctx, session_id, number))
        if not held:
            raise
        left = any(payment.payer_left for payment in held)
        raise payer.refused(Refusal.HELD_ELSEWHERE if left else Refusal.STILL_HELD) from refusal


async def reclaim_and_add(
    ctx: Backend,
    session_id: str,
    number: str,
    pin: str,
    source: str,
    choice: payer.CardChoice | None = None,
) -> None:
    """End the payments that were left open elsewhere and hold the card, then add it here.

    GiftCardRefused as for adding it: `empty` if it was used up before or in the meantime;
    `still_held` if a provider has not decided or does not answer. Then nothing is freed.
    """
    refused: GiftCardRefused | None = None
    try:
        await payer.add_gift_card(ctx, session_id, number, pin, source, choice)
    except GiftCardRefused as refusal:
        if refusal.reason != Refusal.EMPTY:
            raise
        refused = refusal
    await _free(ctx, session_id, await _card_of(ctx, session_id, number))
    if refused is not None:
        await payer.add_gift_card(ctx, session_id, number, pin, source, choice)


async def reclaim(
    ctx: Backend, session_id: str, pin: str, source: str, unmodified_since: str | None = None
) -> None:
    """End the payments that were left open elsewhere and hold the session's card. Only its PIN is
    needed, since the session knows the card. The card pays here as soon as it is free, even a
    preset one.

    GiftCardRefused: `not_matched` for a wrong PIN, and for a card without one; `empty` if it was
    used up in the meantime; `still_held` if a provider has not decided or does not answer.
    InvalidRequest if no card is in use; TooManyAttempts if the PIN was not checked.
    """
    now = ctx.clock.now()
    async with ctx.db.reading() as db:
        session = await get_session(db, session_id)
        check_open(session, now, unmodified_since)
        check_not_locked(ctx, session, now)
        _, card = await gift_card_of(db, session_id)
        if card is None:
            text = "no gift card is in use: its number and PIN are needed"
            raise InvalidRequest(text, (FieldError("token", text, "required"),))
        known = await lookup.match_of(db, card)
    asker = pin_attempts.payer(ctx, session_id, source)
    typed = pin.strip()[: payer.MAX_TYPED]
    if await match_pin(ctx, known, typed, asker=asker) is None:
        raise payer.refused(Refusal.NOT_MATCHED)
    await _free(ctx, session_id, card.id)
    now = ctx.clock.now()
    async with ctx.db.unit_of_work() as db:
        session = await lock_for_payer(ctx, db, session_id, now)
        added, freed = await gift_card_of(db, session_id)
        if added is None or freed is None or freed.id != card.id:
            return
        session.notice = None
        await record_gift_card(db, session, added, freed, now)
    if freed.available == 0:
        raise payer.refused(Refusal.EMPTY)


async def _free(ctx: Backend, session_id: str, card_pk: str) -> None:
    """End the open payments that hold this card, as far as possible. GiftCardRefused (`still_held`)
    if one is left."""
    for other in await _open_elsewhere(ctx, session_id, card_pk):
        await reopen(ctx, other.session_id, Notice.GIFT_CARD_TAKEN_BACK, only=other.transaction_id)
    if await _open_elsewhere(ctx, session_id, card_pk):
        raise payer.refused(Refusal.STILL_HELD)


async def _open_elsewhere(ctx: Backend, session_id: str, card_pk: str) -> list[OpenPayment]:
    async with ctx.db.reading() as db:
        card = await db.get(Card, card_pk)
        return [] if card is None else await open_elsewhere(db, card, session_id)


async def _card_of(ctx: Backend, session_id: str, number: str) -> str:
    """Return the card of a number whose PIN has been checked."""
    async with ctx.db.reading() as db:
        session = await get_session(db, session_id)
        shown = number.strip()[: payer.MAX_TYPED]
        return (await lookup.get_by_number(ctx, db, session.account_id, shown)).id
