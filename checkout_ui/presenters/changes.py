"""What has changed in an order under the payer's eyes, in words. Pure.

Somebody else changed it: the shop, or the payer in another tab. Only what the order is and costs
counts: a gift card that another tab has added changes nothing of it.
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
    """Title and amount of what is chosen."""
    choices: tuple[tuple[str, str, str], ...]
    """Of each shipping option: key, title, amount."""
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
    """One or more sentences; empty if nothing of it is another."""
    parts = []
    if before.lines != after.lines:
        parts.append("page.told.items")
    # Options that come with the first address are no change, nor is the first one's choice.
    chosen = before.shipping not in ("", after.shipping)
    if chosen or (before.choices and before.choices != after.choices):
        parts.append("page.told.delivery")
    # With nothing left to pay there are none to choose from.
    if before.options and after.options and before.options != after.options:
        parts.append("page.told.options")
    another = before.total != after.total
    if not parts and not another:
        return ""
    first = "page.told.total" if another else "page.told.same_total"
    said = [texts.text(language, first, before=before.total, after=after.total)]
    return " ".join([*said, *(texts.text(language, part) for part in parts)])
