"""What the registry has to know about a payment option. The folder of each provider defines it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from backend.core.context import Backend
from backend.core.errors import Unavailable
from backend.psp.protocol import Connector
from backend.psp.tools import Tools


class NotConnected(Unavailable):
    """The profile has no credentials for this option, or no connector speaks its protocol."""


def tools_of(ctx: Backend) -> Tools:
    settle_time = timedelta(seconds=ctx.settings.operation_grace)
    return Tools(ctx.http, ctx.clock.now, settle_time)


@dataclass(frozen=True, slots=True)
class Option:
    """A payment option and the connector that serves it.

    `credentials` are the names of what a profile has to know, and `optional` of what it may know.
    A name that ends in `url` is that of an https address. `currencies` are the ISO 4217 codes that
    the option takes; an empty tuple stands for all. `minimums` are the smallest amounts (minor
    units) by currency. `from_credentials` makes the connector; it is cheap, since connections are
    pooled in the context. It raises NotConnected where the credentials cannot be used.
    """

    name: str
    credentials: tuple[str, ...]
    from_credentials: Callable[[Backend, Mapping[str, Any]], Connector]
    optional: tuple[str, ...] = ()
    currencies: tuple[str, ...] = ()
    minimums: Mapping[str, int] = field(default_factory=dict)
