"""Put the gate before an application's event socket."""

from __future__ import annotations

from functools import cache
from typing import Any

import reflex as rx
from starlette.requests import HTTPConnection
from starlette.types import ASGIApp, Scope

from backend.api.source import source_of
from backend.core import context
from checkout_ui.gate import known
from checkout_ui.gate.allowed import allowed_of
from checkout_ui.gate.counts import Counts
from checkout_ui.gate.door import Door
from checkout_ui.gate.doors import Doors, Limits


@cache
def counts() -> Counts:
    """Return the counts of this process."""
    return Counts(context.current().settings.socket_log_interval)


@cache
def doors() -> Doors:
    """Return the doors of this process."""
    settings = context.current().settings
    return Doors(
        Limits(
            sockets=settings.sockets,
            per_source=settings.sockets_per_source,
            messages=settings.socket_messages_per_second,
            source_messages=settings.socket_messages_per_second_and_source,
            idle=settings.socket_idle,
        )
    )


def count_report(exception: Exception) -> None:
    """Count a report of a browser. We do not read it, since a stranger can write anything into
    it."""
    counts().count("report of a browser", "")


def guard(app: rx.App, inner: ASGIApp) -> ASGIApp:
    """Return `inner` behind a gate that lets through only what the pages of `app` send."""
    namespace = app.event_namespace
    if namespace is not None:
        connect = namespace.on_connect

        async def connected(sid: str, environ: dict[str, Any], auth: Any = None) -> None:
            known.note(sid, environ)
            await connect(sid, environ, auth)

        # Socket.IO looks its handlers up by name at every call.
        namespace.on_connect = connected  # type: ignore[method-assign]
    return Door(inner, allowed_of(app), doors, counts, _source)


def _source(scope: Scope) -> str:
    return source_of(context.current(), HTTPConnection(scope))  # type: ignore[arg-type]
