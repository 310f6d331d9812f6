"""The rule says when an automatic capture is tried again."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from backend.rules.auto_capture import GIVE_UP_AFTER, is_too_late, next_attempt

NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("attempts", "minutes"), [(0, 1), (1, 1), (2, 2), (3, 4), (8, 128), (9, 240), (50, 240)]
)
def test_the_gaps_double_up_to_four_hours(attempts: int, minutes: int) -> None:
    assert next_attempt(attempts, NOW) == NOW + timedelta(minutes=minutes)


def test_it_is_given_up_after_two_days() -> None:
    assert timedelta(days=2) == GIVE_UP_AFTER
    assert is_too_late(NOW, NOW) is True
    assert is_too_late(NOW - timedelta(microseconds=1), NOW) is False
