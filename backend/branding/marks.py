"""The drawings of the ways to pay: their names, and which of them show a payment option."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from functools import cache
from importlib.resources import files

OTHER = "other"
LOCK = "lock"
NAMES: Mapping[str, str] = {
    "visa": "Visa",
    "mastercard": "Mastercard",
    "vipps": "Vipps",
    "mobilepay": "MobilePay",
    "swish": "Swish",
    "klarna": "Klarna",
    "applepay": "Apple Pay",
    "googlepay": "Google Pay",
    "clicktopay": "Click to Pay",
    "walley": "Walley",
    "billie": "Billie",
    "two": "Two",
    "kravia": "Kravia",
    "instabank": "Instabank",
    "giftcard": "Gift card",
    OTHER: "Payment",
}
"""The name of each drawing for people who cannot see it. `lock` is not here: it is no way to
pay."""

_CARDS = ("visa", "mastercard")
_ALSO: Mapping[str, tuple[str, ...]] = {
    "creditcard": _CARDS,
    "card": _CARDS,
    "cards": _CARDS,
    "collector": ("walley",),
    "wallets": ("giftcard",),
    "gift": ("giftcard",),
    "gift-card": ("giftcard",),
    "apple-pay": ("applepay",),
    "google-pay": ("googlepay",),
}
_SYMBOL = re.compile(
    r'<symbol id="(?P<name>[a-z]+)" viewBox="0 0 48 32">\n(?P<shapes>.*?)\n</symbol>', re.DOTALL
)


@cache
def shapes() -> Mapping[str, str]:
    """Return the SVG elements of each drawing by its name. They fit into a box of 48 × 32."""
    text = files("backend.branding").joinpath("marks.svg").read_text(encoding="utf-8")
    return {match["name"]: match["shapes"] for match in _SYMBOL.finditer(text)}


def of_names(names: str) -> tuple[str, ...]:
    """Return the drawings of a list such as `visa_mastercard_vipps`, each once. Names without a
    drawing are left out. If nothing is left, the answer is the neutral drawing."""
    found: list[str] = []
    for name in names.lower().split("_"):
        known = _ALSO.get(name, (name,) if name in NAMES else ())
        found.extend(known)
    return _once(found)


def of_options(options: Iterable[str], *, gift_card: bool) -> tuple[str, ...]:
    """Return the drawings of payment options such as `payex.creditcard`, each once. With
    `gift_card` the gift card is the first."""
    found = ["giftcard"] if gift_card else []
    for option in options:
        head, _, product = option.rpartition(".")
        known = _ALSO.get(product) or _ALSO.get(head)
        if known is None:
            known = next(((name,) for name in (product, head) if name in NAMES), (OTHER,))
        found.extend(known)
    return _once(found)


def _once(found: list[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(found)) or (OTHER,)
