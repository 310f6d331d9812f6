"""Take a gift card back from a payment that was left open elsewhere.

Pressing Pay holds the card's share. A payer who closes the provider's page, or loses the phone on
which it stands, would meet an empty card in the next session until the payment's time is over. Who
has number and PIN may end that payment instead: it is aborted at its provider first, and only a
confirmed "not paid" frees the card. Its own page then says why.

Source: shared design sections 2 and 4.
"""

from __future__ import annotations

from sqlmodel import select

from backend.cards import lookup
from backend.cards.tables import Hold
from backend.context import Backend
from backend.errors import GiftCardRefused
from backend.payments.attempts import reopen
from backend.payments.tables import Transaction
from backend.rules.gift_card import Refusal
from backend.rules.transaction import Status
from backend.sessions import payer
from backend.sessions.load import get_session
from backend.sessions.view import Notice


async def add_gift_card(
    ctx: Backend, session_id: str, number: str, pin: str, source: str,
    unmodified_since: str | None = None, wanted: int | None = None,
) -> None:  # fmt: skip
    """As `payer.add_gift_card`; a card that is only empty because payments left open elsewhere
    hold it is refused as `held_elsewhere`."""
    try:
        await payer.add_gift_card(ctx, session_id, number, pin, source, unmodified_since, wanted)
    except GiftCardRefused as refusal:
        # Empty is said only to who has shown number and PIN.
        if refusal.reason == Refusal.EMPTY and await _open_elsewhere(ctx, session_id, number):
            raise payer.refused(Refusal.HELD_ELSEWHERE) from refusal
        raise


async def take_back(
    ctx: Backend, session_id: str, number: str, pin: str, source: str,
    unmodified_since: str | None = None, wanted: int | None = None,
) -> None:  # fmt: skip
    """End the payments left open elsewhere that hold the card, then add it here.

    GiftCardRefused as for adding it: `empty` where it was paid with in the meantime, or before;
    `still_held` where a provider has not decided or does not answer: then nothing is freed.
    """
    refused: GiftCardRefused | None = None
    try:
        await payer.add_gift_card(ctx, session_id, number, pin, source, unmodified_since, wanted)
    except GiftCardRefused as refusal:
        if refusal.reason != Refusal.EMPTY:
            raise
        refused = refusal
    for other, transaction_id in await _open_elsewhere(ctx, session_id, number):
        await reopen(ctx, other, Notice.GIFT_CARD_TAKEN_BACK, only=transaction_id)
    if await _open_elsewhere(ctx, session_id, number):
        raise payer.refused(Refusal.STILL_HELD)
    if refused is not None:
        await payer.add_gift_card(ctx, session_id, number, pin, source, unmodified_since, wanted)


async def _open_elsewhere(ctx: Backend, session_id: str, number: str) -> list[tuple[str, str]]:
    """The other sessions with a payment under way that holds the card, each with its transaction.
    The card's PIN has been checked."""
    async with ctx.db.reading() as db:
        session = await get_session(db, session_id)
        shown = number.strip()[: payer.MAX_TYPED]
        card = await lookup.get_by_number(ctx, db, session.account_id, shown)
        statement = (
            select(Transaction.session_id, Transaction.id)
            .join(Hold, Transaction.hold_id == Hold.id)  # type: ignore[arg-type]
            .where(
                Hold.card == card.id,
                Hold.state == "pending",
                Transaction.status == Status.INITIATED.value,
                Transaction.session_id != session_id,
            )
            .order_by(Transaction.session_id)
        )
        return list(await db.exec(statement))
