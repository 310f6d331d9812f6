"""The Klarna sandbox as one ASGI application."""

from __future__ import annotations

from pathlib import Path

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response

from sandbox.common.admin import admin_routes
from sandbox.common.program import sandbox_app
from sandbox.common.storage import Storage
from sandbox.common.wire import json_body
from sandbox.klarna import orders
from sandbox.klarna.api import Api
from sandbox.klarna.hosted_page import HostedPage
from sandbox.klarna.pushes import RETRY, pass_time, prepare
from sandbox.klarna.world import CHOICES, Call, World, new_uuid


def create_app(data_dir: Path, public_url: str | None = None) -> Starlette:
    """Return the provider with its storage in `data_dir`.

    `public_url` is where payers' browsers reach it. None means the address of the merchant's call.
    """
    world = World(Storage(data_dir, "klarna"))

    async def decide(request: Request) -> Response:
        """Decide the risk of an order now: `{"outcome": "ACCEPTED"|"REJECTED"|"STOPPED"}`."""
        outcome = (await json_body(request)).get("outcome")
        found = world.storage.find("order", request.path_params["id"])
        if found is None or outcome not in CHOICES["fraud_outcome"]:
            return JSONResponse({"error": "no such order, or no such outcome"}, 400)
        with world.storage.transaction():
            orders.decide(world, Call(found[0]), found[1], outcome)
        return JSONResponse({"fraud_status": outcome})

    return sandbox_app(
        world,
        [
            *Api(world, public_url.rstrip("/") if public_url else None).routes(),
            *HostedPage(world).routes(),
            *admin_routes((("orders/{id}/fraud", "POST", decide),)),
        ],
        prepare=lambda delivery: prepare(world, delivery),
        retry=RETRY,
        pass_time=lambda: pass_time(world),
        exception_handlers={HTTPException: _http_error, Exception: _crash},
    )


async def _http_error(request: Request, error: Exception) -> Response:
    status = error.status_code if isinstance(error, HTTPException) else 500
    if request.url.path.startswith("/c/"):
        return PlainTextResponse("Not found" if status == 404 else "Not allowed", status)
    # A path that does not exist is refused like a stranger.
    body = {
        "correlation_id": new_uuid(),
        "error_code": "FORBIDDEN",
        "error_messages": ["Forbidden"],
    }
    return JSONResponse(body, 403)


async def _crash(request: Request, error: Exception) -> Response:
    body = {"correlation_id": new_uuid(), "error_code": "INTERNAL_ERROR", "error_messages": []}
    return JSONResponse(body, 500)
