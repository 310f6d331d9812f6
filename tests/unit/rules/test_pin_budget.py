"""These rules of the PIN budgets hold whatever strangers, owners and neighbours do, and
whenever."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from backend.rules import pin_budget
from backend.rules.pin_budget import (
    GO,
    HOUR,
    Answer,
    Burst,
    Counter,
    Kind,
    Limits,
    Scope,
    count,
    decide,
    reached,
    restore,
    wait_after,
)

BEGIN = datetime(2030, 1, 1, tzinfo=UTC)
DAY = timedelta(days=1)
LIMITS = Limits(pair=4, session=5, card=9, life=20, free_firsts=6, longest_wait=64)
CARDS = ("a", "b", "c")
SOURCES = ("1", "2", "3", "4", "5")


def scopes(card: str, source: str, session: str | None) -> list[Scope]:
    found = [
        Scope(Kind.CARD, card),
        Scope(Kind.PAIR, f"{card}:{source}"),
        Scope(Kind.FIRSTS, source),
        Scope(Kind.REPEATS, source),
    ]
    return found if session is None else [*found, Scope(Kind.SESSION, session)]


def made(tries: int, life: int) -> Counter:
    at = BEGIN.timestamp()
    return Counter((Burst(at, at, tries),), life, last=BEGIN)


class Guessing(RuleBasedStateMachine):
    """Every admitted attempt is recorded. The invariants are about the attempts that were
    checked."""

    def __init__(self) -> None:
        super().__init__()
        self.now = BEGIN
        self.known: dict[Scope, Counter] = {}
        self.wrong: list[tuple[datetime, str, str, str | None]] = []
        self.of_life = dict.fromkeys(CARDS, 0)

    def seen(self, card: str, source: str, session: str | None) -> dict[Scope, Counter]:
        return {s: self.known.get(s, Counter()) for s in scopes(card, source, session)}

    @rule(
        card=st.sampled_from(CARDS),
        source=st.sampled_from(SOURCES),
        session=st.sampled_from((None, "x", "y")),
    )
    def guess_wrong(self, card: str, source: str, session: str | None) -> None:
        before = self.seen(card, source, session)
        if decide(before, LIMITS, self.now) != GO:
            return
        self.known |= count(before, LIMITS, self.now)
        self.wrong.append((self.now, card, source, session))
        self.of_life[card] += 1

    @rule(card=st.sampled_from(CARDS), source=st.sampled_from(SOURCES), session=st.just("z"))
    def show_the_right_pin(self, card: str, source: str, session: str) -> None:
        before = self.seen(card, source, session)
        if decide(before, LIMITS, self.now) != GO:
            return
        counted = count(before, LIMITS, self.now)
        after = restore(counted, before, counted, LIMITS, self.now)
        for scope in before:
            if scope.kind not in (Kind.PAIR, Kind.CARD):
                assert after[scope] == before[scope], "nothing but this card's tries comes back"
        pair, own = Scope(Kind.PAIR, f"{card}:{source}"), Scope(Kind.CARD, card)
        given = pin_budget.live(before[pair], LIMITS, self.now).tries
        assert after[pair].tries == 0
        assert after[own].life == max(0, before[own].life - given)
        self.known |= after
        self.of_life[card] -= given
        kept = []
        for one in reversed(self.wrong):
            if given and one[1:3] == (card, source):
                given -= 1
                continue
            kept.append(one)
        self.wrong = kept[::-1]

    @rule(seconds=st.one_of(st.integers(1, 90), st.integers(3000, 100_000)))
    def time_goes_on(self, seconds: int) -> None:
        self.now += timedelta(seconds=seconds)

    @invariant()
    def no_day_holds_more_than_the_budgets(self) -> None:
        for begin in {moment for moment, *_ in self.wrong}:
            of_day = [one for one in self.wrong if begin <= one[0] < begin + DAY]
            for card in CARDS:
                assert sum(1 for one in of_day if one[1] == card) <= LIMITS.card
                for source in SOURCES:
                    assert sum(one[1:3] == (card, source) for one in of_day) <= LIMITS.pair
            for session in ("x", "y"):
                assert sum(1 for one in of_day if one[3] == session) <= LIMITS.session

    @invariant()
    def no_life_holds_more_than_its_budget(self) -> None:
        assert max(self.of_life.values()) <= LIMITS.life

    @invariant()
    def nobody_waits_longer_than_the_longest_wait(self) -> None:
        for card in CARDS:
            for source in SOURCES:
                verdict = decide(self.seen(card, source, None), LIMITS, self.now)
                if verdict.answer is Answer.WAIT:
                    assert 1 <= verdict.seconds <= LIMITS.longest_wait

    @invariant()
    def after_an_hour_of_quiet_no_source_waits(self) -> None:
        later = self.now + HOUR
        for source in SOURCES:
            assert decide(self.seen("fresh", source, None), LIMITS, later) == GO

    @invariant()
    def an_owner_from_elsewhere_gets_in_unless_the_card_itself_is_used_up(self) -> None:
        for card in CARDS:
            own = self.known.get(Scope(Kind.CARD, card), Counter())
            used_up = (
                pin_budget.live(own, LIMITS, self.now).tries >= LIMITS.card
                or own.life >= LIMITS.life
            )
            verdict = decide(self.seen(card, "home", "fresh"), LIMITS, self.now)
            assert (verdict == GO) is not used_up

    @invariant()
    def repeated_mistakes_hold_back_no_first_try(self) -> None:
        for source in SOURCES:
            firsts = self.known.get(Scope(Kind.FIRSTS, source), Counter())
            if firsts.score <= LIMITS.free_firsts:
                assert decide(self.seen("fresh", source, "fresh"), LIMITS, self.now) == GO


Guessing.TestCase.settings = settings(max_examples=60, stateful_step_count=60, deadline=None)
TestGuessing = Guessing.TestCase


@given(score=st.floats(0, 500), width=st.sampled_from((1, 4, 16)))
def test_waits_grow_and_end(score: float, width: int) -> None:
    limits = Limits()
    scope = Scope(Kind.REPEATS, "s", width)
    wait, longer = (wait_after(scope, one, limits) for one in (score, score + 1))
    assert timedelta() <= wait <= longer <= timedelta(seconds=limits.longest_wait)
    assert (wait == timedelta()) is (score <= limits.free_repeats * width)


@pytest.mark.parametrize(("times", "waits"), [(5, 0), (6, 2), (7, 4), (8, 8), (9, 16)])
def test_the_default_waits_of_one_payer(times: int, waits: int) -> None:
    """Two first mistakes and three more are free; then 2, 4, 8 … seconds."""
    limits, now = Limits(), BEGIN
    known = {scope: Counter() for scope in scopes("a", "1", "x")}
    for _ in range(times):
        known = count(known, limits, now)
    verdict = decide(known, limits, now)
    assert verdict.seconds == waits
    assert decide(known, limits, now + timedelta(seconds=waits)) == GO


def test_a_try_while_one_waits_changes_nothing() -> None:
    known = {scope: Counter() for scope in scopes("a", "1", None)}
    for _ in range(6):
        known = count(known, Limits(), BEGIN)
    assert decide(known, Limits(), BEGIN + timedelta(seconds=1)).seconds == 1
    assert decide(known, Limits(), BEGIN + timedelta(seconds=2)) == GO


@pytest.mark.parametrize(("times", "waits"), [(5, 0), (6, 2)])
def test_a_clock_that_is_ahead_makes_no_wait_longer(times: int, waits: int) -> None:
    known = {scope: Counter() for scope in scopes("a", "1", None)}
    for _ in range(times):
        known = count(known, Limits(), BEGIN + timedelta(minutes=5))
    assert decide(known, Limits(), BEGIN).seconds == waits


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        ((24, 24), (25, 25), ["PIN_HALF_OF_DAY"]),
        ((0, 99), (1, 100), ["PIN_HALF_OF_LIFE"]),
        ((24, 99), (25, 100), ["PIN_HALF_OF_DAY", "PIN_HALF_OF_LIFE"]),
        ((10, 199), (11, 200), ["PIN_LOCKED"]),
        ((25, 25), (26, 26), []),
    ],
)
def test_what_the_merchant_is_told(
    before: tuple[int, int], after: tuple[int, int], expected: list[str]
) -> None:
    assert reached(made(*before), made(*after), Limits()) == expected


def test_two_slow_strangers_do_not_add_up_from_day_to_day() -> None:
    """Both make their attempts every day, half a day apart. There are never more than twenty within
    a day, so the owner is never locked out."""
    limits, now = Limits(life=10_000), BEGIN
    known: dict[Scope, Counter] = {}
    for day in range(30):
        for place, source in enumerate(("1", "2")):
            now = BEGIN + timedelta(days=day, hours=12 * place, minutes=30 * day)
            for _ in range(10):
                of_try = {s: known.get(s, Counter()) for s in scopes("a", source, None)}
                if (verdict := decide(of_try, limits, now)).answer is Answer.WAIT:
                    now += timedelta(seconds=verdict.seconds)
                assert decide(of_try, limits, now) == GO, (day, source)
                known |= count(of_try, limits, now)
            owner = {s: known.get(s, Counter()) for s in scopes("a", "home", None)}
            assert decide(owner, limits, now) == GO
            assert pin_budget.live(known[Scope(Kind.CARD, "a")], limits, now).tries <= 20
    assert len(known[Scope(Kind.CARD, "a")].recent) <= pin_budget.BURSTS


def test_a_spent_day_is_over_a_day_after_enough_of_its_tries() -> None:
    limits, pair = Limits(), Scope(Kind.PAIR, "a:1")
    known = {pair: Counter()}
    for hour in range(10):
        known = count(known, limits, BEGIN + timedelta(hours=hour))
    now = BEGIN + timedelta(hours=9)
    verdict = decide(known, limits, now)
    assert (verdict.answer, verdict.seconds) == (Answer.SPENT, 15 * 3600)
    assert decide(known, limits, BEGIN + DAY - timedelta(seconds=1)).seconds == 1
    assert decide(known, limits, BEGIN + DAY) == GO


def test_a_wide_network_has_more() -> None:
    narrow, wide = Scope(Kind.PAIR, "a:1", 1), Scope(Kind.PAIR, "a:1", 3)
    ten = made(10, 10)
    assert decide({narrow: ten}, Limits(), BEGIN).answer is Answer.SPENT
    assert decide({wide: ten}, Limits(), BEGIN) == GO
