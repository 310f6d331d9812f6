"""Faults on demand: what the next calls of a verb shall suffer.

| kind | effect | answer |
| --- | --- | --- |
| refuse | no | the provider's refusal (`status`, `code`) |
| error_before | no | 500 |
| error_after | yes | 500 |
| hang | yes, after `seconds` | then, right |
| late | yes, at once | after `seconds`, right |
| drop_before | no | none: the connection breaks |
| drop_after | yes | none: the connection breaks |
| wrong_amount | of another amount, 1.00 less | as if it were right |
| wrong_currency | as it should | in another currency |

Verb `notify` knows instead: drop (never delivered), repeat (five times), delay (by `seconds`),
swap (held back until the next one has gone out), forge (with a wrong signature). Verb `early`
knows only `send`: told of before the payer has done anything. A provider says which it has.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sandbox.common.storage import Json

KINDS = (
    "refuse",
    "error_before",
    "error_after",
    "hang",
    "late",
    "drop_before",
    "drop_after",
    "wrong_amount",
    "wrong_currency",
)
NOTIFY_KINDS = ("drop", "repeat", "delay", "swap", "forge")
WRONG_BY = 100  # minor units
WRONG_CURRENCY = "CHF"
REPEATS = 5


@dataclass(slots=True)
class Fault:
    verb: str
    kind: str
    times: int = 1
    seconds: float = 30.0
    status: int = 402
    code: str = ""


class Faults:
    """Faults, the oldest first. Each is used up after its `times`. They end with the process.
    `verbs` are the provider's own, in addition to `notify` and `early`."""

    def __init__(self, verbs: Sequence[str], *, status: int = 402, code: str = "") -> None:
        self._verbs = (*verbs, "notify", "early")
        self._status = status
        self._code = code
        self._waiting: list[Fault] = []

    def add(self, wanted: Json) -> Fault:
        """Add a fault. ValueError if it is not in the table."""
        fault = Fault(
            verb=str(wanted.get("verb", "")),
            kind=str(wanted.get("kind", "")),
            times=int(wanted.get("times", 1)),
            seconds=float(wanted.get("seconds", 30.0)),
            status=int(wanted.get("status", self._status)),
            code=str(wanted.get("code", self._code)),
        )
        kinds = {"notify": NOTIFY_KINDS, "early": ("send",)}.get(fault.verb, KINDS)
        if fault.verb not in self._verbs or fault.kind not in kinds:
            raise ValueError(f"verbs {self._verbs}, kinds {kinds}")
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
