"""Refusals as the provider writes them: RFC 7807, distinguished by `type` alone.

Source: `docs/reference/psp/swedbankpay.md#errors`.
"""

from __future__ import annotations

from sandbox.common.storage import Json

_TYPES = "https://api.payex.com/psp/errordetail"
_TITLES = {
    400: "Input validation failed",
    401: "Unauthorized",
    403: "Operation not allowed",
    404: "Not found",
    415: "Unsupported media type",
    422: "Unprocessable",
    429: "Too many requests",
    500: "System error",
}


class Problem(Exception):
    """An error answer. With `keep`, what the call did before it failed stays."""

    def __init__(
        self, status: int, code: str, detail: str, *, name: str | None = None, keep: bool = False
    ) -> None:
        super().__init__(detail)
        self.status = status
        self.keep = keep
        self.body = problem(status, code, detail, name)


def problem(status: int, code: str, detail: str, name: str | None = None) -> Json:
    """Return a problem. `name` is the field that is wrong, or the source of a provider's own
    text."""
    return {
        "type": f"{_TYPES}/{code}",
        "title": _TITLES.get(status, "Error"),
        "status": status,
        "detail": detail,
        "instance": "http://localhost/sandbox",
        "problems": [{"name": name, "description": detail}] if name else [],
    }


def wrong(name: str, detail: str) -> Problem:
    return Problem(400, "inputerror", f"{name}: {detail}", name=name)


def missing() -> Problem:
    return Problem(404, "notfound", "There is no such resource, or it is not offered now")
