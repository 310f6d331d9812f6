"""What the providers' wire protocols share."""

from __future__ import annotations

import json
import secrets
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from sandbox.common.storage import Json


class Broken(Response):
    """Sends half an answer and then nothing, so that the client's connection breaks."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = [(b"content-type", b"application/json"), (b"content-length", b"4096")]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": b"{", "more_body": True})


def new_id(prefix: str, length: int = 24) -> str:
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
    return f"{prefix}_" + "".join(secrets.choice(alphabet) for _ in range(length))


def public(value: Any) -> Any:
    """Return the value without our own names, which have a leading underscore."""
    if isinstance(value, dict):
        return {
            # Metadata is the merchant's, so its names stay.
            name: below if name == "metadata" else public(below)
            for name, below in value.items()
            if not name.startswith("_")
        }
    if isinstance(value, list):
        return [public(below) for below in value]
    return value


async def json_body(request: Request) -> Json:
    """Return the body as an object; empty if it is none."""
    try:
        given = json.loads(await request.body() or b"{}")
    except (ValueError, RecursionError):
        return {}
    return given if isinstance(given, dict) else {}
