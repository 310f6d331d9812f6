"""The provider as one ASGI application."""

from __future__ import annotations

from pathlib import Path

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response

from sandbox.bambora.admin import BamboraAdmin
from sandbox.bambora.api import Api
from sandbox.bambora.callbacks import RETRY, prepare
from sandbox.bambora.payment_window import PaymentWindow
from sandbox.bambora.transactions import pass_time
from sandbox.bambora.world import World, meta
from sandbox.common.program import sandbox_app
from sandbox.common.storage import Storage


def create_app(data_dir: Path, public_url: str | None = None) -> Starlette:
    """Return the provider with its storage in `data_dir`.

    `public_url` is where payers' browsers reach it. None means the address of the merchant's call.
    """
    world = World(Storage(data_dir, "bambora"))
    return sandbox_app(
        world,
        [
            *Api(world, public_url.rstrip("/") if public_url else None).routes(),
            *PaymentWindow(world).routes(),
            *BamboraAdmin(world).routes(),
        ],
        prepare=lambda delivery: prepare(world, delivery),
        retry=RETRY,
        pass_time=lambda: pass_time(world),
        exception_handlers={HTTPException: _http_error, Exception: _crash},
    )


async def _http_error(request: Request, error: Exception) -> Response:
    status = error.status_code if isinstance(error, HTTPException) else 500
    if "-api/" not in request.url.path:
        return PlainTextResponse("Not found" if status == 404 else "Not allowed", status)
    return JSONResponse({"meta": meta("404", "No such resource.")}, 404)


async def _crash(request: Request, error: Exception) -> Response:
    return JSONResponse({"meta": meta("500", "Something went wrong.")}, 500)
