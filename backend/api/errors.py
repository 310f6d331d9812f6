"""The form of every failure: `{"error": {"code", "message", "errors": [{"description", "message",
"field", "code"}]}}`.

No answer of this API has FastAPI's own forms of errors. Source:
`docs/reference/dintero-api.md#errors`.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from backend.api.pacing import Pace
from backend.api.refused import invalid
from backend.api.source import source_of
from backend.core import logs
from backend.core.context import current
from backend.core.errors import (
    FieldError,
    GavekortError,
    InvalidRequest,
    TooManyAttempts,
)
from backend.limits.source import networks_of

log = logging.getLogger(__name__)
_CODES = {404: "NOT_FOUND", 405: "METHOD_NOT_ALLOWED", 413: "TOO_LARGE", 401: "UNAUTHORIZED"}

_MESSAGES = {
    404: "there is nothing at this address",
    405: "this address does not take this method",
}


def envelope(
    status: int,
    code: str,
    message: str,
    errors: Sequence[FieldError] = (),
    headers: dict[str, str] | None = None,
    details: Mapping[str, Any] | None = None,
) -> JSONResponse:
    # Some shops show only `errors[].description` or `errors[].message`. So `errors` is never empty.
    listed = [
        {
            **e.more,
            "description": e.description,
            "message": e.description,
            "field": e.field,
            "code": e.code,
        }
        for e in errors or (FieldError("", message, code.lower()),)
    ]
    error: dict[str, Any] = {"code": code, "message": message, "errors": listed}
    if details:
        error["details"] = dict(details)
    body = {"error": error}
    return JSONResponse(body, status_code=status, headers=headers)


def render(error: GavekortError) -> JSONResponse:
    headers = {"WWW-Authenticate": "Bearer"} if error.status == 401 else None
    if error.retry_after is not None:
        headers = {"Retry-After": str(error.retry_after)}
    return envelope(error.status, error.code, error.message, error.errors, headers, error.details)


def install(app: FastAPI, allowed: Callable[[str], set[str]]) -> None:
    """Register the handlers. `allowed` returns the methods that a path has, over all routes."""

    pace = Pace()

    @app.exception_handler(GavekortError)
    async def _ours(request: Request, error: GavekortError) -> JSONResponse:
        if isinstance(error, TooManyAttempts):
            await pace.wait(networks_of(source_of(current(), request))[0])
        return render(error)

    @app.exception_handler(RequestValidationError)
    async def _body(_request: Request, error: RequestValidationError) -> JSONResponse:
        problems = error.errors()
        if any(p["type"] == "json_invalid" for p in problems):
            return render(InvalidRequest("the body is not JSON"))
        return render(invalid(problems))

    @app.exception_handler(HTTPException)
    async def _http(request: Request, error: HTTPException) -> JSONResponse:
        if isinstance(error.__cause__, GavekortError):
            # FastAPI wraps errors that happen while it reads a body.
            return render(error.__cause__)
        code = _CODES.get(error.status_code, "BAD_REQUEST")
        headers = dict(error.headers) if error.headers else None
        if error.status_code == 405:
            # The router names only the methods of the first route that has the path.
            headers = {"Allow": ", ".join(sorted(allowed(request.url.path)))}
        message = _MESSAGES.get(error.status_code, str(error.detail))
        return envelope(error.status_code, code, message, headers=headers)

    @app.exception_handler(Exception)
    async def _crash(request: Request, error: Exception) -> JSONResponse:
        # The path itself is not logged, because it has a payer's key, or whatever a stranger wrote.
        route = getattr(request.scope.get("route"), "path", "no route")
        about = " ".join(logs.short(str(value)) for value in request.path_params.values())
        log.error("%s %s %s", request.method, route, about, exc_info=error)
        return envelope(500, "INTERNAL_ERROR", "something went wrong on our side")
