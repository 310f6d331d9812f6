"""What happens to a card besides moving its money: activation, a new PIN, deletion. Each is one
unit of work with the card's row locked. Source: `docs/reference/dintero-api.md#wallets-api`."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from backend.cards import formats, ledger, lookup, pin_lock
from backend.cards.formats import Format
from backend.cards.history import CardNote, note
from backend.cards.issue import set_behaviour
from backend.cards.ledger import EntryContext
from backend.cards.tables import NO_CURRENCY, Card, CardToken
from backend.core.context import Backend
from backend.core.errors import Conflict, FieldError, InvalidRequest, NotFound

MAX_USES = 50
"""How many uses of a card an answer lists at most. Its sums count all of them."""


class AlreadyActivated(Conflict):
    code = "ALREADY_ACTIVATED"


class CardInUse(Conflict):
    """The card is still needed: money of it is held, or may be refunded to it."""

    code = "CARD_IN_USE"


@dataclass(frozen=True, slots=True)
class Activation:
    """How to activate a card. `amount` is in minor units. None leaves a value as the card was made.
    `ref_id` makes a repeat safe; without it a second activation is always refused."""

    account_id: str
    card_id: str
    amount: int
    currency: str
    created_by: str
    ref_id: str | None = None
    customer_id: str | None = None
    name: str | None = None
    active_from: datetime | None = None
    expires_at: datetime | None = None
    originated_by: str | None = None
    metadata: dict[str, Any] | None = None
    number_expires_in: int | None = None
    number_single_use: bool = False


async def lock_by_card_id(db: AsyncSession, account_id: str, card_id: str) -> Card:
    """Return the card with the merchant's `card_id`, locked. Deleted cards are found too."""
    query = select(Card).where(Card.account_id == account_id, Card.card_id == card_id)
    query = query.with_for_update(key_share=True).execution_options(populate_existing=True)
    card = (await db.exec(query)).one_or_none()
    if card is None:
        raise NotFound("no such card")
    return card


async def activate(ctx: Backend, activation: Activation) -> Card:
    """Make an `inactive` card `unused`, and put its first money on it. AlreadyActivated if it is
    active: a card is not sold twice, whatever the amount."""
    now = ctx.clock.now()
    async with ctx.db.unit_of_work() as db:
        card = await lock_by_card_id(db, activation.account_id, activation.card_id)
        if card.deleted_at is not None:
            raise NotFound("no such card")
        if card.active:
            return _activated_before(card, activation)
        if card.currency not in (NO_CURRENCY, activation.currency):
            text = f"this card was made for {card.currency}"
            raise InvalidRequest(text, (FieldError("currency", text),))
        _fill(card, activation)
        card.active = True
        # Source: `docs/reference/dintero-api.md#batch-and-activation`.
        card.active_from = card.active_from or now
        card.activation_ref = activation.ref_id
        query = select(CardToken).where(CardToken.card == card.id, col(CardToken.ref_id).is_(None))
        number = (await db.exec(query)).one()
        if activation.number_expires_in is not None or activation.number_single_use:
            set_behaviour(number, activation.number_expires_in, activation.number_single_use, now)
        elif number.expires_in is not None:
            set_behaviour(number, number.expires_in, number.single_use, now)
        await db.flush()
        cause = EntryContext(
            f"activate:{card.id}",
            now,
            activation.created_by,
            originated_by=activation.originated_by,
        )
        await ledger.fund(db, card, activation.amount, cause)
    return card


def _fill(card: Card, activation: Activation) -> None:
    card.currency = activation.currency
    card.initial_amount = activation.amount
    for name in ("customer_id", "name", "active_from", "expires_at", "originated_by"):
        given = getattr(activation, name)
        if given is not None:
            setattr(card, name, given)
    card.metadata_ = {**card.metadata_, **(activation.metadata or {})}


def _activated_before(card: Card, activation: Activation) -> Card:
    same = (card.initial_amount, card.currency) == (activation.amount, activation.currency)
    if activation.ref_id is not None and card.activation_ref == activation.ref_id:
        if same:
            return card
        raise Conflict("this ref_id activated this card with another amount or currency")
    raise AlreadyActivated("this card is active already")


