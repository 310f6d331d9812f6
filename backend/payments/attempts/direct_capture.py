"""A payment whose provider takes the money when the payer approves. Nothing is left to capture.

The whole order is captured at the same time, including the gift card's part. This is a capture of
our own, which is written and done in the unit of work of the authorization. Only a refund can
follow. Source: `backend/psp/protocol.py`, `Capabilities.direct_capture`;
`docs/architecture.md#one-payment`.
"""

from __future__ import annotations

from datetime import datetime

from sqlmodel.ext.asyncio.session import AsyncSession

from backend.core.ids import new_uuid
from backend.payments.auto_capture_schedule import stop
from backend.payments.operations.apply import apply_success
from backend.payments.store import position_of
from backend.payments.tables import Operation, Transaction
from backend.psp.protocol import OperationKind, Payment, PaymentState


def is_captured(payment: Payment) -> bool:
    """Return whether the read says that the provider has taken all of it already."""
    return (
        payment.state is PaymentState.CAPTURED
        and payment.amount is not None
        and payment.captured == payment.amount.amount > 0
    )


async def capture_all(db: AsyncSession, transaction: Transaction, now: datetime) -> None:
    """Capture everything right after the authorization. The caller has locked session and
    transaction."""
    await db.flush()  # the authorization has ended: only one operation at a time is open
    left, key = position_of(transaction).capturable, new_uuid()
    operation = Operation(
        id=key,
        transaction_id=transaction.id,
        kind=OperationKind.CAPTURE.value,
        key=key,
        state="pending",
        card_amount=left.card,
        psp_amount=left.provider,
        final=True,
        request={
            "reference": None,
            "items": [],
            "metadata": {},
            "request_id": key,
            "reason": "taken by the provider at the payer's approval",
        },
        due_at=now,
        created_by="checkout",
        created_at=now,
        updated_at=now,
    )
    db.add(operation)
    # Nothing is left for the automatic capture.
    await stop(db, transaction.id)
    await apply_success(db, transaction, operation, now)
