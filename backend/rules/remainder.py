"""What is left to pay beside a gift card, and whether any payment option takes so little.

A provider takes no amount below its minimum. If a card left less than that to pay, the payer could
not continue. This module says what is the case then, and what the payer can do. All amounts are
minor units of the order's currency. Only the payer or the shop changes an amount, never this
module.

Source: `docs/reference/gift-cards.md` (the card's share is min(available, order)).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

MIN_SHARE = 1
"""The smallest share of a card that is used at all, the same as `gift_card.MIN_AMOUNT`."""


class Verdict(StrEnum):
    """Whether an order can be paid as it is."""

    PAYABLE = "payable"
    """Nothing is left to pay, or an option takes what is left."""
    NO_OPTION = "no_option"
    """Something is left, and the session has no option at all."""
    USE_LESS = "use_less"
    """No option takes so little. If `usable` of the card is used, exactly the minimum is left."""
    USE_ALL = "use_all"
    """No option takes so little, and no smaller share helps; but the card can pay all."""
    REMOVE_CARD = "remove_card"
    """No share of the card leaves enough; without the card the order is exactly large enough."""
    ORDER_TOO_SMALL = "order_too_small"
    """The whole order is less than any option takes. Only a card that covers all of it pays."""


@dataclass(frozen=True, slots=True)
class Sums:
    """`order` and `share` are the amounts as they are now. `maximum` is what the card could pay of
    the order."""

    order: int
    share: int = 0
    maximum: int = 0


@dataclass(frozen=True, slots=True)
class Remainder:
    """`able` and `unable` are the options that take `to_pay`, and those that do not. `minimum` is
    the smallest amount that any option takes, or None if there is no option. If the order needs
    another share of the card, `usable` is a share with which it can be paid. With `covers` the card
    could pay the whole order."""

    to_pay: int
    verdict: Verdict
    able: tuple[str, ...] = ()
    unable: tuple[str, ...] = ()
    minimum: int | None = None
    usable: int | None = None
    covers: bool = False

    @property
    def is_payable(self) -> bool:
        return self.verdict is Verdict.PAYABLE

    @property
    def too_small(self) -> bool:
        """Return whether there are options, but none takes so little."""
        return self.verdict not in (Verdict.PAYABLE, Verdict.NO_OPTION)


NOTHING_LEFT = Remainder(0, Verdict.PAYABLE)


def judge(sums: Sums, minimums: Mapping[str, int]) -> Remainder:
    """Judge an order. `minimums` are by option, in the order in which the options are offered; each
    is at least 1. ValueError if the sums do not fit each other."""
    if not 0 <= sums.share <= sums.maximum <= sums.order:
        raise ValueError("the card's share does not fit the order")
    to_pay = sums.order - sums.share
    covers = 0 < sums.maximum == sums.order
    if to_pay == 0:
        return Remainder(0, Verdict.PAYABLE, covers=covers)
    if not minimums:
        usable = sums.order if covers else None
        return Remainder(to_pay, Verdict.NO_OPTION, usable=usable, covers=covers)
    able = tuple(option for option, minimum in minimums.items() if minimum <= to_pay)
    unable = tuple(option for option in minimums if option not in able)
    minimum = min(minimums.values())
    verdict, usable = (Verdict.PAYABLE, None) if able else _advice(sums, minimum, covers=covers)
    return Remainder(to_pay, verdict, able, unable, minimum, usable, covers)


def _advice(sums: Sums, minimum: int, *, covers: bool) -> tuple[Verdict, int | None]:
    """Return what to do about a remainder that is too small for every option."""
    smaller = sums.order - minimum
    if sums.share and smaller >= MIN_SHARE:
        return Verdict.USE_LESS, smaller
    if covers:
        return Verdict.USE_ALL, sums.order
    if sums.share and smaller == 0:
        return Verdict.REMOVE_CARD, None
    return Verdict.ORDER_TOO_SMALL, None
