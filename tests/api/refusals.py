"""Requests for a session that a rule forbids."""

from __future__ import annotations

from typing import Any

from tests.support.checkout import Merchant, session_body

ALL_ON = {"enabled": True}


async def refused(merchant: Merchant, field: str, **change: Any) -> None:
    """Assert that a forbidden request gets a 400 that names the field, and creates no session."""
    answer = await merchant.post("/v1/sessions-profile", session_body(**change), expect=400)
    error = answer["error"]
    assert error["code"] == "INVALID_REQUEST_PARAMETER", error
    assert field in [entry["field"] for entry in error["errors"]], error
    assert all(entry["description"] for entry in error["errors"])
