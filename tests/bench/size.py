"""How often each thing is measured."""

from __future__ import annotations

from enum import StrEnum


class Size(StrEnum):
    FULL = "full"
    QUICK = "quick"
    """Fewer runs, rougher figures."""
    SMOKE = "smoke"
    """So few that the figures say nothing: only that the program still runs."""

    def pick(self, full: int, quick: int, smoke: int = 1) -> int:
        return {Size.FULL: full, Size.QUICK: quick, Size.SMOKE: smoke}[self]
