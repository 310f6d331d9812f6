"""The page's texts: one catalogue a language, and the choice of the language.

A catalogue is a JSON object of key to text; `{name}` stands for a value. Keys beginning with `_`
say something about the language itself. To add a language, add its file: every catalogue has the
same keys (`tests/unit/test_texts.py`).
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import cache
from pathlib import Path

_HERE = Path(__file__).parent

DEFAULT = "en"
_ALIASES = {"no": "nb", "nn": "nb"}
"""`no` is Dintero's code for Norwegian; bokmål is nearer to nynorsk than English is."""
_ONLY_ON_THE_SERVER = ("_", "title.", "error.", "refused.", "announced.", "hosted.")


@cache
def languages() -> tuple[str, ...]:
    """The languages there is a catalogue for, as BCP 47 codes."""
    return tuple(sorted(path.stem for path in _HERE.glob("*.json")))


@cache
def catalogue(language: str) -> dict[str, str]:
    """All texts of a language. KeyError where there is no such catalogue."""
    if language not in languages():
        raise KeyError(language)
    loaded: dict[str, str] = json.loads((_HERE / f"{language}.json").read_text(encoding="utf-8"))
    return loaded


@cache
def page_texts(language: str) -> dict[str, str]:
    """Those that the browser needs: the others are put together on the server."""
    return {
        key: text
        for key, text in catalogue(language).items()
        if not key.startswith(_ONLY_ON_THE_SERVER)
    }


def text(language: str, key: str, **values: str) -> str:
    """One text with its values filled in."""
    return catalogue(language)[key].format(**values)


def locale(language: str) -> str:
    """The locale whose way of writing amounts and dates goes with the language."""
    return catalogue(language)["_locale"]


def choose(wanted: str | None, accepted: str | None) -> str:
    """The language for `?language=` (first) and the Accept-Language header (then)."""
    for tag in (wanted or "", *_by_preference(accepted or "")):
        if known := _known(tag):
            return known
    return DEFAULT


def _known(tag: str) -> str | None:
    primary = tag.strip().lower().replace("_", "-").partition("-")[0]
    primary = _ALIASES.get(primary, primary)
    return primary if primary in languages() else None


def _by_preference(header: str) -> Iterator[str]:
    """The tags of an Accept-Language header (RFC 9110 section 12.5.4), best first."""
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
