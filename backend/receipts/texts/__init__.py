"""The words of receipts: one catalogue for each language, as for the page. English replaces a
language that has none."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path

from backend.core import phrases

_HERE = Path(__file__).parent
DEFAULT = "en"


@cache
def languages() -> tuple[str, ...]:
    return tuple(sorted(path.stem for path in _HERE.glob("*.json")))


@cache
def catalogue(language: str) -> dict[str, str]:
    file = _HERE / f"{known(language)}.json"
    loaded: dict[str, str] = json.loads(file.read_text(encoding="utf-8"))
    return loaded


def text(language: str, key: str, **values: str) -> str:
    return catalogue(language)[key].format(**values)


def known(language: str) -> str:
    """Return the language of a BCP 47 tag (`no`, `nb-NO`), or the one that stands in for it."""
    return phrases.language_of(language) or DEFAULT
