"""How one attempt to send ended."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(slots=True)
class Outcome:
    """The status and the beginning of the answer, or why there is no answer. `final` says that
    another attempt would not succeed either."""

    method: str
    url: str
    headers: dict[str, str] = field(default_factory=dict)
    status: int | None = None
    body: str | None = None
    error: str | None = None
    final: bool = False
