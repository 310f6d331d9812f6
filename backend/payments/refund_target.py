"""Where the gift card's part of a refund goes.

It goes to the card that paid. If nobody could use it there, because the card was deleted or has
expired, the refund is refused before anything moves. If the request or the profile says so, it goes
to a new card in place of that one. In the books it is refunded to the card that paid and moved from
there to the other card in the same unit of work, so that never more comes back than was taken. See
`docs/transactions.md`.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlmodel import select
from sqlmodel.ext.asyncio.session import AsyncSession

from backend.cards import ledger, lookup, renew
from backend.cards.issue import IssuedCard
from backend.cards.renew import Change
from backend.cards.tables import Card, Hold, WalletTransaction
from backend.core.context import Backend
from backend.core.errors import Conflict, FieldError, InvalidRequest, NotFound
from backend.payments.store import configuration_for
from backend.payments.tables import Operation, Transaction
from backend.psp.protocol import OperationKind
from backend.rules import gift_card
from backend.rules import transaction as rules
from backend.rules.gift_card import CardStatus
from backend.rules.transaction import Position, RuleBroken, Split


class To(StrEnum):
    CARD = "card"  # another card that exists
    NEW_CARD = "new_card"  # a card that is made for it
    PROVIDER = "provider"  # no card: the provider's part is refunded first


@dataclass(frozen=True, slots=True)
class RefundTo:
    """What the merchant asks for. `card_id` is the merchant's own, and belongs to `To.CARD`."""

    to: To
    card_id: str | None = None


class RefundCardUnusable(Conflict):
    """Nobody could use money that is refunded to this card. The first of `errors` says why, and the
    others say what can be done."""

    code = "REFUND_CARD_UNUSABLE"


def split_refund(position: Position, amount: int, wanted: RefundTo | None) -> Split:
    """Return how a refund is divided. RuleBroken if too much is asked for."""
    if wanted is None or wanted.to is not To.PROVIDER:
        return rules.split_refund(position, amount)
    left = position.refundable.provider
    if not 0 < amount <= left:
        raise RuleBroken(f"only {left} can be refunded by the provider, not {amount}")
    return Split(0, amount)


async def decide(
    ctx: Backend,
    db: AsyncSession,
    transaction: Transaction,
    split: Split,
    wanted: RefundTo | None,
) -> dict[str, str] | None:
    """Return what the operation keeps about the target of its card part; None if that is the card
    that paid. RefundCardUnusable, before the provider is asked for anything; InvalidRequest for a
    target that cannot take the money."""
    if wanted is not None and wanted.to is To.PROVIDER:
        return {"to": To.PROVIDER.value}
    if split.card == 0 or transaction.gift_card is None:
        if wanted is not None:
            raise _wrong(
                "refund_to",
                "refund_to needs a refund with a part for the gift card, and this one has none",
            )
        return None
    card = await db.get(Card, transaction.gift_card, populate_existing=True)
    assert card is not None  # a foreign key guarantees it
    status = gift_card.status(lookup.facts(card), ctx.clock.now())
    if wanted is not None and wanted.to is To.CARD:
        target = await _target(ctx, db, card, str(wanted.card_id))
        if target.id != card.id:
            return {"to": To.CARD.value, "card": target.id}
    elif wanted is not None:
        return {"to": To.NEW_CARD.value}
    if status not in gift_card.INVALID:
        return None
    if wanted is None:
        configuration = await configuration_for(db, transaction)
        if configuration.refund_to_unusable_gift_card == To.NEW_CARD:
            return {"to": To.NEW_CARD.value}
    raise _unusable(transaction, card, status, split)


async def _target(ctx: Backend, db: AsyncSession, card: Card, card_id: str) -> Card:
    field = "refund_to.card_id"
    try:
        target = await lookup.get_card(db, card.account_id, card_id)
    except NotFound as error:
        raise _wrong(field, "there is no such gift card") from error
    if target.id != card.id and not gift_card.is_valid(lookup.facts(target), ctx.clock.now()):
        raise _wrong(field, "this gift card cannot take money: it is inactive, or has expired")
    if target.currency != card.currency:
        raise _wrong(field, f"this gift card is in another currency than {card.currency}")
    return target


def _wrong(field: str, text: str) -> InvalidRequest:
    return InvalidRequest(text, (FieldError(field, text),))


