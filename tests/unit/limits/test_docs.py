"""docs/limits.md says what the code does."""

from __future__ import annotations

import re
from pathlib import Path

from backend.core.settings import Settings
from backend.limits import rules
from backend.limits.rules import RULES, Kept, Rule

HEAD = (
    "| limit | what is counted | for each | at once | given back evenly within | where | past it "
    "|\n"
    "| --- | --- | --- | --- | --- | --- | --- |\n"
)
SPANS = {60: "a minute", 600: "10 minutes", 900: "15 minutes", 3600: "an hour", 86400: "a day"}


def row(rule: Rule) -> str:
    where = "database" if rule.kept is Kept.EXACT else "Redis or process"
    return (
        f"| `{rule.name}` | {rule.what} | {rule.key} | {rule.amount} | {SPANS[rule.window]}"
        f" | {where} | {rule.answer} |\n"
    )


def test_the_table_is_the_codes(repository: Path) -> None:
    text = (repository / "docs" / "limits.md").read_text(encoding="utf-8")
    assert HEAD + "".join(row(rule) for rule in RULES) in text


def test_every_rule_is_used(repository: Path) -> None:
    """A rule that nothing spends guards nothing."""
    names = {name for name, value in vars(rules).items() if isinstance(value, Rule)}
    assert {getattr(rules, name) for name in names} == set(RULES)
    assert len({rule.name for rule in RULES}) == len(RULES) > 20
    sources = [
        path.read_text(encoding="utf-8")
        for room in ("backend", "checkout_ui")
        for path in (repository / room).rglob("*.py")
        if path.name != "rules.py"
    ]
    used = {name for text in sources for name in re.findall(r"\brules\.([A-Z_]+)\b", text)}
    assert names - used == set()


def test_the_settings_are_told(repository: Path) -> None:
    text = (repository / "docs" / "limits.md").read_text(encoding="utf-8")
    readme = (repository / "README.md").read_text(encoding="utf-8")
    for name in ("trusted_proxy_hops", "trusted_proxy_header", "limits", "sms_countries"):
        assert name in Settings.model_fields
        assert f"`GAVEKORT_{name.upper()}`" in text
        assert f"`GAVEKORT_{name.upper()}`" in readme
