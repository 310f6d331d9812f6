"""The rules say how a transaction's money divides and which statuses follow."""

from __future__ import annotations

from dataclasses import replace

import pytest

from backend.rules.transaction import (
    NOTHING,
    UNPAID,
    UPDATABLE,
    Position,
    RuleBroken,
    Split,
    Status,
    advance,
    captured,
    check_capture,
    check_only_capture,
    check_refund,
    check_void,
    correct,
    product_type,
    refunded,
    reverse_refund,
    split_capture,
    split_refund,
    split_update,
    status_after,
    status_of,
    updated,
    voided,
)

S = Status
AUTHORIZED = Position(authorized=Split(10000, 30000))
ALLOWED = {
    S.INITIATED: {S.AUTHORIZED, S.ON_HOLD, S.DECLINED, S.FAILED, S.UNKNOWN},
    S.ON_HOLD: {S.AUTHORIZED, S.FAILED, S.UNKNOWN},
    S.AUTHORIZED: {S.CAPTURED, S.PARTIALLY_CAPTURED, S.AUTHORIZATION_VOIDED},
    S.PARTIALLY_CAPTURED: {
        S.CAPTURED, S.PARTIALLY_CAPTURED, S.REFUNDED, S.PARTIALLY_REFUNDED,
        S.PARTIALLY_CAPTURED_REFUNDED,
    },
    S.CAPTURED: {S.REFUNDED, S.PARTIALLY_REFUNDED},
    S.PARTIALLY_REFUNDED: {S.PARTIALLY_REFUNDED, S.REFUNDED},
    S.PARTIALLY_CAPTURED_REFUNDED: {
        S.CAPTURED, S.PARTIALLY_CAPTURED, S.REFUNDED, S.PARTIALLY_REFUNDED,
        S.PARTIALLY_CAPTURED_REFUNDED,
    },
}  # fmt: skip


@pytest.mark.parametrize("status", list(S))
@pytest.mark.parametrize("to", list(S))
def test_only_these_steps_exist(status: Status, to: Status) -> None:
    if to in ALLOWED.get(status, set()):
        assert advance(status, to) is to
    else:
        with pytest.raises(RuleBroken):
            advance(status, to)


def _reachable(start: Status) -> set[Status]:
    """Return the statuses that a transaction can reach from `start`."""
    found: set[Status] = set()
    waiting = [start]
    while waiting:
        status = waiting.pop()
        for to in S:
            try:
                advance(status, to)
            except RuleBroken:
                continue
            if to not in found:
                found.add(to)
                waiting.append(to)
    return found


@pytest.mark.parametrize("status", list(S))
def test_unpaid_is_what_ends_without_an_authorization(status: Status) -> None:
    ends = not _reachable(status)
    was_authorized = status in _reachable(S.AUTHORIZED) | {S.AUTHORIZED}
    assert (status in UNPAID) is (ends and not was_authorized)


@pytest.mark.parametrize("status", list(S))
@pytest.mark.parametrize("to", list(S))
def test_a_correction_leads_from_refunded_to_settled(status: Status, to: Status) -> None:
    refunded_ = {S.REFUNDED, S.PARTIALLY_REFUNDED, S.PARTIALLY_CAPTURED_REFUNDED}
    if status in refunded_ and to in {S.CAPTURED, S.PARTIALLY_CAPTURED, *refunded_}:
        assert correct(status, to) is to
    else:
        with pytest.raises(RuleBroken):
            correct(status, to)


@pytest.mark.parametrize(
    ("amount", "split"),
    [(1, (1, 0)), (10000, (10000, 0)), (10001, (10000, 1)), (15000, (10000, 5000)),
     (40000, (10000, 30000))],
)  # fmt: skip
def test_a_capture_takes_the_gift_card_first(amount: int, split: tuple[int, int]) -> None:
    assert split_capture(AUTHORIZED, amount) == Split(*split)


@pytest.mark.parametrize("amount", [-1, 0, 40001])
def test_such_a_capture_is_refused(amount: int) -> None:
    with pytest.raises(RuleBroken):
        split_capture(AUTHORIZED, amount)


def test_the_worked_example() -> None:
    position = captured(AUTHORIZED, split_capture(AUTHORIZED, 15000))
    assert (position.captured, status_of(position)) == (Split(10000, 5000), S.PARTIALLY_CAPTURED)
    assert split_capture(position, 25000) == Split(0, 25000)
    position = captured(position, Split(0, 25000))
    assert status_of(position) is S.CAPTURED
    assert split_refund(position, 12000) == Split(10000, 2000)
    position = refunded(position, Split(10000, 2000))
    assert status_of(position) is S.PARTIALLY_REFUNDED
    assert split_refund(position, 28000) == Split(0, 28000)
    position = refunded(position, Split(0, 28000))
    assert status_of(position) is S.REFUNDED
    with pytest.raises(RuleBroken):
        split_refund(position, 1)


