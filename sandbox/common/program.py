"""A sandbox provider as a program: its command line, its application, its start and end."""

from __future__ import annotations

import argparse
import asyncio
import logging
import ssl
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import uvicorn
from starlette.applications import Starlette
from starlette.routing import BaseRoute

from sandbox.common.admin import Admin
from sandbox.common.deliveries import Postman, Prepare, Retry
from sandbox.common.world import World


def sandbox_app(
    world: World,
    routes: Sequence[BaseRoute],
    *,
    prepare: Prepare,
    retry: Retry,
    pass_time: Callable[[], None],
    exception_handlers: Mapping[Any, Any],
) -> Starlette:
    """Return the provider's routes and the common admin's, with deliveries and clock running
    beside."""
    postman = Postman(world, prepare, retry, pass_time)

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        deliveries = asyncio.create_task(postman.deliver_for_ever())
        yield
        deliveries.cancel()
        with suppress(asyncio.CancelledError):
            await deliveries
        world.storage.close()

    return Starlette(
        routes=[*routes, *Admin(world, pass_time).routes()],
        lifespan=lifespan,
        exception_handlers=dict(exception_handlers),
    )


def run_program(
    name: str, description: str, port: int, create_app: Callable[[Path, str | None], Starlette]
) -> None:
    """Run `python -m sandbox.<name> --port … --data-dir …` until stopped."""
    parser = argparse.ArgumentParser(prog=f"python -m sandbox.{name}", description=description)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=port)
    parser.add_argument("--data-dir", type=Path, required=True)
    parser.add_argument(
        "--public-url", help="where payers reach it; default: as the merchant calls it"
    )
    parser.add_argument("--access-log", action="store_true")
    parser.add_argument("--tls-certificate", type=Path, help="serve TLS with this PEM chain")
    parser.add_argument("--tls-key", type=Path)
    parser.add_argument(
        "--tls-clients", type=Path, help="ask clients for a certificate of one of these PEM CAs"
    )
    options = parser.parse_args()
    logging.basicConfig(level=logging.WARNING)
    uvicorn.run(
        create_app(options.data_dir, options.public_url),
        host=options.host,
        port=options.port,
        log_level="warning",
        access_log=options.access_log,
        ssl_certfile=options.tls_certificate,
        ssl_keyfile=options.tls_key,
        ssl_ca_certs=str(options.tls_clients) if options.tls_clients else None,
        ssl_cert_reqs=ssl.CERT_REQUIRED if options.tls_clients else ssl.CERT_NONE,
        # Answers that are late on purpose must not delay a stop.
        timeout_graceful_shutdown=1,
    )
