"""The gate limits how many sockets exist and how much each may send."""

from __future__ import annotations

import pytest

from checkout_ui.gate.doors import (
    CONNECTING,
    LONGEST_WAIT,
    SILENT_SECONDS,
    Bucket,
    Connection,
    Doors,
    Limits,
)

LIMITS = Limits(sockets=6, per_source=3, messages=10, source_messages=20, idle=30)
LATER = SILENT_SECONDS + 1


def test_a_bucket_makes_wait_for_what_it_does_not_hold() -> None:
    bucket = Bucket(10, now=0)
    assert bucket.take(30, now=0) == 0
    assert bucket.take(10, now=0) == 1
    assert bucket.take(5, now=1) == pytest.approx(0.5)
    assert not bucket.is_full(now=2)
    assert bucket.is_full(now=10)
    assert bucket.take(30, now=1000) == 0
    assert bucket.take(1, now=1000) == pytest.approx(0.1)


def _enter(doors: Doors, source: str, now: float, closed: list[Connection]) -> Connection:
    connection = doors.enter(source, now)
    assert connection is not None
    connection.close = lambda _reason: closed.append(connection)
    return connection


def test_a_source_has_its_share_and_others_theirs() -> None:
    doors = Doors(LIMITS)
    closed: list[Connection] = []
    for _ in range(3):
        _enter(doors, "a", 0, closed)
    assert doors.enter("a", 1) is None
    for _ in range(3):
        _enter(doors, "b", 1, closed)
    assert doors.open == 6
    assert doors.enter("c", 1) is None
    assert closed == []


def test_a_place_is_given_back() -> None:
    doors = Doors(LIMITS)
    closed: list[Connection] = []
    first = _enter(doors, "a", 0, closed)
    _enter(doors, "a", 0, closed)
    _enter(doors, "a", 0, closed)
    doors.leave(first)
    doors.leave(first)
    assert doors.open == 2
    _enter(doors, "a", 0, closed)
    assert doors.enter("a", 0) is None


def test_a_newcomer_takes_the_place_of_one_that_shows_nothing() -> None:
    doors = Doors(LIMITS)
    closed: list[Connection] = []
    payer, idle, later = (_enter(doors, "a", 0, closed) for _ in range(3))
    payer.shows = later.shows = True
    doors.wait_for(later, 1, 3)
    _enter(doors, "a", LATER, closed)
    assert closed == [idle]
    # If all show something, the one that has been silent for longest is closed.
    _enter(doors, "a", LATER, closed)
    assert closed == [idle, payer]
    assert doors.enter("a", LATER + 1) is None or closed == [idle, payer, later]


def test_where_all_places_are_taken_the_source_with_most_gives_one() -> None:
    doors = Doors(LIMITS)
    closed: list[Connection] = []
    for source in ("a", "a", "a", "b", "b", "c"):
        _enter(doors, source, 0, closed)
    _enter(doors, "d", LATER, closed)
    assert [connection.source for connection in closed] == ["a"]
    assert doors.open == 6


def test_what_all_sockets_of_a_source_say_counts_together() -> None:
    doors = Doors(LIMITS)
    closed: list[Connection] = []
    one, other = _enter(doors, "a", 0, closed), _enter(doors, "a", 0, closed)
    stranger = _enter(doors, "b", 0, closed)
    left = 20 * 3 - 2 * CONNECTING
    assert doors.wait_for(one, 28, 0) == 0
    assert doors.wait_for(other, left - 28, 0) == 0
    assert doors.wait_for(one, 2, 0) == pytest.approx(0.1)
    assert doors.wait_for(stranger, 30, 0) == 0


def test_who_would_wait_too_long_owes_nothing() -> None:
    bucket = Bucket(10, now=0)
    assert bucket.take(30 + 10 * LONGEST_WAIT + 1, now=0) > LONGEST_WAIT
    assert bucket.take(30, now=0) == 0


def test_a_source_connects_no_faster_than_it_may_speak() -> None:
    doors = Doors(Limits(10_000, 10_000, 10, 20, 30))
    entered = [doors.enter("a", 0) for _ in range(1000)]
    assert sum(one is not None for one in entered) == (20 * 3 + 20 * 5) // CONNECTING
    assert doors.enter("b", 0) is not None
    assert doors.enter("a", 1) is not None


def test_sources_that_are_gone_are_forgotten() -> None:
    doors = Doors(LIMITS)
    closed: list[Connection] = []
    for number in range(100):
        doors.leave(_enter(doors, f"source {number}", number * 10, closed))
    assert len(doors._sources) <= LIMITS.sockets + 1
