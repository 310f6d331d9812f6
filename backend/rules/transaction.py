"""A transaction's money: what the gift card and the provider each authorized, captured, refunded.

The gift card has precedence in capture and refund, and never gets back more than was captured from
it. Source: `docs/reference/gift-cards.md`; `docs/reference/dintero-api.md#money-flow`,
`#transaction-status`. All amounts are minor units of the transaction's one currency.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import StrEnum

from backend.rules.payment_option import WALLETS, ZERO


class Status(StrEnum):
    INITIATED = "INITIATED"
    AUTHORIZED = "AUTHORIZED"
    ON_HOLD = "ON_HOLD"
    AUTHORIZATION_VOIDED = "AUTHORIZATION_VOIDED"
    CAPTURED = "CAPTURED"
    PARTIALLY_CAPTURED = "PARTIALLY_CAPTURED"
    REFUNDED = "REFUNDED"
    PARTIALLY_REFUNDED = "PARTIALLY_REFUNDED"
    PARTIALLY_CAPTURED_REFUNDED = "PARTIALLY_CAPTURED_REFUNDED"
    DECLINED = "DECLINED"
    """The payer declined during processing."""
    FAILED = "FAILED"
    UNKNOWN = "UNKNOWN"
    """Nobody can tell how the payment ended at the provider. An operator has recorded this."""


_S = Status
_SETTLED = frozenset(
    {_S.CAPTURED, _S.PARTIALLY_CAPTURED, _S.REFUNDED, _S.PARTIALLY_REFUNDED,
     _S.PARTIALLY_CAPTURED_REFUNDED}
)  # fmt: skip
_ALLOWED: Mapping[Status, frozenset[Status]] = {
    _S.INITIATED: frozenset({_S.AUTHORIZED, _S.ON_HOLD, _S.DECLINED, _S.FAILED, _S.UNKNOWN}),
    _S.ON_HOLD: frozenset({_S.AUTHORIZED, _S.FAILED, _S.UNKNOWN}),
    _S.AUTHORIZED: frozenset({_S.CAPTURED, _S.PARTIALLY_CAPTURED, _S.AUTHORIZATION_VOIDED}),
    _S.PARTIALLY_CAPTURED: _SETTLED,
    _S.CAPTURED: frozenset({_S.REFUNDED, _S.PARTIALLY_REFUNDED}),
    _S.PARTIALLY_REFUNDED: frozenset({_S.PARTIALLY_REFUNDED, _S.REFUNDED}),
    _S.PARTIALLY_CAPTURED_REFUNDED: _SETTLED,
    _S.REFUNDED: frozenset(),
    _S.AUTHORIZATION_VOIDED: frozenset(),
    _S.DECLINED: frozenset(),
    _S.FAILED: frozenset(),
    _S.UNKNOWN: frozenset(),
}
UNPAID = frozenset({_S.DECLINED, _S.FAILED, _S.UNKNOWN})
"""Terminal statuses without an authorization. A session has at most one transaction outside this
set."""


class RuleBroken(ValueError):
    """An operation that the transaction's state or amounts do not allow."""


def advance(status: Status, to: Status) -> Status:
    """Return the next status; RuleBroken if the table does not allow it."""
    if to not in _ALLOWED[status]:
        raise RuleBroken(f"a transaction cannot go from {status} to {to}")
    return to


def correct(status: Status, to: Status) -> Status:
    """Return the status after the reversal of a refund, which is the only way out of REFUNDED.
    RuleBroken for anything else."""
    refunded = (_S.REFUNDED, _S.PARTIALLY_REFUNDED, _S.PARTIALLY_CAPTURED_REFUNDED)
    if status not in refunded or to not in _SETTLED:
        raise RuleBroken(f"a transaction cannot be corrected from {status} to {to}")
    return to


@dataclass(frozen=True, slots=True)
class Split:
    """Amounts in minor units: the gift card's part and the provider's part."""

    card: int
    provider: int

    @property
    def total(self) -> int:
        return self.card + self.provider

    def __add__(self, other: Split) -> Split:
        return Split(self.card + other.card, self.provider + other.provider)

    def __sub__(self, other: Split) -> Split:
        return Split(self.card - other.card, self.provider - other.provider)


NOTHING = Split(0, 0)


@dataclass(frozen=True, slots=True)
class Position:
    """The amounts of a transaction by what became of them. `released` was authorized, and then
    given up by a void or by a final capture."""

    authorized: Split
    captured: Split = NOTHING
    refunded: Split = NOTHING
    released: Split = NOTHING

    @property
    def capturable(self) -> Split:
        return self.authorized - self.captured - self.released

    @property
    def refundable(self) -> Split:
        return self.captured - self.refunded

    def check(self) -> None:
        """Check refunded <= captured <= authorized, for the card and for the provider."""
        for part in (self.capturable, self.refundable, self.refunded, self.released):
            if part.card < 0 or part.provider < 0:
                raise RuleBroken(f"impossible position: {self}")


def split_capture(position: Position, amount: int) -> Split:
    """Return how a capture of `amount` divides: the gift card's part comes first. RuleBroken if it
    is more than can be captured, or nothing (unless the order itself is of nothing)."""
    if amount == 0 and position.authorized.total == 0:
        return NOTHING
    return _card_first(position.capturable, amount, "capture")


def split_refund(position: Position, amount: int) -> Split:
    """Return how a refund of `amount` divides: the gift card's part comes first, and is never more
    than was captured from the card."""
    return _card_first(position.refundable, amount, "refund")


