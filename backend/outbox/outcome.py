"""What came of one attempt to send."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(slots=True)
class Outcome:
    """A status with the head of the answer, or why there is none. `final`: later neither."""

    method: str
    url: str
    headers: dict[str, str] = field(default_factory=dict)
    status: int | None = None
    body: str | None = None
    error: str | None = None
    final: bool = False
