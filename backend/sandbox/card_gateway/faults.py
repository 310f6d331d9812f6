"""Faults on demand: what the next calls of a verb shall suffer.

| kind | effect | answer |
| --- | --- | --- |
| refuse | no | 402 `card_declined` (or `status`, `code`) |
| error_before | no | 500 |
| error_after | yes | 500 |
| hang | yes, after `seconds` | then, right |
| late | yes, at once | after `seconds`, right |
| drop_before | no | none: the connection breaks |
| drop_after | yes | none: the connection breaks |
| wrong_amount | of another amount, 1.00 less | as if it were right |

Verb `notify` knows instead: drop (never delivered), repeat (five times), delay (by `seconds`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from backend.sandbox.card_gateway.storage import Json

VERBS = ("create", "capture", "refund", "cancel", "expire", "read", "confirm", "notify")
KINDS = (
    "refuse",
    "error_before",
    "error_after",
    "hang",
    "late",
    "drop_before",
    "drop_after",
    "wrong_amount",
)
NOTIFY_KINDS = ("drop", "repeat", "delay")
WRONG_BY = 100  # minor units
REPEATS = 5


@dataclass(slots=True)
class Fault:
    verb: str
    kind: str
    times: int = 1
    seconds: float = 30.0
    status: int = 402
    code: str = "card_declined"


class Faults:
    """Oldest first, each used up after its `times`. Gone with the process."""

    def __init__(self) -> None:
        self._waiting: list[Fault] = []

    def add(self, wanted: Json) -> Fault:
        """ValueError for what is not in the table."""
        fault = Fault(
            verb=str(wanted.get("verb", "")),
            kind=str(wanted.get("kind", "")),
            times=int(wanted.get("times", 1)),
            seconds=float(wanted.get("seconds", 30.0)),
            status=int(wanted.get("status", 402)),
            code=str(wanted.get("code", "card_declined")),
        )
        kinds = NOTIFY_KINDS if fault.verb == "notify" else KINDS
        if fault.verb not in VERBS or fault.kind not in kinds:
            raise ValueError(f"verbs {VERBS}, kinds {kinds}")
        if not 1 <= fault.times <= 10_000 or not 0 <= fault.seconds <= 3600:
            raise ValueError("times 1 to 10000, seconds 0 to 3600")
        if not 400 <= fault.status <= 599:
            raise ValueError("status 400 to 599")
        self._waiting.append(fault)
        return fault

    def take(self, verb: str) -> Fault | None:
        for fault in self._waiting:
            if fault.verb == verb:
                fault.times -= 1
                if fault.times == 0:
                    self._waiting.remove(fault)
                return fault
        return None

    def clear(self) -> None:
        self._waiting.clear()

    def waiting(self) -> list[dict[str, Any]]:
        return [
            {"verb": fault.verb, "kind": fault.kind, "times": fault.times}
            for fault in self._waiting
        ]