def _card_first(left: Split, amount: int, verb: str) -> Split:
    if amount <= 0:
        raise RuleBroken(f"the amount to {verb} must be positive")
    if amount > left.total:
        raise RuleBroken(f"only {left.total} is left to {verb}, not {amount}")
    card = min(left.card, amount)
    return Split(card, amount - card)


def captured(position: Position, split: Split, *, final: bool = False) -> Position:
    """Return the position after a capture. A final capture releases what is left."""
    after = replace(position, captured=position.captured + split)
    if final:
        after = replace(after, released=after.released + after.capturable)
    after.check()
    return after


def refunded(position: Position, split: Split) -> Position:
    after = replace(position, refunded=position.refunded + split)
    after.check()
    return after


def reverse_refund(position: Position, provider: int) -> Position:
    """Return the position after a reversal: the provider has taken back a refund of `provider`
    (minor units) that it had confirmed. That amount can be refunded again. The gift card keeps its
    part."""
    after = replace(position, refunded=position.refunded - Split(0, provider))
    after.check()
    return after


def split_update(position: Position, amount: int) -> Split:
    """Return the split of an authorization that is updated to `amount`. The gift card's part stays
    as it is held, and the provider is asked for the rest. RuleBroken if that would leave the
    provider nothing, or less than it has captured."""
    card = position.authorized.card
    provider = amount - card
    if provider <= 0:
        held = f"the gift card holds {card} of this payment, " if card else ""
        raise RuleBroken(f"{held}{amount} would leave nothing to authorize: void it instead")
    minimum = position.captured.provider + position.released.provider
    if provider < minimum:
        raise RuleBroken(f"{card + minimum} is captured or held, {amount} is less")
    return Split(card, provider)


def updated(position: Position, split: Split) -> Position:
    """Return the position after an update of the authorization to `split`."""
    after = replace(position, authorized=split)
    after.check()
    return after


def voided(position: Position) -> Position:
    """Return the position after a void. All that was not captured is released."""
    return replace(position, released=position.released + position.capturable)


def status_of(position: Position) -> Status:
    """Return the status that follows from the amounts once a transaction is authorized."""
    if position.refunded.total > 0:
        if position.capturable.total > 0:
            return Status.PARTIALLY_CAPTURED_REFUNDED
        if position.refundable.total > 0:
            return Status.PARTIALLY_REFUNDED
        return Status.REFUNDED
    if position.captured.total > 0:
        return Status.PARTIALLY_CAPTURED if position.capturable.total > 0 else Status.CAPTURED
    if position.released.total > 0:
        return Status.AUTHORIZATION_VOIDED
    return Status.AUTHORIZED


def status_after(position: Position, *, capture: bool) -> Status:
    """Return the status after an operation. The amounts of an order of nothing show nothing, so
    for that the status follows from the operation: `capture`, or else a void."""
    if position.authorized.total > 0:
        return status_of(position)
    return Status.CAPTURED if capture else Status.AUTHORIZATION_VOIDED


UPDATABLE = frozenset({Status.AUTHORIZED, Status.PARTIALLY_CAPTURED})
"""The amount and the lines that are authorized can be changed in these."""


def check_capture(status: Status) -> None:
    """Raise RuleBroken unless a transaction in this status can be captured."""
    if status not in (
        Status.AUTHORIZED,
        Status.PARTIALLY_CAPTURED,
        Status.PARTIALLY_CAPTURED_REFUNDED,
    ):
        raise RuleBroken(f"a transaction that is {status} cannot be captured")


def check_only_capture(
    position: Position, split: Split, *, final: bool, multi_capture: bool
) -> None:
    """Raise RuleBroken if a capture would leave something to capture at a provider that captures
    only once."""
    left = position.capturable.provider - split.provider
    if split.provider and left and not final and not multi_capture:
        raise RuleBroken(
            "this payment can be captured only once at the provider: capture all that is left,"
            " or set final_capture to release the rest"
        )


def check_refund(status: Status) -> None:
    if status not in (
        Status.CAPTURED,
        Status.PARTIALLY_CAPTURED,
        Status.PARTIALLY_REFUNDED,
        Status.PARTIALLY_CAPTURED_REFUNDED,
    ):
        raise RuleBroken(f"a transaction that is {status} cannot be refunded")


def check_void(status: Status, position: Position, *, after_partial_capture: bool) -> None:
    """Raise RuleBroken unless the transaction can be voided. `after_partial_capture`: whether the
    provider can release the rest after a partial capture."""
    if status in (Status.AUTHORIZED, Status.ON_HOLD):
        return
    partly = status in (Status.PARTIALLY_CAPTURED, Status.PARTIALLY_CAPTURED_REFUNDED)
    if not partly:
        raise RuleBroken(f"a transaction that is {status} cannot be voided")
    # A capture from the gift card alone is no capture at the provider.
    if position.captured.provider > 0 and not after_partial_capture:
        raise RuleBroken("this payment type cannot be voided after a part of it was captured")


def product_type(order_amount: int, to_pay: int, option: str | None) -> str:
    """Return the product type: `dintero.zero` for an order of nothing, `dintero.wallets` if the
    card covers all, else the option that pays the rest (then `gift_cards` is filled)."""
    if order_amount == 0:
        return ZERO
    if to_pay == 0:
        return WALLETS
    if option is None:
        raise RuleBroken("a payment option is needed for what is left to pay")
    return option
