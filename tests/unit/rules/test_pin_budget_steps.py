"""The budgets of wrong PINs, one step at a time: exact counters before and after."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from backend.rules.pin_budget import (
    GO,
    Answer,
    Burst,
    Counter,
    Kind,
    Limits,
    Scope,
    Verdict,
    count,
    decide,
    drained,
    is_first,
    is_locked,
    live,
    reached,
    restore,
    wait_after,
)

NOW = datetime(2030, 1, 1, tzinfo=UTC)
AT = NOW.timestamp()
SECOND = timedelta(seconds=1)
DAY = timedelta(days=1)
LIMITS = Limits(
    pair=4, session=5, card=9, life=20, firsts=2, free_firsts=6, free_repeats=3, longest_wait=64
)
CARD, PAIR, SESSION = Scope(Kind.CARD, "a"), Scope(Kind.PAIR, "a:1"), Scope(Kind.SESSION, "x")
FIRSTS, REPEATS = Scope(Kind.FIRSTS, "1"), Scope(Kind.REPEATS, "1")


def tried(*bursts: tuple[float, int], life: int = 0) -> Counter:
    """Return bursts from seconds before now and numbers of attempts."""
    recent = tuple(Burst(AT - ago, AT - ago, tries) for ago, tries in bursts)
    return Counter(recent, life)


def scored(score: float, ago: float = 0) -> Counter:
    return Counter(score=score, last=NOW - timedelta(seconds=ago))


def test_the_usual_limits() -> None:
    """The values are those of `docs/decisions/pin-budgets.md`."""
    limits = Limits()
    assert [limits.tries(scope) for scope in (PAIR, SESSION, CARD)] == [10, 10, 50]
    assert (limits.life, limits.firsts) == (200, 2)
    assert (limits.free(FIRSTS), limits.free(REPEATS)) == (100, 3)
    assert (limits.longest_wait, limits.window) == (300, DAY)


def test_a_wider_scope_has_so_many_times_more() -> None:
    assert LIMITS.tries(Scope(Kind.PAIR, "a:1", 3)) == 12
    assert LIMITS.tries(Scope(Kind.CARD, "a", 2)) == 18
    assert LIMITS.free(Scope(Kind.FIRSTS, "1", 2)) == 12
    assert LIMITS.free(Scope(Kind.REPEATS, "1", 4)) == 12
    # 64 seconds are 2 to the power of 6.
    assert LIMITS.highest(REPEATS) == 9
    assert LIMITS.highest(Scope(Kind.FIRSTS, "1", 2)) == 18
    assert Limits(longest_wait=0).highest(REPEATS) == Limits(longest_wait=2).highest(REPEATS) == 4
    assert Limits(longest_wait=4).highest(REPEATS) == 5


def test_fresh_counters_have_nothing() -> None:
    assert Counter() == Counter((), 0, 0.0, None)
    assert Counter().tries == 0
    assert tried((9, 2), (1, 3)).tries == 5
    assert Verdict(Answer.GO) == GO == Verdict(Answer.GO, 0, Kind.PAIR)
    assert Scope(Kind.PAIR, "a:1").width == 1


# --- whether a try may be made -------------------------------------------------------------------


@pytest.mark.parametrize(
    ("counters", "verdict"),
    [
        ({}, GO),
        ({PAIR: tried((5, 3))}, GO),
        ({PAIR: tried((5, 4))}, Verdict(Answer.SPENT, 86395, Kind.PAIR)),
        ({SESSION: tried((5, 4))}, GO),
        ({SESSION: tried((5, 5))}, Verdict(Answer.SPENT, 86395, Kind.SESSION)),
        ({CARD: tried((5, 8))}, GO),
        ({CARD: tried((5, 9))}, Verdict(Answer.SPENT, 86395, Kind.CARD)),
        ({CARD: tried(life=19)}, GO),
        ({CARD: tried(life=20)}, Verdict(Answer.SPENT, 86400, Kind.CARD)),
        # Only a card has a lifetime budget.
        ({PAIR: tried(life=20), SESSION: tried(life=20)}, GO),
        # The lock ends when the excess attempts are a day old, the oldest first.
        ({PAIR: tried((900, 1), (5, 3))}, Verdict(Answer.SPENT, 85500, Kind.PAIR)),
        ({PAIR: tried((900, 1), (5, 4))}, Verdict(Answer.SPENT, 86395, Kind.PAIR)),
        ({PAIR: tried((900, 2), (600, 2), (5, 1))}, Verdict(Answer.SPENT, 85500, Kind.PAIR)),
        ({PAIR: tried((900, 2), (600, 2), (5, 2))}, Verdict(Answer.SPENT, 85800, Kind.PAIR)),
        # The longest of several waits is reported.
        ({PAIR: tried((50, 4)), SESSION: tried((5, 5))},
         Verdict(Answer.SPENT, 86395, Kind.SESSION)),
        ({PAIR: tried((5, 4)), SESSION: tried((50, 5))}, Verdict(Answer.SPENT, 86395, Kind.PAIR)),
        # A spent budget takes precedence over a wait.
        ({FIRSTS: scored(12), PAIR: tried((5, 4))}, Verdict(Answer.SPENT, 86395, Kind.PAIR)),
        ({FIRSTS: scored(6)}, GO),
        ({FIRSTS: scored(7)}, Verdict(Answer.WAIT, 2, Kind.FIRSTS)),
        ({FIRSTS: scored(7, ago=0.5)}, Verdict(Answer.WAIT, 2, Kind.FIRSTS)),
        ({FIRSTS: scored(7, ago=1)}, Verdict(Answer.WAIT, 1, Kind.FIRSTS)),
        ({FIRSTS: scored(7, ago=2)}, GO),
        ({FIRSTS: scored(9)}, Verdict(Answer.WAIT, 8, Kind.FIRSTS)),
        ({FIRSTS: scored(99)}, Verdict(Answer.WAIT, 64, Kind.FIRSTS)),
        # Repeated mistakes delay only the one who repeats them.
        ({REPEATS: scored(9)}, GO),
        ({REPEATS: scored(9), PAIR: tried((5, 1))}, GO),
        ({REPEATS: scored(9), PAIR: tried((5, 2))}, Verdict(Answer.WAIT, 64, Kind.PAIR)),
        ({REPEATS: scored(4), SESSION: tried((5, 2))}, Verdict(Answer.WAIT, 2, Kind.SESSION)),
        ({REPEATS: scored(4), SESSION: tried((5, 2)), PAIR: tried((5, 2))},
         Verdict(Answer.WAIT, 2, Kind.SESSION)),
        ({REPEATS: scored(4), PAIR: tried((5, 2)), FIRSTS: scored(8)},
         Verdict(Answer.WAIT, 4, Kind.FIRSTS)),
        ({REPEATS: scored(4), PAIR: tried((86400, 2))}, GO),
        ({REPEATS: scored(4), CARD: tried((5, 2))}, GO),
    ],
)  # fmt: skip
def test_decide(counters: dict[Scope, Counter], verdict: Verdict) -> None:
    assert decide(counters, LIMITS, NOW) == verdict


def test_a_wide_scope_makes_no_mistake_a_repeated_one() -> None:
    """Many payers share the source."""
    wide = Scope(Kind.PAIR, "a:1", 2)
    assert is_first({PAIR: tried((5, 1))}, LIMITS, NOW) is True
    assert is_first({PAIR: tried((5, 2))}, LIMITS, NOW) is False
    assert is_first({SESSION: tried((5, 2))}, LIMITS, NOW) is False
    assert is_first({wide: tried((5, 7))}, LIMITS, NOW) is True
    assert is_first({CARD: tried((5, 7))}, LIMITS, NOW) is True


# --- counting ------------------------------------------------------------------------------------


def test_a_first_mistake_is_counted_everywhere_but_as_a_repeated_one() -> None:
    counters = {
        CARD: tried((5, 1), life=7),
        PAIR: Counter(),
        SESSION: tried((5, 1)),
        FIRSTS: scored(2),
        REPEATS: scored(2),
    }
    after = count(counters, LIMITS, NOW)
    assert after == {
        CARD: Counter((Burst(AT - 5, AT, 2),), 8, 0.0, NOW),
        PAIR: Counter((Burst(AT, AT, 1),), 1, 0.0, NOW),
        SESSION: Counter((Burst(AT - 5, AT, 2),), 1, 0.0, NOW),
        FIRSTS: Counter(score=3, last=NOW),
        REPEATS: scored(2),
    }


def test_a_repeated_mistake_is_counted_as_one() -> None:
    counters = {PAIR: tried((5, 2)), FIRSTS: scored(2), REPEATS: Counter()}
    after = count(counters, LIMITS, NOW)
    assert after[FIRSTS] == scored(2)
    assert after[REPEATS] == Counter(score=1, last=NOW)


def test_a_score_drains_within_an_hour_and_grows_no_further_than_the_longest_wait() -> None:
    assert drained(REPEATS, Counter(score=5), LIMITS, NOW) == 0
    assert drained(REPEATS, scored(9), LIMITS, NOW) == 9
    assert drained(REPEATS, scored(9, ago=1800), LIMITS, NOW) == 4.5
    assert drained(REPEATS, scored(9, ago=3600), LIMITS, NOW) == 0
    assert drained(REPEATS, scored(4, ago=3600), LIMITS, NOW) == 0
    # A clock that is ahead drains nothing.
    assert drained(REPEATS, scored(4, ago=-600), LIMITS, NOW) == 4
    counters = {PAIR: tried((5, 2)), REPEATS: scored(9)}
    assert count(counters, LIMITS, NOW)[REPEATS].score == 9
    counters = {PAIR: tried((5, 2)), REPEATS: scored(9, ago=1800)}
    assert count(counters, LIMITS, NOW)[REPEATS].score == 5.5


def test_tries_are_kept_in_bursts_of_half_an_hour() -> None:
    known = {PAIR: Counter((Burst(AT - 1799.5, AT - 10, 3),))}
    assert count(known, LIMITS, NOW)[PAIR].recent == (Burst(AT - 1799.5, AT, 4),)
    known = {PAIR: Counter((Burst(AT - 1800, AT - 10, 3),))}
    assert count(known, LIMITS, NOW)[PAIR].recent == (
        Burst(AT - 1800, AT - 10, 3),
        Burst(AT, AT, 1),
    )
    # Only the newest burst grows.
    known = {PAIR: Counter((Burst(AT - 5000, AT - 5000, 3), Burst(AT - 9, AT - 9, 1)))}
    assert count(known, LIMITS, NOW)[PAIR].recent == (
        Burst(AT - 5000, AT - 5000, 3),
        Burst(AT - 9, AT, 2),
    )
    # Another process' clock is ahead, and the burst gets no younger.
    known = {PAIR: Counter((Burst(AT - 9, AT + 30, 1),))}
    assert count(known, LIMITS, NOW)[PAIR].recent == (Burst(AT - 9, AT + 30, 2),)


def test_what_is_a_day_old_is_not_counted_any_more() -> None:
    old, young = Burst(AT - 90000, AT - 86400, 3), Burst(AT - 90000, AT - 86399, 2)
    counter = Counter((old, young), 9, 1.5, NOW)
    assert live(counter, LIMITS, NOW) == Counter((young,), 9, 1.5, NOW)
    known = {PAIR: Counter((old,), 3)}
    assert count(known, LIMITS, NOW)[PAIR] == Counter((Burst(AT, AT, 1),), 4, 0.0, NOW)


# --- the right PIN -------------------------------------------------------------------------------


def test_the_right_pin_gives_back_what_the_asker_tried_at_this_card() -> None:
    before = {
        CARD: tried((3000, 5), life=11),
        PAIR: tried((3000, 2), life=2),
        SESSION: tried((3000, 1), life=1),
        FIRSTS: scored(2, ago=60),
        REPEATS: scored(3, ago=60),
    }
    counted = count(before, LIMITS, NOW)
    after = restore(counted, before, counted, LIMITS, NOW)
    # Three attempts belong to the pair, and one of them is this one.
    assert after[PAIR] == Counter((), 0, 0.0, NOW)
    assert after[CARD] == Counter((Burst(AT - 3000, AT - 3000, 3),), 9, 0.0, NOW)
    # Nothing came in between, so the budgets are as before.
    assert {scope: after[scope] for scope in (SESSION, FIRSTS, REPEATS)} == {
        scope: before[scope] for scope in (SESSION, FIRSTS, REPEATS)
    }


def test_what_others_tried_meanwhile_stays_counted() -> None:
    before = {
        CARD: tried((60, 1), life=1),
        SESSION: tried((60, 1), life=1),
        FIRSTS: scored(2),
        REPEATS: scored(1),
    }
    counted = count(before, LIMITS, NOW)
    current = count(counted, LIMITS, NOW)
    after = restore(current, before, counted, LIMITS, NOW)
    # No pair is known, so only this attempt is restored.
    assert after[CARD] == Counter((Burst(AT - 60, AT, 2),), 2, 0.0, NOW)
    assert after[SESSION] == Counter((Burst(AT - 60, AT, 2),), 3, 0.0, NOW)
    # The second attempt was a repeated one, so the first mistakes are as before.
    assert after[FIRSTS] == before[FIRSTS]
    assert after[REPEATS] == current[REPEATS]


def test_a_score_that_others_fed_loses_what_this_try_added() -> None:
    before, counted = {FIRSTS: scored(2)}, {FIRSTS: scored(3)}
    current = {FIRSTS: scored(5)}
    assert restore(current, before, counted, LIMITS, NOW) == {FIRSTS: scored(4)}
    # This was added since then, beside the draining.
    before = {FIRSTS: scored(6, ago=1800)}
    assert drained(FIRSTS, before[FIRSTS], LIMITS, NOW) == 0
    assert restore(current, before, {FIRSTS: scored(1)}, LIMITS, NOW) == {FIRSTS: scored(4)}
    # It is never below zero and never more than before.
    little, fresh = {FIRSTS: scored(0.5)}, {FIRSTS: Counter()}
    assert restore(little, fresh, {FIRSTS: scored(1)}, LIMITS, NOW) == {FIRSTS: scored(0)}
    assert restore(current, {FIRSTS: scored(9)}, {FIRSTS: scored(1)}, LIMITS, NOW) == current


def test_the_narrowest_pair_says_what_the_asker_tried() -> None:
    wide = Scope(Kind.PAIR, "a:wide", 4)
    current = {
        wide: tried((60, 7), life=7),
        PAIR: tried((60, 2), life=2),
        CARD: tried((90, 3), (60, 4), life=1),
    }
    before = {wide: tried((60, 6), life=6), PAIR: tried((60, 1), life=1), CARD: Counter()}
    after = restore(current, before, current, LIMITS, NOW)
    assert after[wide] == tried((60, 5), life=5)
    assert after[PAIR] == tried(life=0)
    # The newest are removed, and a life is never below zero.
    assert after[CARD] == tried((90, 3), (60, 2), life=0)


def test_taking_back_goes_from_burst_to_burst() -> None:
    current = {PAIR: tried((5, 4)), CARD: tried((900, 2), (600, 3), (5, 2), life=7)}
    after = restore(current, {}, {}, LIMITS, NOW)
    assert after[CARD] == tried((900, 2), (600, 1), life=3)


# --- waits, locks, marks -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("score", "seconds"),
    [(0, 0), (3, 0), (3.5, 2**0.5), (4, 2), (5, 4), (6, 8), (8, 32), (9, 64), (10, 64), (99, 64)],
)
def test_the_wait_after_a_try(score: float, seconds: float) -> None:
    assert wait_after(REPEATS, score, LIMITS) == timedelta(seconds=seconds)


def test_a_card_is_locked_when_its_life_is_used_up() -> None:
    assert is_locked(Counter(life=19), LIMITS) is False
    assert is_locked(Counter(life=20), LIMITS) is True
    assert is_locked(Counter(life=21), LIMITS) is True


@pytest.mark.parametrize(
    ("before", "after", "names"),
    [
        ((4, 0), (5, 0), ["PIN_HALF_OF_DAY"]),  # of nine: half, rounded up
        ((3, 0), (4, 0), []),
        ((5, 0), (6, 0), []),
        ((4, 0), (6, 0), ["PIN_HALF_OF_DAY"]),
        ((0, 9), (0, 10), ["PIN_HALF_OF_LIFE"]),
        ((0, 10), (0, 11), []),
        ((0, 18), (0, 19), []),
        ((0, 19), (0, 20), ["PIN_LOCKED"]),
        ((0, 20), (0, 21), []),
        ((4, 9), (5, 20), ["PIN_HALF_OF_DAY", "PIN_HALF_OF_LIFE", "PIN_LOCKED"]),
    ],
)
def test_what_a_try_has_used_up(
    before: tuple[int, int], after: tuple[int, int], names: list[str]
) -> None:
    was, now = (tried((5, tries), life=life) for tries, life in (before, after))
    assert reached(was, now, LIMITS) == names
    # Half of an odd life is also rounded up.
    assert reached(Counter(life=2), Counter(life=3), Limits(life=5)) == ["PIN_HALF_OF_LIFE"]
    assert reached(Counter(life=1), Counter(life=2), Limits(life=5)) == []
