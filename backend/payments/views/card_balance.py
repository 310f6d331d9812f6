"""What a payer sees of a gift card: its balance, what of it is held and why, and its movements.

Whoever has number and PIN may see it. As in a checkout, an unknown number and a wrong PIN get the
same answer after the same time, and the budgets of wrong attempts are the same. There is no session
here, and a value that a browser could choose again would be no limit. Source:
`docs/architecture.md#strangers`.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from sqlalchemy import or_
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from backend.accounts.profile_admin import find_profile
from backend.accounts.tables import Account
from backend.cards import lookup, pin_attempts
from backend.cards.formats import payer_mask
from backend.cards.pin_check import match_number_and_pin
from backend.cards.tables import NO_CURRENCY, Card, Hold, WalletTransaction
from backend.core.context import Backend
from backend.core.paging import newest_first
from backend.payments.tables import Transaction
from backend.rules import gift_card
from backend.rules.order import Merchant, SessionConfiguration
from backend.rules.origin import allows
from backend.rules.transaction import Status
from backend.sessions.payer import MAX_TYPED

SHOWN_MOVEMENTS = 20


@dataclass(frozen=True, slots=True)
class ShopView:
    """The shop of the page. `return_url` is set only if the profile names its origin."""

    merchant_name: str
    theme: dict[str, str]
    test_mode: bool
    return_url: str | None
    allowed_frame_ancestors: tuple[str, ...]


class CardState(StrEnum):
    GOOD = "good"
    EXPIRED = "expired"
    NOT_ACTIVE_YET = "not_active_yet"
    INACTIVE = "inactive"


class HeldBy(StrEnum):
    PAYMENT = "payment"  # a payment that has not been finished
    ORDER = "order"  # a finished payment, until it is captured or cancelled
    SHOP = "shop"  # a pending drawdown by API


@dataclass(frozen=True, slots=True)
class HeldView:
    amount: int
    by: HeldBy
    since: datetime
    until: datetime | None
    """When an unfinished payment is given up. None if that is not known, or if it has passed and
    the provider has not answered."""


@dataclass(frozen=True, slots=True)
class MovementView:
    """A movement on the card. `kind`: `loaded`, `paid`, `refunded` or `moved` to another card.
    `amount` is negative for what was paid or moved."""

    at: datetime
    kind: str
    amount: int


@dataclass(frozen=True, slots=True)
class BalanceView:
    """Amounts in minor units of `currency`. `available` plus the held amounts is the sum of all
    movements."""

    masked_number: str
    state: CardState
    currency: str
    available: int
    held: tuple[HeldView, ...]
    active_from: datetime | None
    expires_at: datetime | None
    movements: tuple[MovementView, ...]
    """The latest movements, newest first."""

    @property
    def balance(self) -> int:
        return self.available + sum(held.amount for held in self.held)


async def read_shop(
    ctx: Backend, account_id: str, profile_id: str, return_url: str | None = None
) -> ShopView:
    """Return the shop of the page. NotFound if there is no such account or profile."""
    async with ctx.db.reading() as db:
        profile = await find_profile(db, account_id, profile_id)
        account = await db.get(Account, account_id)
    assert account is not None  # a foreign key guarantees it
    insecure = not ctx.settings.base_url.startswith("https://")
    fits = return_url and allows(profile.frame_ancestors, return_url, insecure=insecure)
    return ShopView(
        merchant_name=Merchant.of(account.name, profile.merchant).name,
        theme=dict(SessionConfiguration.read(profile.configuration).theme),
        test_mode=account_id.startswith("T"),
        return_url=return_url if fits else None,
        allowed_frame_ancestors=tuple(profile.frame_ancestors),
    )


async def read_balance(
    ctx: Backend, account_id: str, number: str, pin: str, source: str
) -> BalanceView | None:
    """Return the card of this number (or temporary token) and PIN, or None if they do not match.

    TooManyAttempts if a budget is spent, so that nothing was checked. `source` is the payer's
    address. A card without a PIN is never shown."""
    number, pin = number.strip()[:MAX_TYPED], pin.strip()[:MAX_TYPED]
    if not number or not pin:
        return None
    asker = pin_attempts.payer(ctx, None, source)
    match = await match_number_and_pin(ctx, account_id, number, pin, asker=asker)
    if match is None:
        return None
    async with ctx.db.reading() as db:
        card = await db.get(Card, match.card.id, populate_existing=True)
        # The card was deleted, or got a new PIN, while we checked the old one.
        if card is None or card.deleted_at or card.pin_version != match.card.pin_version:
            return None
        held, movements = await _held(ctx, db, card), await _movements(db, card)
    return BalanceView(
        masked_number=payer_mask(card.number_last4),
        state=_state(card, ctx.clock.now()),
        currency="" if card.currency == NO_CURRENCY else card.currency,
        available=card.available,
        held=held,
        active_from=card.active_from,
        expires_at=card.expires_at,
        movements=movements,
    )


def _state(card: Card, now: datetime) -> CardState:
    reason = gift_card.unusable(lookup.facts(card), now)
    return CardState.GOOD if reason is None else CardState(reason.value)


async def _held(ctx: Backend, db: AsyncSession, card: Card) -> tuple[HeldView, ...]:
    """Return what is held, oldest first. The rest of a hold after a partial capture is as old as
    the first hold."""
    query = (
        select(Hold, WalletTransaction, Transaction)
        .join(WalletTransaction, col(WalletTransaction.id) == col(Hold.wallet_transaction_id))
        .outerjoin(Transaction, col(Transaction.hold_id) == col(Hold.id))
        .where(Hold.card == card.id, Hold.state == "pending")
        .order_by(col(WalletTransaction.created_at), col(Hold.id))
    )
    lifetime, now = timedelta(seconds=ctx.settings.payment_lifetime), ctx.clock.now()
    found = []
    for hold, made, transaction in await db.exec(query):
        by, until = HeldBy.SHOP, None
        if transaction is not None:
            by = HeldBy.ORDER
            if transaction.status == Status.INITIATED:
                by, ends = HeldBy.PAYMENT, transaction.created_at + lifetime
                until = ends if ends > now else None
        found.append(HeldView(hold.amount, by, made.created_at, until))
    return tuple(found)


async def _movements(db: AsyncSession, card: Card) -> tuple[MovementView, ...]:
    """Return the movements. Holding and releasing moves nothing, and is shown while it lasts."""
    moved = or_(
        col(WalletTransaction.type).in_(("fund", "pending_capture", "transfer")),
        (col(WalletTransaction.type) == "drawdown") & col(WalletTransaction.pending).is_(False),
    )
    query = (
        select(WalletTransaction)
        .where(WalletTransaction.card == card.id, moved, col(WalletTransaction.amount) > 0)
        .order_by(*newest_first(WalletTransaction))
        .limit(SHOWN_MOVEMENTS)
    )
    return tuple(_movement(made) for made in await db.exec(query))


def _movement(made: WalletTransaction) -> MovementView:
    if made.type == "transfer":
        return MovementView(made.created_at, "moved", -made.amount)
    if made.type != "fund":
        return MovementView(made.created_at, "paid", -made.amount)
    kind = "loaded" if made.parent_id is None else "refunded"
    return MovementView(made.created_at, kind, made.amount)
