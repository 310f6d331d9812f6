"""Where the events of an open page come from, read by the rules of `backend.limits.source`, as for
the API."""

from __future__ import annotations

from reflex.istate.data import RouterData

from backend.core import context
from backend.limits.source import client_address

_PEER = "asgi-scope-client"
"""Reflex keeps the other end of the socket under this name, whatever a client sends under it."""


def source_of(router: RouterData) -> str:
    """Return the caller's address in its plain form. Reflex's own `client_ip` knows neither ports
    nor the `Forwarded` header."""
    settings, headers = context.current().settings, router.headers.raw_headers
    line = headers.get(settings.trusted_proxy_header, "")
    return client_address(
        headers.get(_PEER), [line], settings.trusted_proxy_hops, settings.trusted_proxy_header
    )
