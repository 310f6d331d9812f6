"""What a merchant may change of a transaction besides its money.

Source: `docs/reference/dintero-api.md#transaction-endpoints`.
"""

from __future__ import annotations

from backend.core.context import Backend
from backend.payments.search import find_anew
from backend.payments.store import get_transaction, lock_transaction


async def set_merchant_reference_2(
    ctx: Backend, account_id: str, transaction_id: str, value: str
) -> None:
    """Set a transaction's second reference. NotFound for another account's transaction too."""
    async with ctx.db.unit_of_work() as db:
        await get_transaction(db, account_id, transaction_id)
        transaction = await lock_transaction(db, transaction_id)
        transaction.merchant_reference_2 = value
        transaction.updated_at = ctx.clock.now()
        await find_anew(db, transaction)
