"""Controls for the tester of any sandbox provider: faults, the test clock, settings. Under
`/_admin/`.

There is no authentication: these programs handle only test money, and are meant for one machine.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from sandbox.common.wire import json_body
from sandbox.common.world import World

Table = Sequence[tuple[str, str, Callable[[Request], object]]]
"""The path below `/_admin/`, the method, and the endpoint."""


def admin_routes(table: Table) -> list[Route]:
    return [
        Route(f"/_admin/{path}", endpoint, methods=[method], include_in_schema=False)
        for path, method, endpoint in table
    ]


class Admin:
    """The common controls. `pass_time` does what is due at the new time."""

    def __init__(self, world: World, pass_time: Callable[[], None]) -> None:
        self._world = world
        self._pass_time = pass_time

    def routes(self) -> list[Route]:
        return admin_routes(
            (
                ("health", "GET", self._health),
                ("faults", "GET", self._faults),
                ("faults", "POST", self._add_faults),
                ("faults", "DELETE", self._clear_faults),
                ("clock", "GET", self._clock),
                ("clock", "POST", self._set_clock),
                ("settings", "GET", self._settings),
                ("settings", "POST", self._set_settings),
            )
        )

    async def _health(self, request: Request) -> Response:
        return JSONResponse({"ok": True})

    async def _faults(self, request: Request) -> Response:
        return JSONResponse({"faults": self._world.faults.waiting()})

    async def _add_faults(self, request: Request) -> Response:
        """Add one fault, for example `{"verb": "capture", "kind": "late", "times": 1, "seconds":
        30}`."""
        try:
            self._world.faults.add(await json_body(request))
        except (TypeError, ValueError) as error:
            return JSONResponse({"error": str(error)}, 400)
        return await self._faults(request)

    async def _clear_faults(self, request: Request) -> Response:
        self._world.faults.clear()
        return await self._faults(request)

    async def _clock(self, request: Request) -> Response:
        return JSONResponse({"now": self._world.now()})

    async def _set_clock(self, request: Request) -> Response:
        """Set the clock: `{"advance": seconds}`, `{"now": unix}`, or `{}` for the machine's time
        again."""
        wanted = await json_body(request)
        offset = 0
        try:
            if "advance" in wanted:
                offset = int(self._world.setting("clock_offset")) + int(wanted["advance"])
            elif "now" in wanted:
                offset = int(wanted["now"]) - int(time.time())
        except (TypeError, ValueError) as error:
            return JSONResponse({"error": str(error)}, 400)
        self._world.storage.set_setting("clock_offset", offset)
        self._pass_time()
        return await self._clock(request)

    async def _settings(self, request: Request) -> Response:
        return JSONResponse({name: self._world.setting(name) for name in self._world.defaults})

    async def _set_settings(self, request: Request) -> Response:
        wanted = await json_body(request)
        for name, value in wanted.items():
            known = self._world.defaults.get(name)
            if known is None or not isinstance(value, type(known)):
                return JSONResponse({"error": f"not a setting: {name}"}, 400)
            allowed = self._world.choices.get(name)
            if allowed is not None and value not in allowed:
                return JSONResponse({"error": f"{name} is {' or '.join(allowed)}"}, 400)
        for name, value in wanted.items():
            self._world.storage.set_setting(name, value)
        return await self._settings(request)
