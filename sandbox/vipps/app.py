"""The Vipps MobilePay sandbox as one ASGI application."""

from __future__ import annotations

from pathlib import Path

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response

from sandbox.common.admin import admin_routes
from sandbox.common.program import sandbox_app
from sandbox.common.storage import Storage
from sandbox.vipps import pushes
from sandbox.vipps.api import Api
from sandbox.vipps.landing import LandingPage
from sandbox.vipps.webhooks import RETRY, prepare
from sandbox.vipps.world import ApiError, World


def create_app(data_dir: Path, public_url: str | None = None) -> Starlette:
    """Return the provider with its storage in `data_dir`.

    `public_url` is where payers' browsers reach it. None means the address of the merchant's call.
    """
    world = World(Storage(data_dir, "vipps"))

    async def recorded(request: Request) -> Response:
        """Return every push that was ever asked for."""
        return JSONResponse({"pushes": pushes.recorded(world)})

    async def webhooks(request: Request) -> Response:
        """Return every address that is registered, without its secret."""
        shown = ("id", "url", "events")
        found = [{name: one[name] for name in shown} for _, one in world.storage.all("webhook")]
        return JSONResponse({"webhooks": found})

    return sandbox_app(
        world,
        [
            *Api(world, public_url.rstrip("/") if public_url else None).routes(),
            *LandingPage(world).routes(),
            *admin_routes((("pushes", "GET", recorded), ("webhooks", "GET", webhooks))),
        ],
        prepare=lambda delivery: prepare(world, delivery),
        retry=RETRY,
        pass_time=lambda: pushes.pass_time(world),
        exception_handlers={HTTPException: _http_error, Exception: _crash},
    )


async def _http_error(request: Request, error: Exception) -> Response:
    status = error.status_code if isinstance(error, HTTPException) else 500
    if request.url.path.startswith("/c/"):
        return PlainTextResponse("Not found" if status == 404 else "Not allowed", status)
    # What the gateway in front does not know, it answers in a form of its own.
    return JSONResponse({"statusCode": status, "message": "Resource not found"}, status)


async def _crash(request: Request, error: Exception) -> Response:
    return JSONResponse(ApiError(500, "Internal Server Error", "Something went wrong.").body, 500)
