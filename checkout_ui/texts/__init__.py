"""The page's texts: one catalogue for each language, and the choice of the language.

A catalogue is a JSON object of key to text, in which `{name}` stands for a value. A text that
counts is an object of plural category (CLDR: `one`, `other`, …) to text. Keys that begin with `_`
describe the language itself. To add a language, add its file: every catalogue has the same keys
(`tests/unit/checkout_ui/test_texts.py`).
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator
from decimal import Decimal
from functools import cache
from pathlib import Path

from babel import Locale
from babel.numbers import format_decimal

_HERE = Path(__file__).parent

DEFAULT = "en"
_ALIASES = {"no": "nb"}
"""`no` is Dintero's code for Norwegian."""
_OF_COUNTRY = {
    "NO": "nb", "SJ": "nb", "SE": "sv", "AX": "sv", "DK": "da", "GL": "da", "FO": "da",
    "FI": "fi", "DE": "de", "AT": "de", "LI": "de",
}  # fmt: skip
"""For a browser with none of our languages: the language of the country where the order goes."""
_ONLY_ON_THE_SERVER = (
    "_",
    "title.",
    "error.",
    "refused.",
    "announced.",
    "hosted.",
    "count.",
    "used.",
    "page.told.",
)
_BALANCE = "balance."
_BALANCE_TOO = frozenset(
    {"card.heading", "card.number", "card.pin", "card.adding", "head.language", "head.test"}
)
_VALUE = re.compile(r"\\{(\w+)\\}")


@cache
def languages() -> tuple[str, ...]:
    """Return the languages that have a catalogue, as BCP 47 codes."""
    return tuple(sorted(path.stem for path in _HERE.glob("*.json")))


@cache
def _loaded(language: str) -> dict[str, str | dict[str, str]]:
    if language not in languages():
        raise KeyError(language)
    known: dict[str, str | dict[str, str]] = json.loads(
        (_HERE / f"{language}.json").read_text(encoding="utf-8")
    )
    return known


@cache
def catalogue(language: str) -> dict[str, str]:
    """Return the texts of a language that have one form. KeyError if there is no such
    catalogue."""
    return {key: text for key, text in _loaded(language).items() if isinstance(text, str)}


@cache
def counted(language: str) -> dict[str, dict[str, str]]:
    """Return the texts that count something: a form for each plural category of the language
    (CLDR)."""
    return {key: forms for key, forms in _loaded(language).items() if isinstance(forms, dict)}


@cache
def page_texts(language: str) -> dict[str, str]:
    """Return the texts that the checkout needs in the browser. The server puts the others together,
    or they are the balance page's."""
    return {
        key: text
        for key, text in catalogue(language).items()
        if not key.startswith((*_ONLY_ON_THE_SERVER, _BALANCE))
    }


@cache
def balance_texts(language: str) -> dict[str, str]:
    """Return the texts that the balance page needs in the browser."""
    return {
        key: text
        for key, text in catalogue(language).items()
        if key.startswith(_BALANCE) or key in _BALANCE_TOO
    }


def text(language: str, key: str, **values: str) -> str:
    """Return one text with its values filled in."""
    return catalogue(language)[key].format(**values)


def count(language: str, key: str, number: int | Decimal, **values: str) -> str:
    """Return the form of a text that goes with `number`, which `{count}` stands for in it."""
    spoken = Locale.parse(locale(language))
    forms = counted(language)[key]
    written = format_decimal(number, locale=spoken)
    return forms[spoken.plural_form(number)].format(count=written, **values)


def wait(language: str, seconds: int) -> str:
    """Return when to try again, in whole minutes or hours."""
    minutes = max(1, math.ceil(seconds / 60))
    if minutes <= 60:
        return count(language, "count.wait_minutes", minutes)
    return count(language, "count.wait_hours", math.ceil(minutes / 60))


def again(said: str, before: str, now: str) -> str:
    """Return in another language what was said in one, so that a payer who switches loses no
    message.

    `said` is returned as it is if it is none of the catalogue's texts.
    """
    for key, form, template in _templates(before):
        if found := template.fullmatch(said):
            spoken = counted(now)[key][form] if form else catalogue(now)[key]
            return spoken.format(**found.groupdict())
    return said


@cache
def _templates(language: str) -> tuple[tuple[str, str, re.Pattern[str]], ...]:
    """Return key, plural category (or nothing) and the pattern of a filled-in text. Fixed texts
    come first."""
    written = [(key, "", text) for key, text in catalogue(language).items()]
    for key, forms in counted(language).items():
        written += [(key, form, text) for form, text in forms.items()]
    written.sort(key=lambda one: one[2].count("{"))
    return tuple(
        (key, form, re.compile(_VALUE.sub(r"(?P<\1>.+)", re.escape(text))))
        for key, form, text in written
    )


def locale(language: str) -> str:
    """Return the locale that writes amounts and dates for the language."""
    return catalogue(language)["_locale"]


def choose(
    wanted: str | None, accepted: str | None, *, hint: str | None = None, country: str = ""
) -> str:
    """Return the language of a page: `?language=`, else the shop's `hint` for this session, else
    the Accept-Language header, else the language of the order's `country`."""
    for tag in (wanted or "", hint or "", *_by_preference(accepted or "")):
        if spoken := known(tag):
            return spoken
    return _OF_COUNTRY.get(country, DEFAULT)


def known(tag: str) -> str | None:
    """Return the catalogue for a BCP 47 tag such as `no`, `nb-NO` or `sv_SE`; None if there is
    none."""
    primary = tag.strip().lower().replace("_", "-").partition("-")[0]
    primary = _ALIASES.get(primary, primary)
    return primary if primary in languages() else None


def _by_preference(header: str) -> Iterator[str]:
    """Yield the tags of an Accept-Language header (RFC 9110 section 12.5.4), best first."""
    weighted = []
    for place, part in enumerate(header[:1000].split(",")):
        tag, _, parameter = part.partition(";")
        try:
            weight = float(parameter.strip().removeprefix("q=") or 1)
        except ValueError:
            weight = 0.0
        if weight > 0:
            weighted.append((-weight, place, tag.strip()))
    for _, _, tag in sorted(weighted):
        yield tag
