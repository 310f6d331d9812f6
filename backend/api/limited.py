"""Limit what a stranger asks for over HTTP before anything of the request is read (docs/limits.md).

Here are the limits that need only the address of the request: its source, and the session in its
path. Limits that need more, such as whose token it is, are spent where that is known.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final

from fastapi import Request, Response
from starlette.types import ASGIApp, Receive, Scope, Send

from backend.api.errors import render
from backend.api.source import source_of
from backend.core.context import current
from backend.core.errors import TooManyRequests
from backend.limits import limiter as limits
from backend.limits import rules

_READING = ("GET", "HEAD", "OPTIONS")
_TOKEN = re.compile(r"/v1/accounts/[^/]+/auth/token/?")
_PAYER = re.compile(r"/v1/(?:view/([^/]+)/.+|sessions/([^/]+)/pay/?)", re.DOTALL)
_PAGE = re.compile(r"/|/embedResult/?|/v1/(?:view|phone)/[^/]*/?|/balance/.*", re.DOTALL)
_DOCUMENTS = re.compile(r"/openapi\.json|/docs(?:/.*)?", re.DOTALL)
_IMAGES = re.compile(r"/v1/branding/.*", re.DOTALL)
_COUNTED: Final = "gavekort.limited"

Refuse = Callable[[Request, TooManyRequests], Response]


def refuse_in_json(_request: Request, error: TooManyRequests) -> Response:
    return render(error)


class Limited:
    """Count a request before the application sees it. `refuse` answers a request beyond a limit. If
    one of these is inside another, a request counts once."""

    def __init__(self, app: ASGIApp, refuse: Refuse = refuse_in_json) -> None:
        self._inner, self._refuse = app, refuse

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and not scope.get(_COUNTED):
            scope[_COUNTED] = True
            request = Request(scope)
            try:
                await _spend(request)
            except TooManyRequests as error:
                await self._refuse(request, error)(scope, receive, send)
                return
        await self._inner(scope, receive, send)


async def _spend(request: Request) -> None:
    path: str = request.scope["path"]
    if _TOKEN.fullmatch(path):
        await _by_source(request, rules.TOKEN_SOURCE)
    elif match := _PAYER.fullmatch(path):
        await _by_source(request, rules.PAYER_SOURCE)
        reading = request.method in _READING
        rule = rules.PAYER_SESSION if reading else rules.PAYER_CHANGES
        await limits.spend(current(), rule, match[1] or match[2])
    elif _PAGE.fullmatch(path):
        await _by_source(request, rules.PAGES)
    elif _IMAGES.fullmatch(path):
        await _by_source(request, rules.IMAGES)
    elif _DOCUMENTS.fullmatch(path):
        await _by_source(request, rules.DOCUMENTS)


async def _by_source(request: Request, rule: rules.Rule) -> None:
    ctx = current()
    await limits.spend_source(ctx, rule, source_of(ctx, request))
