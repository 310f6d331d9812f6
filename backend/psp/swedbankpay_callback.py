"""Swedbank Pay's callbacks. They are not signed: the address itself proves that we gave it to the
provider, and nobody else was told of it. What a callback says only causes a read.

Source: `reference/psp/swedbankpay.md` section 6.
"""

from __future__ import annotations

import hashlib
import hmac
import json
from urllib.parse import parse_qs, urlencode, urlsplit

from backend.psp.http import mapping, number, text
from backend.psp.protocol import Notification, NotificationRefused, PaymentRequest
from backend.psp.swedbankpay_reading import is_reference


class Callback:
    """With another access token, the addresses given out before are not believed any more: those
    payments are found out by reads alone."""

    def __init__(self, access_token: str) -> None:
        self._key = hashlib.sha256(f"callback:{access_token}".encode()).digest()

    def address(self, request: PaymentRequest) -> str:
        """The payment's own address, with its proof."""
        url, transaction_id = request.notification_url, request.transaction_id
        query = urlencode({"payment": transaction_id, "proof": self._proof(transaction_id)})
        return f"{url}{'&' if urlsplit(url).query else '?'}{query}"

    def parse(self, path: str, body: bytes) -> Notification:
        """`path` with its query, as it was asked for. NotificationRefused where the proof is
        wrong, or the body names no payment order."""
        query = parse_qs(urlsplit(path).query)
        transaction_id, proof = query.get("payment", [""])[0], query.get("proof", [""])[0]
        if not hmac.compare_digest(self._proof(transaction_id).encode(), proof.encode()):
            raise NotificationRefused("it did not come to an address that we gave out")
        try:
            event = json.loads(body)
        except (ValueError, UnicodeDecodeError, RecursionError) as error:
            raise NotificationRefused("the body is not JSON") from error
        order = mapping(mapping(event).get("paymentOrder"))
        reference = text(order.get("id"))
        if reference is None or not is_reference(reference):
            raise NotificationRefused("the body names no payment order")
        # An older shape names the transaction, the newer one has a number.
        moved = text(mapping(mapping(event).get("transaction")).get("id"))
        return Notification(
            event_id=moved or f"{reference}/{max(number(order.get('number')), 0)}",
            event_type="transaction" if moved else "paymentorder",
            reference=reference,
            transaction_id=transaction_id,
        )

    def _proof(self, transaction_id: str) -> str:
        return hmac.new(self._key, transaction_id.encode(), hashlib.sha256).hexdigest()
