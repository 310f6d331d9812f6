"""Bodies and paths before anything else reads them: what no database column can hold, and what no
JSON answer can say, is refused here, for every route.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Coroutine
from typing import Any

from fastapi import APIRouter, Request, Response
from fastapi.routing import APIRoute

from backend.api.deps import origin, principal
from backend.api.idempotent import HEADER, answer_once
from backend.errors import GavekortError, InvalidRequest
from backend.sessions.events import asked_by

MAX_BODY = 512 * 1024
MAX_DEPTH = 32


class BodyTooLarge(GavekortError):
    status = 413
    code = "TOO_LARGE"


class StrictRequest(Request):
    """A request whose JSON holds only what JSON and our databases know."""

    async def body(self) -> bytes:
        if not hasattr(self, "_body"):
            received = bytearray()
            async for chunk in self.stream():
                received += chunk
                if len(received) > MAX_BODY:
                    raise BodyTooLarge("the body is too large")
            self._body = bytes(received)
        return self._body

    async def json(self) -> Any:
        body = await self.body()
        try:
            value = json.loads(body, parse_constant=_refuse_constant)
        except (ValueError, RecursionError) as error:
            raise InvalidRequest("the body is not JSON") from error
        _check(value, MAX_DEPTH)
        return value


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is not JSON")


def _check(value: Any, depth: int) -> None:
    if depth == 0:
        raise InvalidRequest("the body is nested too deeply")
    if isinstance(value, dict):
        for key, part in value.items():
            check_text(key)
            _check(part, depth - 1)
    elif isinstance(value, list):
        for part in value:
            _check(part, depth - 1)
    elif isinstance(value, str):
        check_text(value)
    elif isinstance(value, float) and value in (float("inf"), float("-inf")):
        raise InvalidRequest("a number in the body is too large")


def check_text(text: str) -> None:
    """InvalidRequest for NUL and for half of a surrogate pair."""
    if "\x00" in text:
        raise InvalidRequest("text cannot contain NUL")
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise InvalidRequest("text must be valid Unicode") from error


class StrictRoute(APIRoute):
    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        inner = super().get_route_handler()
        # Payers have no name under which a key could be kept; what they do is safe to repeat.
        once = any(needed.call is principal for needed in self.dependant.dependencies)

        async def handler(request: Request) -> Response:
            check_text(request.url.path)
            query = request.query_params.multi_items()
            for part in (*request.path_params.values(), *(text for pair in query for text in pair)):
                check_text(str(part))
            # Every body is JSON, whatever a client calls it: without a name it is read as that.
            headers = [(k, v) for k, v in request.scope["headers"] if k != b"content-type"]
            strict = StrictRequest({**request.scope, "headers": headers}, request.receive)
            with asked_by(origin(request)):
                if once and request.method == "POST" and HEADER in request.headers:
                    return await answer_once(strict, lambda: inner(strict))
                return await inner(strict)

        return handler


def strict_router() -> APIRouter:
    return APIRouter(route_class=StrictRoute)
