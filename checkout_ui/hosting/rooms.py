"""Which room answers a request: our pages, the balance page, the API, or the framework."""

from __future__ import annotations

import re

from fastapi import Request
from starlette.types import ASGIApp, Receive, Scope, Send

from backend.api.app import Limited, OneAddress, create_api
from checkout_ui.hosting.hosted_page import create_pages, message, too_many
from checkout_ui.hosting.in_json import ErrorsInJson
from checkout_ui.hosting.still_checking import StillChecking
from checkout_ui.hosting.versions import ASSETS

_PAGES = re.compile(r"/v1/(view|phone)/[^/]+/?")
_BALANCE = re.compile(r"/balance/[^/]+/?")
_OURS = ("/", "/embedResult/", "/embedResult")
_METHODS = ("GET", "HEAD", "POST")
"""Any other method is an API client's mistake, and the answer has the API's own form."""
_DOCUMENTS = ("/docs", "/openapi.json")
_FRAMEWORK = ("/_event", "/ping", "/_health")
_BUILT = re.compile(r"/assets/[A-Za-z0-9_.\-~$]+")


def beside_the_api(reflex_app: ASGIApp, balance: ASGIApp) -> ASGIApp:
    """Return the application with our pages and the API first, and Reflex's socket and files after
    them. `balance` is the balance page."""
    rooms = _Rooms(create_pages(), balance, create_api(), reflex_app)
    return StillChecking(OneAddress(ErrorsInJson(Limited(rooms, too_many))))


class _Rooms:
    """Each room answers its own errors, so the errors of the API stay JSON."""

    def __init__(self, pages: ASGIApp, balance: ASGIApp, api: ASGIApp, reflex_app: ASGIApp) -> None:
        self._pages, self._balance, self._api, self._reflex = pages, balance, api, reflex_app
        self._files = {f"/{file.name}" for file in ASSETS.iterdir() if file.is_file()}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self._room(scope)(scope, receive, send)

    def _room(self, scope: Scope) -> ASGIApp:
        if scope["type"] != "http":
            return self._reflex
        path: str = scope["path"]
        if scope["method"] in _METHODS and (path in _OURS or _PAGES.fullmatch(path)):
            return self._pages
        if scope["method"] in _METHODS and _BALANCE.fullmatch(path):
            return self._balance
        if path.startswith(("/v1/", "/docs/", "/.well-known/")) or path in _DOCUMENTS:
            return self._api
        # The gate refuses everything below the event socket's address.
        is_socket = path.startswith("/_event/")
        if is_socket or path in _FRAMEWORK or path in self._files or _BUILT.fullmatch(path):
            return self._reflex
        return _no_such_page


async def _no_such_page(scope: Scope, receive: Receive, send: Send) -> None:
    """Answer with our page. The framework would send a page of its own, or a template of ours."""
    request = Request(scope, receive)
    answer = message(request, 404, "missing.heading", "missing.lead")
    await answer(scope, receive, send)
