"""Controls for the tester of what only this provider has: late banks, events. Under `/_admin/`."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from sandbox.card_gateway import checkout_sessions, payment_intents, webhooks
from sandbox.card_gateway.wire import ApiError
from sandbox.card_gateway.world import Call, World
from sandbox.common.admin import admin_routes
from sandbox.common.wire import json_body


class CardAdmin:
    def __init__(self, world: World) -> None:
        self._world = world

    def routes(self) -> list[Route]:
        return admin_routes(
            (
                ("payment_intents/{id}/settle", "POST", self._settle),
                ("events/{id}", "GET", self._event),
                ("events/{id}/resend", "POST", self._resend),
            )
        )

    async def _settle(self, request: Request) -> Response:
        """Let the bank answer a payment that is `processing`: `{"outcome":
        "authorized"|"failed"}`."""
        outcome = (await json_body(request)).get("outcome")
        found = self._world.storage.find("payment_intent", request.path_params["id"])
        if found is None or outcome not in ("authorized", "failed"):
            return JSONResponse({"error": "no such intent, or no such outcome"}, 400)
        call, intent = Call(found[0]), found[1]
        try:
            with self._world.storage.transaction():
                authorized = outcome == "authorized"
                payment_intents.settle(self._world, call, intent, authorized=authorized)
                checkout_sessions.settled(self._world, call, intent)
        except ApiError as error:
            return JSONResponse({"error": str(error)}, 409)
        return JSONResponse({"status": intent["status"]})

    async def _event(self, request: Request) -> Response:
        found = self._world.storage.find("event", request.path_params["id"])
        if found is None:
            return JSONResponse({"error": "no such event"}, 404)
        return JSONResponse(webhooks.described(self._world, found[1]))

    async def _resend(self, request: Request) -> Response:
        try:
            return JSONResponse({"sent": webhooks.resend(self._world, request.path_params["id"])})
        except ApiError as error:
            return JSONResponse(error.body, error.status)
