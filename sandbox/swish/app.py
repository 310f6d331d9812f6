"""The provider as one ASGI application."""

from __future__ import annotations

import json
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response

from sandbox.common.admin import admin_routes
from sandbox.common.deliveries import Sending
from sandbox.common.program import sandbox_app
from sandbox.common.storage import Delivery, Storage
from sandbox.swish import payments
from sandbox.swish.api import ROOT, Api
from sandbox.swish.phone import Phone
from sandbox.swish.world import RETRY, World, shown


def create_app(data_dir: Path, public_url: str | None = None) -> Starlette:
    """Return the provider with its storage in `data_dir`.

    `public_url` is where payers' browsers reach it. None means the address of the merchant's call.
    """
    world = World(Storage(data_dir, "swish"))

    async def pushes(request: Request) -> Response:
        """Return every request that named a payer's number. A test can prove with it that none was
        sent."""
        return JSONResponse({"pushes": [shown(one) for one in payments.pushes(world)]})

    async def refunds(request: Request) -> Response:
        """List the refunds of one payment request. The provider's own API has no such list."""
        wanted = request.query_params.get("payment", "")
        found = [one for one in world.everything("refund") if one["_payment"] == wanted]
        return JSONResponse({"refunds": [shown(one) for one in found]})

    return sandbox_app(
        world,
        [
            *Api(world, public_url.rstrip("/") if public_url else None).routes(),
            *Phone(world).routes(),
            *admin_routes((("pushes", "GET", pushes), ("refunds", "GET", refunds))),
        ],
        prepare=lambda delivery: _prepare(world, delivery),
        retry=RETRY,
        pass_time=lambda: payments.pass_time(world),
        exception_handlers={HTTPException: _http_error, Exception: _crash},
    )


def _prepare(world: World, delivery: Delivery) -> Sending | None:
    """Return the callback, which has no signature. A forged one comes from somebody who knows the
    merchant's address, but not the secret part of the request's address."""
    found = world.storage.find("callback", delivery.event)
    if found is None:
        return None
    url = str(found[1]["url"])
    if delivery.forged:
        url = urlunsplit(urlsplit(url)._replace(query=""))
    body = json.dumps(found[1]["body"]).encode()
    headers = {"Content-Type": "application/json", "User-Agent": "swish-sandbox"}
    return Sending(url, body, headers)


async def _http_error(request: Request, error: Exception) -> Response:
    status = error.status_code if isinstance(error, HTTPException) else 500
    if not request.url.path.startswith(ROOT):
        return PlainTextResponse("Not found" if status == 404 else "Not allowed", status)
    return JSONResponse([], status)


async def _crash(request: Request, error: Exception) -> Response:
    return JSONResponse([], 500)
