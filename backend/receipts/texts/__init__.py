"""The words of receipts: one catalogue a language, as the page has them. English stands in for a
language that has none.
"""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path

_HERE = Path(__file__).parent
DEFAULT = "en"


@cache
def languages() -> tuple[str, ...]:
    return tuple(sorted(path.stem for path in _HERE.glob("*.json")))


@cache
def catalogue(language: str) -> dict[str, str]:
    known = language if language in languages() else DEFAULT
    loaded: dict[str, str] = json.loads((_HERE / f"{known}.json").read_text(encoding="utf-8"))
    return loaded


def text(language: str, key: str, **values: str) -> str:
    return catalogue(language)[key].format(**values)


def known(language: str) -> str:
    """The language itself, or the one that stands in for it."""
    return language if language in languages() else DEFAULT
