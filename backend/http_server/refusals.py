"""Answers that the server gives alone, before any part of the application sees a request."""

from __future__ import annotations

import json
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

from backend.core import logs
from backend.http_server.security_headers import common_headers


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a request is not taken. `code` is stable; `message` repeats nothing of it."""

    status: int
    code: str
    message: str


MALFORMED = Refusal(400, "MALFORMED_REQUEST", "the request is malformed")
UNKNOWN_HOST = Refusal(400, "UNKNOWN_HOST", "this server does not answer for that host name")
URI_TOO_LONG = Refusal(414, "URI_TOO_LONG", "the address is too long")
HEADERS_TOO_LARGE = Refusal(431, "HEADERS_TOO_LARGE", "the headers are too many or too long")
BODY_TOO_LARGE = Refusal(413, "TOO_LARGE", "the body is too large")
ENCODED_BODY = Refusal(415, "UNSUPPORTED_ENCODING", "a body must not be compressed")
TOO_SLOW = Refusal(408, "TOO_SLOW", "the request did not arrive in time")
NO_ROOM = Refusal(503, "NO_ROOM", "too many connections are open; try again in a moment")


def told(code: str, message: str) -> dict[str, Any]:
    """Return an error in the form of the API, for answers that no part of the API makes."""
    one = {"description": message, "message": message, "field": "", "code": code.lower()}
    return {"error": {"code": code, "message": message, "errors": [one]}}


def answer_bytes(refusal: Refusal, *, https: bool) -> bytes:
    """Return the whole answer as it goes over the wire. The connection is closed after it."""
    with logs.one_request() as number:
        body = json.dumps(told(refusal.code, refusal.message)).encode()
    headers = {
        "request-id": number,
        "content-type": "application/json",
        "content-length": str(len(body)),
        "connection": "close",
        "cache-control": "no-store",
        **common_headers(https=https),
    }
    lines = [f"HTTP/1.1 {refusal.status} {HTTPStatus(refusal.status).phrase}"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    return "\r\n".join((*lines, "", "")).encode("ascii") + body
