"""What the back end itself says to a payer: in an SMS, and on a provider's page or statement.

There is one file of phrases for each language, and every file has the same names
(`tests/unit/core/test_phrases.py`). The page has texts of its own (`checkout_ui/texts`), which the
back end does not know.
"""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path

DEFAULT = "en"
_ALIASES = {"no": "nb"}


@cache
def known() -> dict[str, dict[str, str]]:
    """Return all phrases: language (BCP 47) to name to phrase."""
    text = Path(__file__).with_suffix(".json").read_text(encoding="utf-8")
    phrases: dict[str, dict[str, str]] = json.loads(text)
    return phrases


def language_of(tag: str | None) -> str | None:
    """Return the language of a BCP 47 tag such as `no`, `nb-NO`, `sv_SE`; None if we lack it."""
    primary = (tag or "").strip().lower().replace("_", "-").partition("-")[0]
    primary = _ALIASES.get(primary, primary)
    return primary if primary in known() else None


def say(tag: str | None, name: str, **values: str) -> str:
    """Return one phrase, in English if we lack the language."""
    return known()[language_of(tag) or DEFAULT][name].format(**values)
