"""When a capture that nobody has asked for is tried again, and when it is given up.

Source: `docs/reference/dintero-api.md#configuration` (tried again for 48 hours, until somebody
captures by hand).
"""

from __future__ import annotations

from datetime import datetime, timedelta

from backend.rules.backoff import Backoff

GIVE_UP_AFTER = timedelta(hours=48)
GAPS = Backoff(first=60, longest=4 * 3600)
"""A minute, doubling to 4 hours."""


def next_attempt(attempts: int, now: datetime) -> datetime:
    """Return when the capture is tried again after so many attempts. What only had to wait for
    something else has made no attempt, and waits as after the first one."""
    return now + GAPS.after(max(attempts, 1))


def is_too_late(due_at: datetime, give_up_at: datetime) -> bool:
    """Return whether an attempt at `due_at` is not made any more."""
    return due_at >= give_up_at
