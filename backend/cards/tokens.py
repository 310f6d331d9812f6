"""What stands for a card: its own number, and temporary tokens ("card codes").

A token takes the place of the number, but never of the PIN. It is found until it expires, and a
single-use token pays once. Source:
`docs/reference/dintero-api.md#card-look-up-and-wallet-transactions`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import update
from sqlalchemy.exc import IntegrityError
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from backend.cards import formats
from backend.cards.formats import Format
from backend.cards.tables import Card, CardToken
from backend.core.context import Backend
from backend.core.errors import Conflict, GavekortError, NotFound
from backend.core.ids import new_uuid

_DRAWS = 20
"""How often a number is drawn before we say that its format is full."""


class TokenRefused(GavekortError):
    """The token was used up, or has expired."""

    code = "TOKEN_REFUSED"


@dataclass(frozen=True, slots=True)
class TokenOrder:
    """Which token to make. `card_id` is the merchant's own; `expires_in` is in seconds; the same
    `ref_id` again gives the same token."""

    account_id: str
    card_id: str
    ref_id: str
    expires_in: int
    created_by: str
    format: Format | None = None
    single_use: bool = False
    metadata: dict[str, Any] = field(default_factory=dict)


async def create_token(ctx: Backend, order: TokenOrder) -> tuple[CardToken, str]:
    """Make a temporary token, and return it with its value. NotFound for an unknown card; Conflict
    if the `ref_id` was used for another token."""
    try:
        async with ctx.db.unit_of_work() as db:
            token, value = await _create(ctx, db, order)
    except IntegrityError as error:
        raise Conflict("another request with this ref_id is under way") from error
    return token, value


async def _create(ctx: Backend, db: AsyncSession, order: TokenOrder) -> tuple[CardToken, str]:
    query = select(Card).where(Card.account_id == order.account_id, Card.card_id == order.card_id)
    card = (await db.exec(query.with_for_update(key_share=True))).one_or_none()
    if card is None or card.deleted_at is not None:
        raise NotFound("no such card")
    known = select(CardToken).where(CardToken.card == card.id, CardToken.ref_id == order.ref_id)
    before = (await db.exec(known)).one_or_none()
    if before is not None:
        wanted = (order.expires_in, order.single_use)
        same_format = order.format is None or before.format == order.format.shown()
        if (before.expires_in, before.single_use) != wanted or not same_format:
            raise Conflict("this ref_id was used for another token of this card")
        assert before.sealed is not None
        return before, str(ctx.vault.unseal(before.sealed)["value"])
    now = ctx.clock.now()
    number = await fresh_number(ctx, db, order.account_id, order.format)
    value, shown = number.value, number.shown
    token = CardToken(
        id=new_uuid(),
        account_id=order.account_id,
        card=card.id,
        ref_id=order.ref_id,
        number_hash=number.hash,
        mask=formats.mask(value, str(shown["prefix"])),
        format=shown,
        sealed=ctx.vault.seal({"value": value}),
        expires_in=order.expires_in,
        expires_at=now + timedelta(seconds=order.expires_in),
        single_use=order.single_use,
        metadata_=order.metadata,
        created_at=now,
        created_by=order.created_by,
    )
    db.add(token)
    await db.flush()
    return token, value


@dataclass(frozen=True, slots=True)
class FreshNumber:
    """A number that no card has yet, the hash by which it is found, and its format as the API shows
    it."""

    value: str
    hash: str
    shown: dict[str, Any]


async def fresh_number(
    ctx: Backend, db: AsyncSession, account_id: str, form: Format | None
) -> FreshNumber:
    """Do the same as `fresh_numbers`, for one card."""
    (number,) = await fresh_numbers(ctx, db, account_id, [form])
    return number


async def fresh_numbers(
    ctx: Backend, db: AsyncSession, account_id: str, forms: Sequence[Format | None]
) -> list[FreshNumber]:
    """Draw one number of each format. They are all different, and the account has used none of them
    yet. Conflict if a format has hardly any numbers left."""
    found: dict[int, FreshNumber] = {}
    for _ in range(_DRAWS):
        missing = [place for place in range(len(forms)) if place not in found]
        if not missing:
            return [found[place] for place in range(len(forms))]
        drawn = {place: _number(ctx, account_id, forms[place]) for place in missing}
        hashes = [number.hash for number in drawn.values()]
        query = select(CardToken.number_hash).where(col(CardToken.number_hash).in_(hashes))
        taken = set(await db.exec(query)) | {number.hash for number in found.values()}
        for place, number in drawn.items():
            if number.hash not in taken:
                taken.add(number.hash)
                found[place] = number
    if len(found) == len(forms):
        return [found[place] for place in range(len(forms))]
    raise Conflict("hardly any number of this format is left: use a longer one")


def _number(ctx: Backend, account_id: str, form: Format | None) -> FreshNumber:
    value, shown = formats.make_number(form)
    return FreshNumber(value, ctx.vault.number_hash(account_id, value), shown)


async def given_out(ctx: Backend, account_id: str, numbers: Sequence[str]) -> set[str]:
    """Return those of these numbers (some hundred at most) that belong to the account's cards."""
    hashes = {ctx.vault.number_hash(account_id, number): number for number in numbers}
    async with ctx.db.reading() as db:
        query = select(CardToken.number_hash).where(col(CardToken.number_hash).in_(hashes))
        return {hashes[found] for found in await db.exec(query)}


async def tokens_of(
    db: AsyncSession, cards: list[Card], now: datetime
) -> dict[str, list[CardToken]]:
    """Return the tokens of each card: its own number, then the temporary ones that have not
    expired."""
    found: dict[str, list[CardToken]] = {card.id: [] for card in cards}
    if not cards:
        return found
    query = select(CardToken).where(col(CardToken.card).in_(found))
    for token in await db.exec(query.order_by(col(CardToken.created_at), col(CardToken.id))):
        if token.ref_id is None or not is_expired(token, now):
            found[token.card].append(token)
    return found


def is_expired(token: CardToken, now: datetime) -> bool:
    return token.expires_at is not None and token.expires_at <= now


async def get_token(db: AsyncSession, token_id: str) -> CardToken:
    """Return the token as it is now. Whoever spends it has locked its card."""
    token = await db.get(CardToken, token_id, populate_existing=True)
    assert token is not None  # tokens are never deleted
    return token


def check_usable(token: CardToken, now: datetime) -> None:
    """Raise TokenRefused if no transaction can be made with the token any more."""
    if token.single_use and token.used_by is not None:
        raise TokenRefused("this single-use token was used already")
    if is_expired(token, now):
        raise TokenRefused("this token has expired")


def spend(token: CardToken, wallet_transaction_id: str) -> None:
    """Mark a single-use token as used up by this transaction. The caller has locked the card."""
    if token.single_use:
        token.used_by = wallet_transaction_id


async def release_token(db: AsyncSession, wallet_transaction_id: str) -> None:
    """Make a token usable again, because the transaction that used it up came to nothing."""
    change = update(CardToken).where(col(CardToken.used_by) == wallet_transaction_id)
    await db.exec(change.values(used_by=None))
