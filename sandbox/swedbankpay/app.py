"""The provider as one ASGI application."""

from __future__ import annotations

import json
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

from sandbox.common.deliveries import Sending
from sandbox.common.program import sandbox_app
from sandbox.common.storage import Delivery, Storage
from sandbox.swedbankpay.api import Api
from sandbox.swedbankpay.hosted_page import HostedPage
from sandbox.swedbankpay.movements import pass_time
from sandbox.swedbankpay.problems import problem
from sandbox.swedbankpay.world import RETRY, World


def create_app(data_dir: Path, public_url: str | None = None) -> Starlette:
    """Return the provider with its storage in `data_dir`.

    `public_url` is where payers' browsers reach it. None means the address of the merchant's call.
    """
    world = World(Storage(data_dir, "swedbankpay"))
    return sandbox_app(
        world,
        [
            *Api(world, public_url.rstrip("/") if public_url else None).routes(),
            *HostedPage(world).routes(),
        ],
        prepare=lambda delivery: _prepare(world, delivery),
        retry=RETRY,
        pass_time=lambda: pass_time(world),
        exception_handlers={HTTPException: _http_error, Exception: _crash},
    )


def _prepare(world: World, delivery: Delivery) -> Sending | None:
    """Callbacks bear no signature. A forged one comes from somebody who knows the merchant's
    address and an order's id, and not the secret part of the address that the order was given."""
    found = world.storage.find("callback", delivery.event)
    if found is None:
        return None
    url = str(found[1]["url"])
    if delivery.forged:
        url = urlunsplit(urlsplit(url)._replace(query=""))
    body = json.dumps(found[1]["body"]).encode()
    headers = {"Content-Type": "application/json", "User-Agent": "swedbankpay-sandbox"}
    return Sending(url, body, headers)


async def _http_error(request: Request, error: Exception) -> Response:
    status = error.status_code if isinstance(error, HTTPException) else 500
    if not request.url.path.startswith("/psp/"):
        return PlainTextResponse("Not found" if status == 404 else "Not allowed", status)
    body = problem(404, "notfound", "There is no such resource")
    return Response(json.dumps(body), 404, media_type="application/problem+json")


async def _crash(request: Request, error: Exception) -> Response:
    body = problem(500, "systemerror", "Something went wrong")
    return Response(json.dumps(body), 500, media_type="application/problem+json")
