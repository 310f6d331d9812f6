"""The sentence for a payer who has tried a PIN too often."""

from __future__ import annotations

from datetime import timedelta

from backend.core.errors import TooManyAttempts
from checkout_ui import texts
from checkout_ui.presenters import formats


def sentence(error: TooManyAttempts, language: str) -> str:
    """Return when to try again, or that the shop can help. It is the same for a card that is locked
    and for a number that does not exist."""
    if error.reason != "wait":
        return texts.text(language, "refused.too_many_tries")
    when = formats.ago(timedelta(seconds=error.retry_after), language)
    return texts.text(language, "refused.wait", when=when)
