"""Check bodies and paths before anything else reads them. What no database column can hold, and
what no JSON answer can contain, is refused here, for every route."""

from __future__ import annotations

import json
from collections.abc import Callable, Coroutine
from typing import Any

from fastapi import APIRouter, Request, Response
from fastapi.routing import APIRoute
from starlette.types import Receive, Scope

from backend.api.addresses import plain_query
from backend.api.deps import principal, request_context
from backend.api.idempotent import HEADER, answer_once
from backend.api.refused import with_sent
from backend.core.errors import FieldError, GavekortError, InvalidRequest
from backend.sessions.events import asked_by

MAX_BODY = 512 * 1024
MAX_OPEN_BODY = 256 * 1024
"""Bytes, for callers who need no token."""
MAX_DEPTH = 32


_LONGEST_PATH = 200
_LARGEST = 2**63 - 1
"""No amount, count or time is larger, and other programs could not read a larger one exactly."""


class BodyTooLarge(GavekortError):
    status = 413
    code = "TOO_LARGE"


class StrictRequest(Request):
    """A request whose JSON holds only what JSON and our databases know."""

    def __init__(self, scope: Scope, receive: Receive, maximum: int) -> None:
        super().__init__(scope, receive)
        self._maximum = maximum
        self.sent: Any = None
        """The body, once it is read."""

    async def body(self) -> bytes:
        if not hasattr(self, "_body"):
            received = bytearray()
            async for chunk in self.stream():
                received += chunk
                if len(received) > self._maximum:
                    raise BodyTooLarge("the body is too large")
            self._body = bytes(received)
        return self._body

    async def json(self) -> Any:
        body = await self.body()
        try:
            value = json.loads(
                body, parse_constant=_refuse_constant, object_pairs_hook=_without_duplicates
            )
        except (ValueError, RecursionError) as error:
            raise InvalidRequest("the body is not JSON") from error
        try:
            _check(value, MAX_DEPTH)
        except _TooLarge as large:
            field = ".".join(reversed(large.path))[:_LONGEST_PATH]
            text = f"a number must be from -{_LARGEST} to {_LARGEST}"
            raise InvalidRequest(f"{field}: {text}", (FieldError(field, text),)) from large
        self.sent = value
        return value


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is not JSON")


def _without_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Refuse two values with one name: another program may take the other one of them."""
    found = dict(pairs)
    if len(found) != len(pairs):
        raise InvalidRequest(
            "an object in the body has the same name twice: each name may stand once"
        )
    return found


class _TooLarge(Exception):
    """A number is too large. `path` says where it is, from the inside to the outside."""

    def __init__(self) -> None:
        super().__init__()
        self.path: list[str] = []


def _check(value: Any, depth: int) -> None:
    if depth == 0:
        raise InvalidRequest("the body is nested too deeply")
    if isinstance(value, dict | list):
        parts = value.items() if isinstance(value, dict) else enumerate(value)
        for key, part in parts:
            if isinstance(key, str):
                check_text(key)
            try:
                _check(part, depth - 1)
            except _TooLarge as large:
                large.path.append(str(key))
                raise
    elif isinstance(value, str):
        check_text(value)
    elif isinstance(value, int | float) and not -_LARGEST <= value <= _LARGEST:
        raise _TooLarge


def check_text(text: str) -> None:
    """Raise InvalidRequest for NUL and for half of a surrogate pair."""
    if "\x00" in text:
        raise InvalidRequest("text cannot contain NUL")
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise InvalidRequest("text must be valid Unicode") from error


class StrictRoute(APIRoute):
    maximum = MAX_BODY
    """Bytes that a body may have."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        inner = super().get_route_handler()
        # Payers have no name under which a key could be kept. Their requests are safe to repeat.
        once = any(needed.call is principal for needed in self.dependant.dependencies)
        queries = bool(self.dependant.query_params)

        async def handler(request: Request) -> Response:
            check_text(request.url.path)
            query = request.query_params.multi_items()
            for part in (*request.path_params.values(), *(text for pair in query for text in pair)):
                check_text(str(part))
            # Every body is JSON, whatever a client calls it. So a body without a content type is
            # read as JSON.
            headers = [(k, v) for k, v in request.scope["headers"] if k != b"content-type"]
            scope = {**request.scope, "headers": headers}
            if queries:
                scope["query_string"] = plain_query(scope["query_string"])
            strict = StrictRequest(scope, request.receive, self.maximum)

            async def answer() -> Response:
                try:
                    return await inner(strict)
                except GavekortError as error:
                    error.errors = with_sent(error.errors, strict.sent)
                    raise

            with asked_by(request_context(request)):
                if once and request.method == "POST" and HEADER in request.headers:
                    return await answer_once(strict, answer)
                return await answer()

        return handler


def strict_router() -> APIRouter:
    return APIRouter(route_class=StrictRoute)


class OpenRoute(StrictRoute):
    maximum = MAX_OPEN_BODY


def open_router() -> APIRouter:
    """Return a router for routes that anybody may call."""
    return APIRouter(route_class=OpenRoute)