def _unusable(
    transaction: Transaction, card: Card, status: CardStatus, split: Split
) -> RefundCardUnusable:
    """Return the error with everything that can be done, each under a stable code."""
    path = f"POST /v1/accounts/{card.account_id}/wallets/cards/{card.card_id}"
    todo = [FieldError("refund_to", "refund_to=new_card makes a new card for it", "new_card")]
    if status is CardStatus.EXPIRED:
        todo.insert(
            0, FieldError("card_id", f"{path}/extend gives it a later expiry date", "extend")
        )
    if status is CardStatus.DELETED:
        todo.insert(0, FieldError("card_id", f"{path}/restore brings it back", "restore"))
    if split.total <= transaction.psp_captured - transaction.psp_refunded:
        text = "refund_to=provider refunds it by the provider, and leaves the gift card's part"
        todo.append(FieldError("refund_to", text, "provider"))
    text = f"the gift card that paid is {status}: nobody could use what is refunded to it"
    why = FieldError(
        "gift_cards.0.card_id",
        text,
        status.value,
        {"card_id": card.card_id, "amount": split.card, "currency": card.currency},
    )
    return RefundCardUnusable(text, (why, *todo))


# --- when the provider has done its part -------------------------------------------------------


@dataclass(slots=True)
class Landing:
    """What is needed to put a refund on another card. `issued` becomes the new card, with its
    number and PIN, which are known only now."""

    ctx: Backend
    issued: IssuedCard | None = None


@dataclass(frozen=True, slots=True)
class Landed:
    """The wallet transaction of the money's last step. `shown` is the card, if it is another one
    than the transaction's: `{card_id, masked_card_token}`."""

    wallet_transaction_id: str
    shown: dict[str, Any] | None = None


def prepare(ctx: Backend, operation: Operation) -> Landing | None:
    """Prepare the end of a refund, before its unit of work. None if it goes to the card that
    paid."""
    if operation.kind != OperationKind.REFUND or operation.asked.refund_to not in (
        To.CARD,
        To.NEW_CARD,
    ):
        return None
    return Landing(ctx)


async def refund_card(
    db: AsyncSession,
    transaction: Transaction,
    operation: Operation,
    now: datetime,
    landing: Landing | None,
) -> Landed | None:
    """Book the card's part of a refund: to the card that paid, and from there to the target."""
    amount = operation.card_amount
    if amount == 0 or transaction.gift_card is None:
        return None
    target = await _known_target(db, transaction.gift_card, operation, now) if landing else None
    # Two cards are always locked in the same order.
    ids = {transaction.gift_card, target or transaction.gift_card}
    locked = {pk: await ledger.lock_card(db, pk) for pk in sorted(ids)}
    card = locked[transaction.gift_card]
    parent = await _first_drawdown(db, card, transaction)
    made = await ledger.refund(db, card, amount, _cause(operation, now, "refund"), parent)
    if landing is None:
        return Landed(made.id)
    if target is not None:
        other = locked[target]
    else:
        other = await _make(db, card, operation, landing)
        other.initial_amount = amount
    said = {"dintero_transaction_id": transaction.id}
    cause = ledger.EntryContext(f"refund-to:{operation.key}", now, operation.created_by, said)
    into = (await ledger.transfer(db, card, other, amount, cause))[1]
    return _landed(other, into)


async def _known_target(
    db: AsyncSession, card_pk: str, operation: Operation, now: datetime
) -> str | None:
    """Return the card that takes the money, if it exists already: the one that was asked for, or
    the one that an earlier refund made in place of this card."""
    if operation.asked.refund_card is not None:
        return operation.asked.refund_card
    card = await db.get(Card, card_pk, populate_existing=True)
    assert card is not None  # a foreign key guarantees it
    query = select(Card).where(Card.account_id == card.account_id, Card.card_id == card.replaced_by)
    before = (await db.exec(query)).one_or_none()
    if before is None or not gift_card.is_valid(lookup.facts(before), now):
        return None
    return before.id


async def _make(db: AsyncSession, card: Card, operation: Operation, landing: Landing) -> Card:
    pin = renew.pin_for(card)
    change = Change(card.account_id, card.card_id, operation.created_by, "refund")
    card_id = f"refund-{operation.id}"
    landing.issued = await renew.replace_card(landing.ctx, db, card, card_id, pin, change)
    return landing.issued.card


def _landed(card: Card, into: WalletTransaction) -> Landed:
    return Landed(into.id, {"card_id": card.card_id, "masked_card_token": card.number_mask})


def _cause(operation: Operation, now: datetime, verb: str) -> ledger.EntryContext:
    return ledger.EntryContext(f"{verb}:{operation.key}", now, operation.created_by)


async def _first_drawdown(db: AsyncSession, card: Card, transaction: Transaction) -> str | None:
    query = select(Hold.wallet_transaction_id).where(
        Hold.card == card.id, Hold.purpose == f"transaction:{transaction.id}"
    )
    return (await db.exec(query)).first()
