"""Where a request comes from."""

from __future__ import annotations

from fastapi import Request

from backend.core.context import Backend
from backend.limits.source import client_address


def source_of(ctx: Backend, request: Request) -> str:
    """Return the caller's address in its plain form, for the limits. What proxies wrote counts as
    far as the settings trust them."""
    settings = ctx.settings
    return client_address(
        request.client.host if request.client else None,
        request.headers.getlist(settings.trusted_proxy_header),
        settings.trusted_proxy_hops,
        settings.trusted_proxy_header,
    )
