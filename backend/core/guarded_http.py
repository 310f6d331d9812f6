"""HTTP to addresses that a merchant sets: every connection passes `backend.core.address`.

The guard works where the connection is made, so no caller can forget it. It resolves the name,
checks every address of the name, and opens the socket to a checked address. A name that points
elsewhere a moment later gains nothing. TLS still asks for the name. No proxy from the environment
is used, because a proxy would resolve the name itself.

Source: `docs/architecture.md#strangers`.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Callable, Iterable
from typing import Any

import httpcore
import httpx

from backend.core.address import AddressRefused, AddressUnknown, check, look_up

MAX_CONNECTIONS = 200
KEEP_ALIVE_SECONDS = 5.0


class _GuardedNetwork(httpcore.AsyncNetworkBackend):
    """Opens sockets to checked addresses only."""

    def __init__(self, insecure: Callable[[], bool]) -> None:
        self._insecure = insecure
        self._beneath = httpcore.AnyIOBackend()

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        """Try the host's addresses one after the other; `timeout` in seconds for all of them.
        AddressRefused, httpcore.ConnectError, httpcore.ConnectTimeout."""
        loop = asyncio.get_running_loop()
        ends = loop.time() + timeout if timeout is not None else None
        try:
            async with asyncio.timeout_at(ends):
                addresses = await look_up(host, port, allow_insecure=self._insecure())
        except AddressUnknown as error:
            raise httpcore.ConnectError(str(error)) from error
        except TimeoutError as error:
            raise httpcore.ConnectTimeout(f"{host} was not resolved in time") from error
        problem: Exception = httpcore.ConnectError(f"{host} has no address")
        for tried, address in enumerate(addresses):
            left = None if ends is None else max(ends - loop.time(), 0.0)
            share = None if left is None else left / (len(addresses) - tried)
            try:
                return await self._beneath.connect_tcp(
                    address, port, share, local_address, socket_options
                )
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as error:
                problem = error
        raise problem

    async def connect_unix_socket(
        self, path: str, timeout: float | None = None, socket_options: Iterable[Any] | None = None
    ) -> httpcore.AsyncNetworkStream:
        raise AddressRefused("the address must not be a socket of this machine")

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)


class GuardedTransport(httpx.AsyncHTTPTransport):
    """The transport of httpx, with guarded connections. A request to a forbidden address raises
    AddressRefused before anything is sent."""

    def __init__(
        self, insecure: Callable[[], bool], verify: ssl.SSLContext, *, keep_alive: bool
    ) -> None:
        """Make the transport. Without `keep_alive` the number of connections has no limit here, and
        the caller limits it."""
        super().__init__(verify=verify, trust_env=False)
        self._insecure = insecure
        self._pool = httpcore.AsyncConnectionPool(
            ssl_context=verify,
            max_connections=MAX_CONNECTIONS if keep_alive else None,
            max_keepalive_connections=MAX_CONNECTIONS if keep_alive else 0,
            keepalive_expiry=KEEP_ALIVE_SECONDS,
            network_backend=_GuardedNetwork(insecure),
        )

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        check(str(request.url), allow_insecure=self._insecure())
        return await super().handle_async_request(request)


def guarded_client(
    insecure: Callable[[], bool], verify: ssl.SSLContext, *, keep_alive: bool = True
) -> httpx.AsyncClient:
    """Return a client for addresses that a merchant sets; it follows no redirect. `insecure` says
    at each call whether http and private addresses are allowed."""
    transport = GuardedTransport(insecure, verify, keep_alive=keep_alive)
    return httpx.AsyncClient(transport=transport, follow_redirects=False, trust_env=False)
