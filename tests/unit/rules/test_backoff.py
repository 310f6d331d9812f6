"""`backend.rules.backoff`: waits that double."""

from __future__ import annotations

from datetime import timedelta

import pytest

from backend.rules.backoff import Backoff


def test_the_wait_doubles_up_to_the_longest() -> None:
    waits = Backoff(first=5, longest=60)
    assert [waits.after(n).total_seconds() for n in range(1, 8)] == [5, 10, 20, 40, 60, 60, 60]


@pytest.mark.parametrize("attempts", [61, 62, 10_000, 10**9])
def test_years_of_attempts_wait_as_long_as_the_longest(attempts: int) -> None:
    assert Backoff(first=0.5, longest=900).after(attempts) == timedelta(minutes=15)


def test_a_fraction_of_an_attempt_is_a_fraction_of_a_doubling() -> None:
    waits = Backoff(first=2, longest=300)
    assert waits.after(2.5).total_seconds() == pytest.approx(2**2.5)
    assert waits.after(0.5).total_seconds() == pytest.approx(2**0.5)


def test_a_first_wait_longer_than_the_longest_is_the_longest() -> None:
    assert Backoff(first=10, longest=3).after(1) == timedelta(seconds=3)
