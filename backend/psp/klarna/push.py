"""What Klarna tells us, at addresses that we sign, because Klarna signs nothing.

Source: `docs/reference/psp/klarna.md#hosted-page`.
"""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Callable
from urllib.parse import parse_qsl, urlencode, urlsplit

from backend.psp.http import mapping, text
from backend.psp.klarna.responses import reference_of, split_reference
from backend.psp.protocol import Notification, NotificationRefused, PaymentRequest

Token = Callable[[str], str]
"""Returns the token of a transaction's address, which is made with the password."""


def notification_url(token: Token, request: PaymentRequest) -> str:
    own = {
        "transaction_id": request.transaction_id,
        "token": token(request.transaction_id),
    }
    joint = "&" if urlsplit(request.notification_url).query else "?"
    return f"{request.notification_url}{joint}{urlencode(own)}"


def read_push(token: Token, path: str, body: bytes) -> Notification:
    """Read a notification, which only the token in the address proves. The body names the payment
    to read. A decision about risk names only the order, so there is no `reference` then.
    NotificationRefused."""
    query = dict(parse_qsl(urlsplit(path).query))
    transaction_id = query.get("transaction_id", "")
    expected, given = token(transaction_id).encode(), query.get("token", "").encode()
    if not transaction_id or not hmac.compare_digest(expected, given):
        raise NotificationRefused("the address carries no token of ours")
    try:
        event = json.loads(body)
    except (ValueError, UnicodeDecodeError, RecursionError) as error:
        raise NotificationRefused("the body is not JSON") from error
    told = mapping(event)
    page = mapping(told.get("session"))
    event_type = text(told.get("event_type")) or text(page.get("status"))
    if not event_type:
        raise NotificationRefused("the body is not an event")
    reference = reference_of(text(page.get("session_id")) or "", query.get("session", ""))
    return Notification(
        event_id=text(told.get("event_id")) or hashlib.sha256(body).hexdigest(),
        event_type=event_type,
        reference=reference if split_reference(reference) else None,
        transaction_id=transaction_id,
    )
