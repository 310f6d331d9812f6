"""`/.well-known/security.txt`: where to report a security hole in this installation.

Source: RFC 9116.
"""

from __future__ import annotations

from datetime import timedelta

from fastapi import Response

from backend.api.body import strict_router
from backend.api.deps import Context
from backend.core.clock import iso
from backend.core.errors import NotFound

router = strict_router()
_GOOD_FOR = timedelta(days=180)
"""The answer is made from the settings at every request, so it stays true for so long."""


@router.get("/.well-known/security.txt", response_class=Response, include_in_schema=False)
async def security_txt(ctx: Context) -> Response:
    """Return the operator's contact. NotFound if `GAVEKORT_SECURITY_CONTACT` is not set."""
    settings = ctx.settings
    if settings.security_contact is None:
        raise NotFound("this installation names no security contact")
    lines = [
        f"Contact: {settings.security_contact}",
        f"Expires: {iso((ctx.clock.now() + _GOOD_FOR).replace(microsecond=0))}",
        f"Canonical: {settings.base_url}/.well-known/security.txt",
    ]
    if settings.security_policy is not None:
        lines.append(f"Policy: {settings.security_policy}")
    return Response("\n".join(lines) + "\n", media_type="text/plain; charset=utf-8")
