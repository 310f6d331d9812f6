"""Notification addresses that prove themselves, for providers that sign nothing.

We give the address to the provider and to nobody else. What a notification says only causes a read.
"""

from __future__ import annotations

import hashlib
import hmac
from urllib.parse import parse_qs, urlencode, urlsplit

from backend.psp.protocol import NotificationRefused, PaymentRequest


class OwnAddress:
    """Makes and checks such addresses. After a change of the secret, notifications to older
    addresses are refused. Then only reads tell how those payments ended."""

    def __init__(self, secret: str) -> None:
        self._key = hashlib.sha256(f"callback:{secret}".encode()).digest()

    def of(self, request: PaymentRequest) -> str:
        """Return the payment's own address, with its proof."""
        url, transaction_id = request.notification_url, request.transaction_id
        query = urlencode({"payment": transaction_id, "proof": self._proof(transaction_id)})
        return f"{url}{'&' if urlsplit(url).query else '?'}{query}"

    def transaction_of(self, path: str) -> str:
        """Return the transaction of this address. `path` includes the query, as it was asked for.
        NotificationRefused if the proof is wrong."""
        query = parse_qs(urlsplit(path).query)
        transaction_id, proof = query.get("payment", [""])[0], query.get("proof", [""])[0]
        if not hmac.compare_digest(self._proof(transaction_id).encode(), proof.encode()):
            raise NotificationRefused("it did not come to an address that we gave out")
        return transaction_id

    def _proof(self, transaction_id: str) -> str:
        return hmac.new(self._key, transaction_id.encode(), hashlib.sha256).hexdigest()
