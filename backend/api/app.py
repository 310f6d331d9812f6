"""The merchant API: one FastAPI application with one router for each resource, mounted beside the
page."""

from __future__ import annotations

from collections.abc import Sequence

from fastapi import APIRouter, FastAPI
from starlette.routing import Route

from backend.api import errors, openapi
from backend.api.addresses import Numbered, OneAddress
from backend.api.limited import Limited, refuse_in_json
from backend.api.routers import (
    auth,
    branding,
    cards,
    hooks,
    notifications,
    profiles,
    returning,
    sessions,
    signature,
    transactions,
    view,
    wallets,
    well_known,
)

_ROUTERS = (
    auth, sessions, view, returning, cards, wallets, transactions, hooks, signature, profiles,
    notifications, branding,
)  # fmt: skip

PREFIX = "/v1"
__all__ = ["Limited", "OneAddress", "create_api", "refuse_in_json"]


def create_api() -> FastAPI:
    """Return the application with all JSON routes under `/v1`. It uses
    `backend.core.context.current()` when a request comes, and not when this is called. Content
    types are ignored, because clients forget them."""
    app = FastAPI(
        title="Gavekort",
        docs_url=None,
        redoc_url=None,
        openapi_url=None,
        redirect_slashes=False,
        strict_content_type=False,
    )
    routers = [room.router for room in _ROUTERS]
    errors.install(app, lambda path: _methods(path.removeprefix(PREFIX), routers))
    v1 = APIRouter(prefix=PREFIX)
    for room in _ROUTERS:
        v1.include_router(room.router)
    app.include_router(v1)
    app.include_router(well_known.router)
    openapi.install(app, PREFIX, routers)
    app.add_middleware(Limited)
    # These two are outside of the layer that answers a crash.
    layers = app.build_middleware_stack
    app.build_middleware_stack = lambda: Numbered(OneAddress(layers()))  # type: ignore[method-assign]
    return app


def _methods(path: str, routers: Sequence[APIRouter]) -> set[str]:
    """Return all the methods of a path. A route without parameters comes before a pattern."""
    routes = [r for router in routers for r in router.routes if isinstance(r, Route)]
    found = [r for r in routes if r.path_regex.match(path)]
    minimum = min((len(route.param_convertors) for route in found), default=0)
    return {
        method
        for route in found
        if len(route.param_convertors) == minimum
        for method in route.methods or ()
    }
