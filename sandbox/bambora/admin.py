"""Controls for the tester of what only this provider has: its merchants. Under `/_admin/`."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from sandbox.bambora.world import World, register
from sandbox.common.admin import admin_routes
from sandbox.common.wire import json_body


class BamboraAdmin:
    def __init__(self, world: World) -> None:
        self._world = world

    def routes(self) -> list[Route]:
        return admin_routes((("merchants", "POST", self._register),))

    async def _register(self, request: Request) -> Response:
        """Register `{"merchant_number": "T…", "access_token", "secret_token", "md5_key"}`, which
        one types into the provider's own administration. The same number again replaces the
        entry."""
        try:
            return JSONResponse(register(self._world, await json_body(request)))
        except ValueError as error:
            return JSONResponse({"error": str(error)}, 400)
