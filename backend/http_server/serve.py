"""Start the server."""

from __future__ import annotations

import uvicorn

from backend.core.settings import Settings
from backend.http_server.protocol import GuardedProtocol
from backend.http_server.rules import KEEP_ALIVE_SECONDS, backlog, raise_file_limit

_STOP_SECONDS = 3
_MAX_MESSAGE = 65_536
"""Bytes of one unpacked message over an event socket. The page sends at most the fields of a
form."""


def serve(
    app: str, settings: Settings, host: str, port: int, workers: int, *, websocket: str
) -> None:
    """Serve until stopped. `app` names a function that makes the ASGI application, `websocket` the
    class that speaks the protocol of event sockets."""
    raise_file_limit(settings.connections)
    uvicorn.run(
        app,
        factory=True,
        host=host,
        port=port,
        workers=workers,
        # uvloop where it is installed: everywhere but on Windows.
        loop="auto",
        # h11 and not httptools: the limits of `GuardedProtocol` ask h11's connection how far the
        # head and the body of a request have come, and httptools does not tell.
        http=GuardedProtocol,
        backlog=backlog(),
        ws=websocket,
        ws_max_size=_MAX_MESSAGE,
        timeout_keep_alive=KEEP_ALIVE_SECONDS,
        # `backend.core.logs` decides what is logged, and how.
        log_config=None,
        # A session's id in an address is its payer's key.
        access_log=False,
        # Proxies are counted by GAVEKORT_TRUSTED_PROXY_HOPS, not believed because they are near.
        proxy_headers=False,
        server_header=False,
        timeout_graceful_shutdown=_STOP_SECONDS,
    )