def test_the_card_gets_back_no_more_than_was_captured_from_it() -> None:
    position = captured(AUTHORIZED, Split(4000, 0))
    assert split_refund(position, 4000) == Split(4000, 0)
    with pytest.raises(RuleBroken):
        split_refund(position, 4001)
    with pytest.raises(RuleBroken):
        refunded(position, Split(4001, 0))
    with pytest.raises(RuleBroken):
        refunded(position, Split(0, 1))


def test_a_refund_of_nothing_is_refused_for_an_order_of_nothing_too() -> None:
    free = Position(authorized=NOTHING)
    assert split_capture(free, 0) == NOTHING
    with pytest.raises(RuleBroken):
        split_refund(free, 0)


def test_an_order_of_nothing_has_nothing_to_capture() -> None:
    with pytest.raises(RuleBroken, match="only 0 is left to capture, not 5"):
        split_capture(Position(authorized=NOTHING), 5)
    with pytest.raises(RuleBroken, match="the amount to capture must be positive"):
        split_capture(AUTHORIZED, 0)
    with pytest.raises(RuleBroken, match="only 0 is left to refund, not 1"):
        split_refund(AUTHORIZED, 1)


@pytest.mark.parametrize("split", [Split(10001, 0), Split(0, 30001), Split(-1, 1)])
def test_a_capture_beyond_the_authorization_changes_nothing(split: Split) -> None:
    for final in (True, False):
        with pytest.raises(RuleBroken):
            captured(AUTHORIZED, split, final=final)


def test_a_reversed_refund_can_be_made_again() -> None:
    before = replace(AUTHORIZED, captured=Split(10000, 30000), refunded=Split(10000, 2000))
    after = reverse_refund(before, 1500)
    assert after == replace(before, refunded=Split(10000, 500))
    assert split_refund(after, 29500) == Split(0, 29500)
    assert reverse_refund(before, 2000).refunded == Split(10000, 0)
    with pytest.raises(RuleBroken):
        reverse_refund(before, 2001)


def test_a_final_capture_releases_the_rest() -> None:
    position = captured(AUTHORIZED, Split(10000, 5000), final=True)
    assert position.released == Split(0, 25000)
    assert position.capturable == NOTHING
    assert status_of(position) is S.CAPTURED


def test_a_void_releases_what_was_not_captured() -> None:
    assert voided(AUTHORIZED).released == Split(10000, 30000)
    assert status_of(voided(AUTHORIZED)) is S.AUTHORIZATION_VOIDED
    part = voided(captured(AUTHORIZED, Split(4000, 0)))
    assert part.released == Split(6000, 30000)
    assert status_of(part) is S.CAPTURED


@pytest.mark.parametrize(
    ("position", "status"),
    [
        (AUTHORIZED, S.AUTHORIZED),
        (replace(AUTHORIZED, captured=Split(1, 0)), S.PARTIALLY_CAPTURED),
        (replace(AUTHORIZED, captured=Split(10000, 30000)), S.CAPTURED),
        (replace(AUTHORIZED, captured=Split(10000, 0), refunded=Split(1, 0)),
         S.PARTIALLY_CAPTURED_REFUNDED),
        (replace(AUTHORIZED, captured=Split(10000, 0), refunded=Split(10000, 0)),
         S.PARTIALLY_CAPTURED_REFUNDED),
        (replace(AUTHORIZED, captured=Split(10000, 0), refunded=Split(10000, 0),
                 released=Split(0, 30000)), S.REFUNDED),
        (replace(AUTHORIZED, released=Split(10000, 30000)), S.AUTHORIZATION_VOIDED),
        # One minor unit decides.
        (Position(Split(1, 0), released=Split(1, 0)), S.AUTHORIZATION_VOIDED),
        (Position(Split(0, 1), released=Split(0, 1)), S.AUTHORIZATION_VOIDED),
        (Position(Split(1, 0)), S.AUTHORIZED),
        (Position(NOTHING), S.AUTHORIZED),
        (Position(Split(0, 1), captured=Split(0, 1)), S.CAPTURED),
        (Position(Split(1, 1), captured=Split(1, 0)), S.PARTIALLY_CAPTURED),
        (Position(Split(0, 1), captured=Split(0, 1), refunded=Split(0, 1)), S.REFUNDED),
        (Position(Split(1, 1), captured=Split(1, 1), refunded=Split(1, 0)), S.PARTIALLY_REFUNDED),
        (Position(Split(1, 1), captured=Split(1, 0), refunded=Split(1, 0)),
         S.PARTIALLY_CAPTURED_REFUNDED),
    ],
)  # fmt: skip
def test_the_status_follows_from_the_amounts(position: Position, status: Status) -> None:
    assert status_of(position) is status


@pytest.mark.parametrize(
    "position",
    [
        replace(AUTHORIZED, captured=Split(10001, 0)),
        replace(AUTHORIZED, captured=Split(0, 30001)),
        replace(AUTHORIZED, refunded=Split(1, 0)),
        replace(AUTHORIZED, captured=Split(10000, 0), refunded=Split(0, 1)),
        replace(AUTHORIZED, released=Split(10001, 0)),
        replace(AUTHORIZED, released=Split(-1, 0)),
        replace(AUTHORIZED, captured=Split(10000, 0), refunded=Split(-1, 0)),
    ],
)
def test_impossible_positions_are_found(position: Position) -> None:
    with pytest.raises(RuleBroken):
        position.check()


