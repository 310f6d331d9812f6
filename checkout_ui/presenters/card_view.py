"""What the gift-card step shows about the card in use. Pure, as all presenters are."""

from __future__ import annotations

from dataclasses import dataclass

from backend.rules.gift_card import MIN_AMOUNT
from backend.sessions.view import CheckoutView, GiftCardView
from checkout_ui import texts
from checkout_ui.presenters import formats, typed_amount

_ENDING = {"soon": "used.ending_soon", "before_refund": "used.ending_before_refund"}


@dataclass(frozen=True)
class Card:
    """Amounts as they are written. A note is empty if there is nothing to say."""

    masked: str = ""
    spoken: str = ""
    """The same text for a screen reader."""
    now: str = ""
    """What is on the card."""
    pays: str = ""
    left: str = ""
    preset: bool = False
    expires: str = ""
    ending: str = ""
    note: str = ""
    """Says that less is used than was chosen, or what remains to be paid in addition."""
    held: str = ""
    """Says that a payment that was left open elsewhere holds the card, or a part of it."""
    reclaim: str = ""
    """Says what its PIN can do about that."""
    adjustable: bool = False
    use: str = ""
    maximum: str = ""
    hint: str = ""
    typed: str = ""
    """What the field for the amount begins with."""


def card(view: CheckoutView, language: str) -> Card:
    known = view.gift_card
    if known is None:
        return Card()

    def money(amount: int) -> str:
        return formats.money(amount, view.currency, language)

    def text(key: str, **values: str) -> str:
        return texts.text(language, key, **values)

    until = formats.date(known.expires_at, language) if known.expires_at else ""
    now, pays, maximum = money(known.amount + known.left), money(known.amount), money(known.maximum)
    return Card(
        masked=known.masked_number,
        spoken=text("card.ending", digits=known.masked_number[-4:]),
        now=now,
        pays=pays,
        left=money(known.left),
        preset=known.preset,
        expires=text("card.expires", date=until) if until else "",
        ending=text(_ENDING[known.ending], date=until) if known.ending else "",
        note="" if known.held else _note(view, known, language),
        held=_held(view, known, language),
        reclaim=text("used.reclaim") if known.reclaimable else "",
        adjustable=known.adjustable,
        use=text("used.summary", amount=pays, card=now),
        maximum=text("used.all", amount=maximum),
        hint=text("used.hint", minimum=money(MIN_AMOUNT), maximum=maximum),
        typed=typed_amount.written(known.amount, view.currency, language),
    )


def _held(view: CheckoutView, card: GiftCardView, language: str) -> str:
    if not card.held:
        return ""
    if card.amount == 0:
        return texts.text(language, "used.held")
    amount = formats.money(card.held, view.currency, language)
    return texts.text(language, "used.held_part", amount=amount)


def _note(view: CheckoutView, card: GiftCardView, language: str) -> str:
    def text(key: str, amount: int, more: int | None = None) -> str:
        values = {"amount": formats.money(amount, view.currency, language)}
        if more is not None:
            values["wanted"] = formats.money(more, view.currency, language)
        return texts.text(language, key, **values)

    if view.order_amount and card.maximum == 0:
        return texts.text(language, "used.gone")
    if card.wanted is not None and card.amount < card.wanted:
        return text("used.short", card.amount, card.wanted)
    if view.to_pay == 0 or view.remainder.too_small:
        # What cannot be paid is shown beside the button that would pay it.
        return ""
    return text("used.rest" if card.amount == card.maximum else "used.rest_chosen", view.to_pay)
