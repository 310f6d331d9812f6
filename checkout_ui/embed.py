"""What the page tells the page that embeds it (the Web SDK's protocol, `dintero-api.md#7.3`).

A message is JSON in the state; assets/checkout.js posts it to the parent's exact origin, adding
the height. Where the profile names the origins that may frame the page, the parent has to be one
of them: the same list is in the Content-Security-Policy.
"""

from __future__ import annotations

import json
from urllib.parse import parse_qs, urlsplit

from backend.sessions.view import CheckoutView, PageState


def session_loaded(view: CheckoutView) -> str:
    """SessionLoaded with the public part of the session, or the final message it already has."""
    if view.state in (PageState.PAID, PageState.CANCELLED, PageState.EXPIRED):
        return final(view)
    session = {
        "id": view.session_id,
        "order": {"amount": view.order_amount, "currency": view.currency},
    }
    return _message(view, "SessionLoaded", session=session)


def session_not_found(session_id: str) -> str:
    message = {"sid": session_id, "type": "SessionNotFound"}
    return json.dumps({"message": message, "parents": []})


def final(view: CheckoutView) -> str:
    """The message after which the host goes on; `href` is the complete return URL."""
    if view.state is PageState.PAID:
        query = parse_qs(urlsplit(view.leave_url).query)
        return _message(
            view,
            "SessionPaymentAuthorized",
            href=view.leave_url,
            transaction_id=view.transaction_id,
            merchant_reference=query.get("merchant_reference", [""])[0],
        )
    if view.state is PageState.CANCELLED:
        return _message(view, "SessionCancel", href=view.leave_url)
    # The SDK has no message for an expired session: its guide says not found means expired too.
    return _message(view, "SessionNotFound")


def _message(view: CheckoutView, kind: str, **fields: object) -> str:
    message = {"sid": view.session_id, "type": kind, **fields}
    return json.dumps({"message": message, "parents": list(view.allowed_frame_ancestors)})