def test_who_may_capture_refund_and_void() -> None:
    capturable = {S.AUTHORIZED, S.PARTIALLY_CAPTURED, S.PARTIALLY_CAPTURED_REFUNDED}
    refundable = {
        S.CAPTURED,
        S.PARTIALLY_CAPTURED,
        S.PARTIALLY_REFUNDED,
        S.PARTIALLY_CAPTURED_REFUNDED,
    }
    voidable = capturable | {S.ON_HOLD}
    for status in S:
        for allowed, check in ((capturable, check_capture), (refundable, check_refund)):
            if status in allowed:
                check(status)
            else:
                with pytest.raises(RuleBroken):
                    check(status)
        if status in voidable:
            check_void(status, AUTHORIZED, after_partial_capture=True)
        else:
            with pytest.raises(RuleBroken):
                check_void(status, AUTHORIZED, after_partial_capture=True)


def test_void_after_a_part_capture_is_about_the_provider_alone() -> None:
    """Nothing was captured at the provider yet, so its authorization can be cancelled as a
    whole."""
    card_only = captured(AUTHORIZED, Split(10000, 0))
    check_void(S.PARTIALLY_CAPTURED, card_only, after_partial_capture=False)
    both = captured(AUTHORIZED, Split(10000, 1))
    check_void(S.PARTIALLY_CAPTURED, both, after_partial_capture=True)
    with pytest.raises(RuleBroken):
        check_void(S.PARTIALLY_CAPTURED, both, after_partial_capture=False)


def test_product_type() -> None:
    option = "dintero_psp.creditcard"
    assert product_type(40000, 30000, option) == option
    assert product_type(40000, 0, None) == "dintero.wallets"
    assert product_type(0, 0, None) == "dintero.zero"
    with pytest.raises(RuleBroken):
        product_type(40000, 30000, None)


def test_an_update_leaves_the_cards_part() -> None:
    assert split_update(AUTHORIZED, 50000) == Split(10000, 40000)
    assert split_update(AUTHORIZED, 10001) == Split(10000, 1)
    part = captured(AUTHORIZED, Split(10000, 5000))
    assert updated(part, split_update(part, 15000)).capturable == NOTHING
    for position, amount in ((AUTHORIZED, 10000), (AUTHORIZED, 0), (part, 14999)):
        with pytest.raises(RuleBroken):
            split_update(position, amount)


def test_an_update_counts_what_is_captured_and_what_is_released() -> None:
    part = replace(AUTHORIZED, captured=Split(10000, 5000), released=Split(0, 300))
    assert split_update(part, 15300) == Split(10000, 5300)
    with pytest.raises(RuleBroken, match="15300 is captured or held, 15299 is less"):
        split_update(part, 15299)
    with pytest.raises(RuleBroken):
        updated(part, Split(10000, 5299))


def test_a_refused_update_says_what_the_card_holds() -> None:
    with pytest.raises(RuleBroken) as with_card:
        split_update(AUTHORIZED, 10000)
    assert str(with_card.value).startswith("the gift card holds 10000 of this payment, 10000 would")
    with pytest.raises(RuleBroken) as without:
        split_update(Position(authorized=Split(0, 30000)), 0)
    assert str(without.value).startswith("0 would leave nothing to authorize")


def test_an_order_of_nothing_is_captured_or_voided_by_what_was_done() -> None:
    nothing = Position(authorized=NOTHING)
    assert status_after(nothing, capture=True) is S.CAPTURED
    assert status_after(nothing, capture=False) is S.AUTHORIZATION_VOIDED


@pytest.mark.parametrize("capture", [True, False])
def test_the_amounts_of_any_other_order_tell_its_status(capture: bool) -> None:
    for position in (AUTHORIZED, voided(AUTHORIZED), captured(AUTHORIZED, Split(10000, 0))):
        assert status_after(position, capture=capture) is status_of(position)
    one = Position(authorized=Split(0, 1))
    assert status_after(one, capture=capture) is S.AUTHORIZED


@pytest.mark.parametrize(
    ("split", "final", "multi", "allowed"),
    [
        (Split(10000, 0), False, False, True),  # of the gift card alone
        (Split(0, 0), False, False, True),
        (Split(10000, 1), False, False, False),
        (Split(10000, 29999), False, False, False),
        (Split(10000, 29999), True, False, True),
        (Split(10000, 29999), False, True, True),
        (Split(10000, 30000), False, False, True),
        (Split(0, 30000), False, False, True),
    ],
)
def test_most_providers_capture_only_once(
    split: Split, final: bool, multi: bool, allowed: bool
) -> None:
    if allowed:
        check_only_capture(AUTHORIZED, split, final=final, multi_capture=multi)
    else:
        with pytest.raises(RuleBroken, match="captured only once"):
            check_only_capture(AUTHORIZED, split, final=final, multi_capture=multi)


def test_an_authorization_is_updated_until_something_of_it_is_refunded() -> None:
    assert {S.AUTHORIZED, S.PARTIALLY_CAPTURED} == UPDATABLE
