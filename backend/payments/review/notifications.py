"""Notifications from a provider: verify each, then read the payment that it names.

A notification only causes a read, and the read decides. Source: `docs/architecture.md#one-payment`.
"""

from __future__ import annotations

from collections.abc import Mapping

from sqlmodel import select

from backend.accounts.profiles import credentials_of, profile_of
from backend.core.context import Backend
from backend.core.errors import NotFound, Unauthorized
from backend.limits import limiter as limits
from backend.limits import rules
from backend.payments.attempts import late_authorization, resolve
from backend.payments.attempts.resolve import UNDECIDED
from backend.payments.operations import refund_reversals
from backend.payments.tables import Transaction
from backend.psp.protocol import Connector, NotificationRefused
from backend.psp.registry import NotConnected, connect
from backend.rules.transaction import UNPAID


async def notified(
    ctx: Backend,
    account_id: str,
    profile_id: str,
    option: str,
    headers: Mapping[str, str],
    body: bytes,
) -> None:
    """Verify a provider's notification, then read the payment that it names. Unauthorized if the
    signature is wrong. A notification about no payment of ours changes nothing."""
    async with ctx.db.reading() as db:
        profile = await profile_of(db, account_id, profile_id)
    try:
        connector = connect(ctx, option, credentials_of(ctx, profile, option))
        notification = connector.parse_notification(headers, body)
    except NotConnected as error:
        raise NotFound("this payment option is not connected") from error
    except NotificationRefused as error:
        raise Unauthorized("the notification's signature is wrong") from error
    async with ctx.db.reading() as db:
        statement = select(Transaction).where(
            Transaction.account_id == account_id,
            Transaction.profile_id == profile_id,
            Transaction.payment_product_type == option,
        )
        if notification.reference is not None:
            statement = statement.where(Transaction.psp_reference == notification.reference)
        elif notification.transaction_id is not None:
            statement = statement.where(Transaction.id == notification.transaction_id)
        else:
            return
        transaction = (await db.exec(statement)).one_or_none()
    if transaction is not None:
        await limits.spend(ctx, rules.NOTIFIED, transaction.id)
        await read_now(ctx, transaction, connector, notification.told)


async def read_now(
    ctx: Backend,
    transaction: Transaction,
    connector: Connector,
    told: Mapping[str, str] | None = None,
) -> None:
    """Read a payment, and do what the read says. An attempt that has failed is read too: a late
    authorization is released. Of a paid one the refunds are read, if its provider may reverse them.
    `told` is what the provider said with the notification."""
    reference = transaction.psp_reference
    if reference is None:
        return
    if transaction.status in UNDECIDED:
        payment = await (
            connector.complete_return(reference, told) if told else connector.fetch(reference)
        )
        await resolve.apply_read(ctx, transaction, payment)
    elif transaction.status in UNPAID:
        await late_authorization.recheck(ctx, transaction, connector, told)
    else:
        await refund_reversals.recheck(ctx, transaction, connector)
