"""What every connector is given beside a profile's credentials."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

import httpx


@dataclass(frozen=True, slots=True)
class Tools:
    """`settle_time` says how long a write that was sent and not answered may still take effect. The
    timeouts of a call are in seconds."""

    http: httpx.AsyncClient
    clock: Callable[[], datetime]
    settle_time: timedelta = timedelta(minutes=2)
    connect_timeout: float = 5.0
    read_timeout: float = 20.0
