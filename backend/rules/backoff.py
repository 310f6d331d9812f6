"""How long to wait before something that failed is tried again. The wait doubles with each attempt,
up to a longest one."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

_MAX_DOUBLINGS = 60
"""Beyond this, the exponent of a row that is years old would give no valid number of seconds."""


@dataclass(frozen=True, slots=True)
class Backoff:
    """`first` is the wait after the first attempt, `longest` the longest wait; both in seconds."""

    first: float
    longest: float

    def after(self, attempts: float) -> timedelta:
        """Return the wait after so many attempts have failed. A score may have a fraction: half an
        attempt more makes the wait 1.4 times as long."""
        doublings = min(attempts - 1, _MAX_DOUBLINGS)
        return timedelta(seconds=min(self.first * 2**doublings, self.longest))
