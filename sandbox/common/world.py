"""What every verb of a sandbox provider uses: storage, clock, settings, notifications."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping, Sequence
from typing import Any

from sandbox.common.faults import REPEATS, Faults
from sandbox.common.storage import Storage

# A notification is held until the next one is sent, or at most so long.
_HELD_BACK_SECONDS = 60.0


class World:
    """`defaults` names every setting that a tester may change, with its value and type. `choices`
    has the only values of some."""

    published: Mapping[str, int] = {}
    """The smallest amounts that the provider publishes, in minor units by currency. It is 1 for
    others."""

    def __init__(
        self,
        storage: Storage,
        faults: Faults,
        defaults: Mapping[str, Any],
        choices: Mapping[str, Sequence[str]] | None = None,
    ) -> None:
        self.storage = storage
        self.faults = faults
        self.choices = choices or {}
        # `retry_gap`: seconds between two attempts of a notification; 0 means as the provider does.
        # `minimum`, `maximum`: minor units of any currency that this merchant agreed on; 0 means
        # what the provider publishes, and no largest amount.
        common = {"clock_offset": 0, "retry_gap": 0, "minimum": 0, "maximum": 0}
        self.defaults: dict[str, Any] = {**common, **defaults}
        self.woken = asyncio.Event()

    def now(self) -> int:
        """Return the provider's time in Unix seconds: the machine's, moved by the test clock."""
        return int(time.time()) + int(self.setting("clock_offset"))

    def setting(self, name: str) -> Any:
        stored = self.storage.setting(name)
        return self.defaults[name] if stored is None else stored

    def minimum(self, currency: str) -> int:
        """Return the smallest amount that is accepted, in minor units of `currency` (any case)."""
        return int(self.setting("minimum")) or self.published.get(currency.upper(), 1)

    def maximum(self) -> int | None:
        """Return the largest amount that is accepted, in minor units, if there is one."""
        return int(self.setting("maximum")) or None

    def is_too_large(self, amount: int) -> bool:
        maximum = self.maximum()
        return maximum is not None and amount > maximum

    def notify(self, targets: Sequence[str], event_id: str) -> None:
        """Write one event's deliveries, in the same transaction as what they report. Deliveries use
        real time: the test clock moves the money, not the network."""
        fault = self.faults.take("notify") if targets else None
        kind = fault.kind if fault else None
        copies = {"drop": 0, "repeat": REPEATS}.get(kind or "", 1)
        now = time.time()
        wait = fault.seconds if fault and kind == "delay" else 0.0
        if kind == "swap":
            wait = _HELD_BACK_SECONDS
        for target in targets:
            for _ in range(copies):
                self.storage.schedule(
                    target, event_id, now + wait, forged=kind == "forge", held=kind == "swap"
                )
        self.woken.set()
