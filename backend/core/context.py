"""What one process works with: settings, database, clock, keys, HTTP client.

Services take it as their first argument; `current()` is for the page, whose handlers are called
without one.
"""

from __future__ import annotations

import ssl
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from functools import cache

import httpx

from backend.core.clock import Clock, SystemClock
from backend.core.db import Database
from backend.core.guarded_http import guarded_client
from backend.core.refusals import Refusals
from backend.core.settings import Settings
from backend.core.signals import Signals
from backend.core.vault import Vault
from backend.core.wheel import Wheel
from backend.limits.limiter import Limiter


@dataclass(slots=True)
class Backend:
    settings: Settings
    db: Database
    vault: Vault
    http: httpx.AsyncClient
    """For providers, whose addresses a merchant sets. It is guarded and follows no redirect."""
    callbacks_http: httpx.AsyncClient
    """For merchants' callbacks. It is guarded and keeps no connection alive: a connection is pinned
    to the address of one name, and must not serve another name."""
    operator_http: httpx.AsyncClient
    """For what the operator sets up, such as the SMS gateway, which may be in a private network."""
    limiter: Limiter
    clock: Clock = field(default_factory=SystemClock)
    signals: Signals = field(init=False)
    """Wakes who waits for what is written, here and in other processes."""
    wheel: Wheel = field(init=False)
    """The timer for moments of `clock`."""
    pin_refusals: Refusals = field(default_factory=Refusals)
    """The payers and cards whose PIN attempts this process has just refused."""
    old_pins: dict[str, tuple[datetime, bool]] = field(default_factory=dict)
    """By account: when this process last looked for PINs that are no MACs yet, and whether there
    were any."""
    old_pin_seconds: float = 0.0
    """How long (seconds) the slowest recent check of a PIN that is no MAC took in this process."""
    _certified: dict[str, httpx.AsyncClient] = field(default_factory=dict)

    def __post_init__(self) -> None:
        # By way of the field, since a test puts another clock there.
        self.signals = Signals(self.settings.database_url, lambda: self.clock.now())
        self.wheel = Wheel(lambda: self.clock.now())
        self.db.tell = self.signals.tell

    def http_with(self, name: str, make: Callable[[], ssl.SSLContext]) -> httpx.AsyncClient:
        """Return a client like `http`, with a merchant's own TLS context. `make` makes the context
        once for each `name`."""
        if name not in self._certified:
            self._certified[name] = _guarded(self.settings, verify=make())
        return self._certified[name]

    async def close(self) -> None:
        self.wheel.close()
        await self.signals.close()
        await self.http.aclose()
        for client in self._certified.values():
            await client.aclose()
        await self.callbacks_http.aclose()
        await self.limiter.close()
        await self.operator_http.aclose()
        await self.db.close()


@cache
def _trusted() -> ssl.SSLContext:
    """Return the TLS context that httpx makes for each client. It is made once, because reading the
    authorities takes long."""
    return httpx.create_ssl_context()


def _guarded(
    settings: Settings, *, verify: ssl.SSLContext, keep_alive: bool = True
) -> httpx.AsyncClient:
    return guarded_client(lambda: settings.insecure_addresses, verify, keep_alive=keep_alive)


def create(settings: Settings, clock: Clock | None = None) -> Backend:
    vault = Vault(settings.secret_key.get_secret_value())
    return Backend(
        settings=settings,
        db=Database(settings.database_url),
        vault=vault,
        limiter=Limiter(vault.limit_key, settings.redis_url, settings.limits),
        http=_guarded(settings, verify=_trusted()),
        callbacks_http=_guarded(settings, verify=_trusted(), keep_alive=False),
        operator_http=httpx.AsyncClient(follow_redirects=False, verify=_trusted()),
        clock=clock or SystemClock(),
    )


_current: Backend | None = None


def start(settings: Settings | None = None) -> Backend:
    """Make this process's context, once. Without `settings` they come from the environment."""
    global _current
    if _current is None:
        _current = create(settings or Settings())
    return _current


def current() -> Backend:
    """Return the context that `start` made. RuntimeError before it is made."""
    if _current is None:
        raise RuntimeError("the backend is not started")
    return _current


async def stop() -> None:
    global _current
    if _current is not None:
        backend, _current = _current, None
        await backend.close()
