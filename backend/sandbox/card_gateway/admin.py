"""The tester's hand: faults, the test clock, settings, late banks, events. Under `/_admin/`.

No authentication: this program handles test money only and is meant for one machine.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from backend.sandbox.card_gateway import checkout_sessions, payment_intents, webhooks
from backend.sandbox.card_gateway.storage import Json
from backend.sandbox.card_gateway.wire import ApiError
from backend.sandbox.card_gateway.world import DEFAULTS, Call, World


class Admin:
    def __init__(self, world: World) -> None:
        self._world = world

    def routes(self) -> list[Route]:
        table: tuple[tuple[str, str, Callable[[Request], object]], ...] = (
            ("health", "GET", self._health),
            ("faults", "GET", self._faults),
            ("faults", "POST", self._add_faults),
            ("faults", "DELETE", self._clear_faults),
            ("clock", "GET", self._clock),
            ("clock", "POST", self._set_clock),
            ("settings", "GET", self._settings),
            ("settings", "POST", self._set_settings),
            ("payment_intents/{id}/settle", "POST", self._settle),
            ("events/{id}", "GET", self._event),
            ("events/{id}/resend", "POST", self._resend),
        )
        return [
            Route(f"/_admin/{path}", endpoint, methods=[method], include_in_schema=False)
            for path, method, endpoint in table
        ]

    async def _health(self, request: Request) -> Response:
        return JSONResponse({"ok": True})

    async def _faults(self, request: Request) -> Response:
        return JSONResponse({"faults": self._world.faults.waiting()})

    async def _add_faults(self, request: Request) -> Response:
        """One fault, e.g. `{"verb": "capture", "kind": "late", "times": 1, "seconds": 30}`."""
        try:
            self._world.faults.add(await _body(request))
        except (TypeError, ValueError) as error:
            return JSONResponse({"error": str(error)}, 400)
        return await self._faults(request)

    async def _clear_faults(self, request: Request) -> Response:
        self._world.faults.clear()
        return await self._faults(request)

    async def _clock(self, request: Request) -> Response:
        return JSONResponse({"now": self._world.now()})

    async def _set_clock(self, request: Request) -> Response:
        """`{"advance": seconds}`, `{"now": unix}` or `{}` for the machine's time again."""
        wanted = await _body(request)
        offset = 0
        try:
            if "advance" in wanted:
                offset = int(self._world.setting("clock_offset")) + int(wanted["advance"])
            elif "now" in wanted:
                offset = int(wanted["now"]) - int(time.time())
        except (TypeError, ValueError) as error:
            return JSONResponse({"error": str(error)}, 400)
        self._world.storage.set_setting("clock_offset", offset)
        webhooks.pass_time(self._world)
        return await self._clock(request)

    async def _settings(self, request: Request) -> Response:
        return JSONResponse({name: self._world.setting(name) for name in DEFAULTS})

    async def _set_settings(self, request: Request) -> Response:
        wanted = await _body(request)
        for name, value in wanted.items():
            if name not in DEFAULTS or not isinstance(value, type(DEFAULTS[name])):
                return JSONResponse({"error": f"not a setting: {name}"}, 400)
        if wanted.get("settle_outcome", "failed") not in ("failed", "authorized"):
            return JSONResponse({"error": "settle_outcome is failed or authorized"}, 400)
        for name, value in wanted.items():
            self._world.storage.set_setting(name, value)
        return await self._settings(request)

    async def _settle(self, request: Request) -> Response:
        """The bank answers a payment that is `processing`: `{"outcome": "authorized"|"failed"}`."""
        outcome = (await _body(request)).get("outcome")
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


async def _body(request: Request) -> Json:
    try:
        given = json.loads(await request.body() or b"{}")
    except ValueError:
        return {}
    return given if isinstance(given, dict) else {}
