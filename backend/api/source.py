"""Where a request comes from."""

from __future__ import annotations

from fastapi import Request

from backend.context import Backend


def source_of(ctx: Backend, request: Request) -> str:
    """The caller's address, for the try budgets. X-Forwarded-For counts only as far as our own
    proxies wrote it (`GAVEKORT_TRUSTED_PROXY_HOPS`): into the caller's line, or, as some do, into
    one of their own below it."""
    direct = request.client.host if request.client else "unknown"
    hops = ctx.settings.trusted_proxy_hops
    if not hops:
        return direct
    lines = ",".join(request.headers.getlist("x-forwarded-for"))
    forwarded = [part.strip() for part in lines.split(",")]
    chain = [part for part in forwarded if part]
    return chain[-hops] if len(chain) >= hops else direct
