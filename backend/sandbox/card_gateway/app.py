"""The acquirer as one ASGI application."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response

from backend.sandbox.card_gateway.admin import Admin
from backend.sandbox.card_gateway.api import Api
from backend.sandbox.card_gateway.hosted_page import HostedPage
from backend.sandbox.card_gateway.storage import Storage
from backend.sandbox.card_gateway.webhooks import deliver_for_ever
from backend.sandbox.card_gateway.world import World


def create_app(data_dir: Path, public_url: str | None = None) -> Starlette:
    """The acquirer with its storage in `data_dir`.

    `public_url` is where payers' browsers reach it; None: the address a merchant calls it by.
    """
    storage = Storage(data_dir)
    world = World(storage)

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        deliveries = asyncio.create_task(deliver_for_ever(world))
        yield
        deliveries.cancel()
        with suppress(asyncio.CancelledError):
            await deliveries
        storage.close()

    routes = [
        *Api(world, public_url.rstrip("/") if public_url else None).routes(),
        *HostedPage(world).routes(),
        *Admin(world).routes(),
    ]
    return Starlette(
        routes=routes,
        lifespan=lifespan,
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
