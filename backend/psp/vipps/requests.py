"""What we send to Vipps MobilePay. Pure: no I/O.

Source: `docs/reference/psp/vipps.md#payments`.
"""

from __future__ import annotations

import re
import uuid
from typing import Any

from backend.psp.protocol import PaymentRequest
from backend.rules.money import Money

FITS = re.compile(r"[a-zA-Z0-9-]{8,50}")
"""What the provider accepts as a reference."""
_REFERENCES = uuid.uuid5(uuid.NAMESPACE_URL, "urn:gavekort:vipps-reference")


def reference_of(key: str) -> str:
    """Return the payment's reference at the provider. It is our operation's key as it is."""
    return key if FITS.fullmatch(key) else str(uuid.uuid5(_REFERENCES, key))


def payment_body(request: PaymentRequest, reference: str) -> dict[str, Any]:
    """Return the body of a payment. With `push_to` the payer is asked in the app, else on a
    page."""
    body: dict[str, Any] = {
        "amount": amount_body(request.amount),
        "paymentMethod": {"type": "WALLET"},
        "reference": reference,
        "paymentDescription": _description(request),
        "metadata": {"transactionId": request.transaction_id},
    }
    if request.push_to is None:
        return body | {"userFlow": "WEB_REDIRECT", "returnUrl": request.return_url}
    digits = request.push_to.removeprefix("+")
    return body | {"userFlow": "PUSH_MESSAGE", "customer": {"phoneNumber": digits}}


def _description(request: PaymentRequest) -> str:
    """Return the description that the app shows, 3 to 100 characters."""
    written = " ".join(request.description.split())[:100]
    return written if len(written) >= 3 else f"{written} #{reference_of(request.key)[:8]}"


def amount_body(money: Money) -> dict[str, Any]:
    """Return the amount as the provider writes it, in minor units like ours."""
    return {"currency": money.currency, "value": money.amount}
