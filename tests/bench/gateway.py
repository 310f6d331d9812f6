"""A card gateway in memory that costs little: hosted pages that are paid as soon as they exist.

python -m tests.bench.gateway PORT

It answers the two calls of one payment, in the wire protocol of `docs/reference/psp/stripe.md`:
a checkout session is made, and read with its payment intent.
"""

from __future__ import annotations

import itertools
import json
import sys
from collections.abc import Awaitable, Callable
from typing import Any
from urllib.parse import parse_qs

import uvicorn

_SESSIONS = "/v1/checkout/sessions"
_numbers = itertools.count(1)
_made: dict[str, dict[str, Any]] = {}
Send = Callable[[dict[str, Any]], Awaitable[None]]
Receive = Callable[[], Awaitable[dict[str, Any]]]


async def app(scope: dict[str, Any], receive: Receive, send: Send) -> None:
    """Answer one call; anything but the two calls is 404."""
    path = str(scope["path"])
    if scope["method"] == "POST" and path == _SESSIONS:
        answer: dict[str, Any] | None = _make(await _body(receive), scope["server"])
    else:
        answer = _made.get(path.removeprefix(f"{_SESSIONS}/"))
    body = json.dumps(answer).encode()
    headers = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(body))]
    status = 200 if answer is not None else 404
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


async def _body(receive: Receive) -> bytes:
    parts = b""
    while True:
        message = await receive()
        parts += bytes(message.get("body", b""))
        if not message.get("more_body"):
            return parts


def _make(form: bytes, server: tuple[str, int]) -> dict[str, Any]:
    """A page that is open in the answer, and paid with a Visa card whenever it is read."""
    wanted = {name: values[0] for name, values in parse_qs(form.decode()).items()}
    amount = int(wanted["line_items[0][price_data][unit_amount]"])
    currency = wanted["line_items[0][price_data][currency]"]
    number = next(_numbers)
    transaction = wanted["client_reference_id"]
    page = {
        "id": f"cs_{number}",
        "object": "checkout.session",
        "amount_total": amount,
        "currency": currency,
        "client_reference_id": transaction,
        "expires_at": int(wanted["expires_at"]),
        "url": f"http://{server[0]}:{server[1]}/pay/cs_{number}/{transaction}",
        "livemode": False,
        "metadata": {
            key[9:-1]: value for key, value in wanted.items() if key.startswith("metadata[")
        },
    }
    charge = {
        "id": f"ch_{number}",
        "amount": amount,
        "amount_captured": 0,
        "amount_refunded": 0,
        "payment_method_details": {
            "type": "card",
            "card": {
                "brand": "visa",
                "last4": "0002",
                "exp_month": 12,
                "exp_year": 2039,
                "funding": "credit",
                "country": "NO",
                "multicapture": {"status": "available"},
            },
        },
    }
    intent = {
        "id": f"pi_{number}",
        "object": "payment_intent",
        "amount": amount,
        "amount_capturable": amount,
        "amount_received": 0,
        "currency": currency,
        "capture_method": "manual",
        "status": "requires_capture",
        "metadata": page["metadata"],
        "latest_charge": charge,
    }
    paid = {"status": "complete", "payment_status": "unpaid", "payment_intent": intent}
    _made[f"cs_{number}"] = page | paid
    return page | {"status": "open", "payment_status": "unpaid", "payment_intent": None}


if __name__ == "__main__":
    uvicorn.run(
        app, host="127.0.0.1", port=int(sys.argv[1]), log_level="error", lifespan="off", http="auto"
    )
