"""What a gift card is still needed for. The room `cards` knows holds, but no payments.

A card that took part in a payment may get money back as long as the payment can be refunded, so it
must not be deleted by mistake.
"""

from __future__ import annotations

from collections.abc import Sequence

from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from backend.cards import lifecycle
from backend.cards.lifecycle import Deletion, Use
from backend.cards.tables import Card, Hold
from backend.core.context import Backend
from backend.payments.store import position_of
from backend.payments.tables import Transaction

_PREFIX = "transaction:"
_PORTION = 500
"""How many ids one query names at most."""


async def delete_card(ctx: Backend, deletion: Deletion) -> Card:
    """Delete a card as `cards.lifecycle.delete` does, unless payments or drawdowns need it."""
    return await lifecycle.delete(ctx, deletion, uses_of)


async def uses_of(db: AsyncSession, card: Card) -> Sequence[Use]:
    """Return pending holds, and payments whose card part can be refunded. The caller has locked the
    card, so that there cannot be more of them in the meantime."""
    holds = list(await db.exec(select(Hold).where(Hold.card == card.id).order_by(col(Hold.id))))
    uses = [_held(hold) for hold in holds if hold.state == "pending"]
    paid = sorted({hold.purpose.removeprefix(_PREFIX) for hold in holds if hold.posted})
    for start in range(0, len(paid), _PORTION):
        some = paid[start : start + _PORTION]
        query = select(Transaction).where(col(Transaction.id).in_(some))
        query = query.order_by(col(Transaction.id)).execution_options(populate_existing=True)
        for transaction in await db.exec(query):
            left = position_of(transaction).refundable.card
            if left:
                uses.append(Use("refundable", left, "transaction_id", transaction.id))
    return uses


def _held(hold: Hold) -> Use:
    if hold.purpose.startswith(_PREFIX):
        name, id_ = "transaction_id", hold.purpose.removeprefix(_PREFIX)
    else:
        name, id_ = "wallet_transaction_id", hold.wallet_transaction_id
    return Use("held", hold.amount, name, id_)
