"""Fixtures for the row of a session, without a database."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from backend.sessions.tables import CheckoutSession

NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)


def row(body: dict[str, Any]) -> CheckoutSession:
    return CheckoutSession(
        id="T12345678.1",
        account_id="T12345678",
        profile_id="default",
        body=body,
        currency="NOK",
        amount=100,
        express=True,
        gift_card_use=False,
        options=[],
        zero_allowed=False,
        merchant_reference="",
        initiating_headers={},
        created_at=NOW,
        updated_at=NOW,
        expires_at=NOW,
    )
