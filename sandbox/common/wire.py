"""What the providers' wires have in common."""

from __future__ import annotations

import json
import secrets
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from sandbox.common.storage import Json


class Broken(Response):
    """Half an answer and then nothing: the client sees its connection break."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = [(b"content-type", b"application/json"), (b"content-length", b"4096")]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": b"{", "more_body": True})


def new_id(prefix: str, length: int = 24) -> str:
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
    return f"{prefix}_" + "".join(secrets.choice(alphabet) for _ in range(length))


def public(value: Any) -> Any:
    """Without what is ours alone (names with a leading underscore)."""
    if isinstance(value, dict):
        return {
            # Metadata is the merchant's: its names are theirs.
            name: below if name == "metadata" else public(below)
            for name, below in value.items()
            if not name.startswith("_")
        }
    if isinstance(value, list):
        return [public(below) for below in value]
    return value


async def json_body(request: Request) -> Json:
    """Return the body as an object; empty for what is none."""
    try:
        given = json.loads(await request.body() or b"{}")
    except (ValueError, RecursionError):
        return {}
    return given if isinstance(given, dict) else {}
