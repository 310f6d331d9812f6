"""The payment options as the payer sees them: a name and a mark each, and what happens next.

Pure: the view's options in, frozen dataclasses out.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from backend.sessions.view import CheckoutView, OptionView
from checkout_ui import texts
from checkout_ui.hosting.versions import versioned
from checkout_ui.presenters import formats

MANY = 7
"""Up to so many options are all shown."""
FIRST = 6
"""If there are more, so many are shown first: one of each kind, in the merchant's order."""

_MARKS = {"creditcard": ("visa", "mastercard"), "klarna": ("klarna",)}
_DRAWN = ("vipps", "mobilepay", "swish", "applepay", "googlepay", "clicktopay")


@dataclass(frozen=True)
class Option:
    type: str
    title: str
    note: str
    next: str
    """What happens after it is chosen and Pay is pressed."""
    marks: list[str]
    """The addresses of drawings in the sprite."""
    pushes: bool = False
    """Whether the payer may have it sent to the app on their phone."""
    is_name: bool = False
    """Whether the title is a provider's name, which is the same in every language."""


def shown(offered: tuple[OptionView, ...], language: str) -> dict[str, Any]:
    """Return the `options` that are shown, and the `more_options` behind `more_label`. Those that
    do not take what is left to pay are left out, and `remainder_view` names them."""
    view = [option for option in offered if option.payable]
    kinds = [_kind(option.type) for option in view]
    first: Sequence[int] = range(len(view))
    alone = {place for place in first if kinds.count(kinds[place]) == 1}
    if len(view) > MANY:
        first = [place for place in first if kinds.index(kinds[place]) == place][:FIRST]
        # The ones behind the first of a kind name their provider, which is enough to tell them
        # apart.
        alone.update(first)
    all_of_them = [_option(one, language, alone=place in alone) for place, one in enumerate(view)]
    more = [option for place, option in enumerate(all_of_them) if place not in first]
    return {
        "options": [all_of_them[place] for place in first],
        "more_options": more,
        "more_label": texts.count(language, "count.more_options", len(more)),
    }


def push(view: CheckoutView, language: str) -> tuple[str, str]:
    """Return heading and text of the wait for an answer in the payer's app; empty if there is
    none."""
    if view.pushed_to is None:
        return "", ""
    known = texts.catalogue(language)
    kind = _kind(view.pushed_with or "")
    heading = known.get(f"push.open.{kind}", known["push.open.other"])
    amount = formats.money(view.to_pay, view.currency, language)
    number = view.pushed_to.replace(" ", "\u00a0")
    return heading, texts.text(language, "push.lead", amount=amount, number=number)


def _kind(option: str) -> str:
    """Return what a payer calls the option, whoever provides it: `vipps` for `payex.vipps` and for
    `vipps`."""
    return option.rpartition(".")[2]


def title(option: str, language: str) -> str:
    """Return the name that a payer knows."""
    known = texts.catalogue(language)
    return known.get(f"option.{_kind(option)}", known["option.other"])


def _option(view: OptionView, language: str, *, alone: bool) -> Option:
    option = view.type
    known, kind = texts.catalogue(language), _kind(option)
    note = known.get(f"option.{kind}.note", "")
    provider = known.get(f"provider.{option.partition('.')[0]}")
    if provider and not alone:
        via = texts.text(language, "option.via", provider=provider)
        note = f"{note} · {via}" if note else via
    return Option(
        type=option,
        title=title(option, language),
        is_name=kind != "creditcard" and f"option.{kind}" in known,
        note=note,
        next=known.get(f"option.{kind}.next", known["option.other.next"]),
        marks=[f"{sprite()}#{mark}" for mark in _marks(kind)],
        pushes=view.pushes,
    )


def _marks(kind: str) -> tuple[str, ...]:
    return _MARKS.get(kind, (kind,) if kind in _DRAWN else ("other",))


@cache
def sprite() -> str:
    """Return the sprite's address with the content's hash, so that a browser may keep it for
    good."""
    return versioned("marks.svg")
