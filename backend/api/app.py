"""The merchant API: one FastAPI, one router a resource, mounted beside the page."""

from __future__ import annotations

from fastapi import APIRouter, FastAPI

from backend.api import errors
from backend.api.routers import (
    auth,
    cards,
    notifications,
    profiles,
    sessions,
    transactions,
    view,
    wallets,
)

_ROUTERS = (auth, sessions, view, cards, wallets, transactions, profiles, notifications)


def create_api() -> FastAPI:
    """All JSON routes under `/v1`. The context is `backend.context.current()` when a request
    comes, not when this is called. Content types are not looked at: clients forget them."""
    app = FastAPI(
        title="Gavekort",
        docs_url=None,
        redoc_url=None,
        openapi_url=None,
        redirect_slashes=False,
        strict_content_type=False,
    )
    errors.install(app)
    v1 = APIRouter(prefix="/v1")
    for room in _ROUTERS:
        v1.include_router(room.router)
    app.include_router(v1)
    return app