async def rotate_pin(
    ctx: Backend, account_id: str, card_id: str, form: Format | None, by: str
) -> tuple[Card, str]:
    """Give the card a new PIN. If `form` is None, it has the card's format. The old PIN ends at
    once, with the attempts that were counted against it, so a locked card is unlocked. Whoever
    added the card to a checkout with the old PIN has to show the new one."""
    async with ctx.db.reading() as db:
        card = await lookup.get_card(db, account_id, card_id)
    form = form or (Format(**card.pin_format) if card.pin_format else None)
    form = form or Format(formats.MIN_PIN_LENGTH)
    pin = formats.make(form)
    made = ctx.vault.pin_mac(card.id, pin)
    async with ctx.db.unit_of_work() as db:
        # This comes before the card's row is locked, because attempts lock in this order too.
        await pin_lock.make_whole(ctx, db, card, by, "a new PIN")
        card = await lock_by_card_id(db, account_id, card_id)
        if card.deleted_at is not None:
            raise NotFound("no such card")
        card.pin_hash, card.pin_key, card.pin_format = made.text, made.key_id, form.shown()
        card.pin_version += 1
    ctx.pin_refusals.forget_all()
    return card, pin


@dataclass(frozen=True, slots=True)
class Use:
    """What a card is still needed for. `amount` is in minor units. `kind` is `held` (by a payment
    or a pending drawdown) or `refundable` (a payment took it and may give it back). `name` says
    what `id` identifies: `transaction_id` or `wallet_transaction_id`."""

    kind: str
    amount: int
    name: str
    id: str


@dataclass(frozen=True, slots=True)
class Deletion:
    """A request to delete a card. `by`: who deletes. With `force` the card is deleted even if it is
    still needed."""

    account_id: str
    card_id: str
    by: str
    force: bool = False
    reason: str | None = None


async def delete(
    ctx: Backend,
    deletion: Deletion,
    uses_of: Callable[[AsyncSession, Card], Awaitable[Sequence[Use]]],
) -> Card:
    """Delete a card. Nothing can be paid with it any more, and its ledger stays. Deleting it again
    changes nothing.

    CardInUse if it is still needed (`uses_of` is asked with the card locked), with each use in
    `errors`. With `force` it is deleted anyway. The card's history records who did it and why.
    """
    now = ctx.clock.now()
    async with ctx.db.unit_of_work() as db:
        card = await lock_by_card_id(db, deletion.account_id, deletion.card_id)
        if card.deleted_at is not None:
            return card
        uses = await uses_of(db, card)
        if uses and not deletion.force:
            raise _in_use(card, uses)
        card.deleted_at = now
        details: dict[str, Any] = {"forced": bool(uses)}
        if uses:
            details["in_use"] = [_shown(card, use) for use in uses[:MAX_USES]]
        note(db, card, CardNote("DELETED", deletion.by, now, details, deletion.reason))
    return card


def _in_use(card: Card, uses: Sequence[Use]) -> CardInUse:
    sums = {"held": 0, "refundable": 0}
    for use in uses:
        sums[use.kind] += use.amount
    text = (
        f"{sums['held']} of this card is held and {sums['refundable']} may be refunded to it "
        f"({card.currency}, minor units): delete it with force=true all the same, or let it expire"
    )
    said = {
        "held": "is held of this card: capture or void it first",
        "refundable": "was paid with this card, and may be refunded to it",
    }
    return CardInUse(
        text,
        tuple(
            FieldError(
                "card_id",
                f"{use.amount} {card.currency} {said[use.kind]}",
                use.kind,
                {key: value for key, value in _shown(card, use).items() if key != "kind"},
            )
            for use in uses[:MAX_USES]
        ),
    )


def _shown(card: Card, use: Use) -> dict[str, str | int]:
    return {
        "kind": use.kind,
        "amount": use.amount,
        "currency": card.currency,
        use.name: use.id,
    }
