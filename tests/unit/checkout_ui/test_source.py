"""The page and the API give one caller the same name, whatever the headers hold."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest
from fastapi import Request
from reflex.app import EventNamespace
from reflex.istate.data import RouterData

from backend.api.source import source_of as api_source
from backend.core import context
from backend.core.context import Backend
from backend.core.settings import Settings
from checkout_ui.state.source import source_of as page_source

PEER = "10.0.0.1"
XFF, FORWARDED = b"x-forwarded-for", b"forwarded"


@pytest.fixture
async def ctx(sqlite_url: str) -> AsyncIterator[Backend]:
    settings = Settings(secret_key="k" * 40, database_url=sqlite_url)
    yield context.start(settings)
    await context.stop()


def both(headers: list[tuple[bytes, bytes]]) -> tuple[str, str]:
    """Return the sources that the page and the API derive from one request."""
    scope: dict[str, Any] = {
        "type": "http",
        "method": "GET",
        "path": "/",
        "query_string": b"",
        "headers": headers,
        "client": (PEER, 40000),
    }
    given: Any = EventNamespace._build_static_router_data(
        None,  # type: ignore[arg-type]  # it is not looked at
        "sid",
        {"asgi.scope": scope},
    )
    page = page_source(RouterData.from_router_data(given))
    return page, api_source(context.current(), Request(scope))


@pytest.mark.parametrize(
    ("headers", "hops", "header", "meant"),
    [
        ([], 1, XFF, PEER),
        ([(XFF, b"1.2.3.4")], 0, XFF, PEER),
        ([(XFF, b"1.2.3.4:567")], 1, XFF, "1.2.3.4"),
        ([(XFF, b"6.6.6.6"), (XFF, b"[2001:db8::1]:443")], 1, XFF, "2001:db8::1"),
        ([(XFF, b"6.6.6.6, 1.2.3.4, 10.0.0.2")], 2, XFF, "1.2.3.4"),
        ([(XFF, b"1.2.3.4"), (FORWARDED, b"for=6.6.6.6")], 1, XFF, "1.2.3.4"),
        ([(XFF, b"6.6.6.6"), (FORWARDED, b"for=1.2.3.4")], 1, FORWARDED, "1.2.3.4"),
        ([(XFF, b"nonsense")], 1, XFF, PEER),
        ([(XFF, b"\xff\xfe")], 1, XFF, PEER),
        # Under this name Reflex keeps the peer; a client may send it too.
        ([(b"asgi-scope-client", b"6.6.6.6")], 0, XFF, PEER),
        ([(b"asgi-scope-client", b"6.6.6.6"), (XFF, b"")], 1, XFF, PEER),
    ],
)
async def test_one_caller_is_one_source(
    ctx: Backend, headers: list[tuple[bytes, bytes]], hops: int, header: bytes, meant: str
) -> None:
    ctx.settings.trusted_proxy_hops = hops
    ctx.settings.trusted_proxy_header = header.decode()  # type: ignore[assignment]
    assert both(headers) == (meant, meant)
