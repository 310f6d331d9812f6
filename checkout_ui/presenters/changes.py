"""What has changed in an order while the payer was looking at it, in words. Pure.

Somebody else changed it: the shop, or the payer in another tab. Only the content and the price of
the order count. A gift card that another tab has added is no such change.
"""

from __future__ import annotations

from dataclasses import dataclass

from checkout_ui import texts
from checkout_ui.presenters.checkout_page import Line, Shipping
from checkout_ui.presenters.payment_options import Option


@dataclass(frozen=True)
class Order:
    """The parts of a page that are compared, as they are shown."""

    total: str
    lines: tuple[Line, ...]
    shipping: str
    """Title and amount of the chosen option."""
    choices: tuple[tuple[str, str, str], ...]
    """Key, title and amount of each shipping option."""
    options: tuple[str, ...]


def order(
    total: str, lines: list[Line], shipping: str, choices: list[Shipping], options: list[Option]
) -> Order:
    return Order(
        total=total,
        lines=tuple(lines),
        shipping=shipping,
        choices=tuple((choice.key, choice.title, choice.amount) for choice in choices),
        options=tuple(sorted(option.type for option in options)),
    )


def told(before: Order, after: Order, language: str) -> str:
    """Return one or more sentences. The text is empty if nothing has changed."""
    parts = []
    if before.lines != after.lines:
        parts.append("page.told.items")
    # Options that come with the first address are no change, and neither is the choice of the first
    # one.
    chosen = before.shipping not in ("", after.shipping)
    if chosen or (before.choices and before.choices != after.choices):
        parts.append("page.told.delivery")
    # If nothing is left to pay, there are no options to choose from.
    if before.options and after.options and before.options != after.options:
        parts.append("page.told.options")
    another = before.total != after.total
    if not parts and not another:
        return ""
    first = "page.told.total" if another else "page.told.same_total"
    said = [texts.text(language, first, before=before.total, after=after.total)]
    return " ".join([*said, *(texts.text(language, part) for part in parts)])
