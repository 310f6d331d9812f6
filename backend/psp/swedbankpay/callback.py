"""Swedbank Pay's callbacks. They are not signed: the address itself proves that we gave it to the
provider (`callback_capability`). What a callback says only causes a read.

Source: `docs/reference/psp/swedbankpay.md#callback`.
"""

from __future__ import annotations

import json

from backend.psp.http import mapping, number, text
from backend.psp.protocol import Notification, NotificationRefused
from backend.psp.swedbankpay.responses import is_reference


def read_callback(transaction_id: str, body: bytes) -> Notification:
    """Read a callback. NotificationRefused if the body names no payment order."""
    try:
        event = json.loads(body)
    except (ValueError, UnicodeDecodeError, RecursionError) as error:
        raise NotificationRefused("the body is not JSON") from error
    order = mapping(mapping(event).get("paymentOrder"))
    reference = text(order.get("id"))
    if reference is None or not is_reference(reference):
        raise NotificationRefused("the body names no payment order")
    # An older form names the transaction, the newer one has a number.
    moved = text(mapping(mapping(event).get("transaction")).get("id"))
    return Notification(
        event_id=moved or f"{reference}/{max(number(order.get('number')), 0)}",
        event_type="transaction" if moved else "paymentorder",
        reference=reference,
        transaction_id=transaction_id,
    )
