"""The provider as one ASGI application."""

from __future__ import annotations

from pathlib import Path

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response

from sandbox.card_gateway.admin import CardAdmin
from sandbox.card_gateway.api import Api
from sandbox.card_gateway.hosted_page import HostedPage
from sandbox.card_gateway.webhooks import RETRY, pass_time, prepare
from sandbox.card_gateway.world import World
from sandbox.common.program import sandbox_app
from sandbox.common.storage import Storage


def create_app(data_dir: Path, public_url: str | None = None) -> Starlette:
    """Return the provider with its storage in `data_dir`.

    `public_url` is where payers' browsers reach it. None means the address of the merchant's call.
    """
    world = World(Storage(data_dir, "card_gateway"))
    return sandbox_app(
        world,
        [
            *Api(world, public_url.rstrip("/") if public_url else None).routes(),
            *HostedPage(world).routes(),
            *CardAdmin(world).routes(),
        ],
        prepare=lambda delivery: prepare(world, delivery),
        retry=RETRY,
        pass_time=lambda: pass_time(world),
        exception_handlers={HTTPException: _http_error, Exception: _crash},
    )


async def _http_error(request: Request, error: Exception) -> Response:
    status = error.status_code if isinstance(error, HTTPException) else 500
    if not request.url.path.startswith("/v1/"):
        return PlainTextResponse("Not found" if status == 404 else "Not allowed", status)
    message = f"Unrecognized request URL ({request.method}: {request.url.path})."
    return JSONResponse({"error": {"type": "invalid_request_error", "message": message}}, 404)


async def _crash(request: Request, error: Exception) -> Response:
    return JSONResponse({"error": {"type": "api_error", "message": "Something went wrong."}}, 500)
