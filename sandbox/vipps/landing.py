"""The landing page and the app's page: plain forms and redirects, no script.

A form that is sent twice is harmless: the payment's state decides what it may do, in one
transaction, so the second one only follows the first one's redirect.
"""

from __future__ import annotations

from collections.abc import Callable
from urllib.parse import parse_qsl

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from sandbox.common import pages as shell
from sandbox.common.storage import Json
from sandbox.common.texts import catalogue, money
from sandbox.vipps import payments, pushes
from sandbox.vipps.texts import TEXTS
from sandbox.vipps.world import Call, World

_APP = "/c/app"


class LandingPage:
    def __init__(self, world: World) -> None:
        self._world = world
        self._shell = shell.Pages("sandbox.vipps")

    def routes(self) -> list[Route]:
        pay = "/c/pay/{token}"
        table: tuple[tuple[str, str, Callable[[Request], object]], ...] = (
            (pay, "GET", self._show),
            (pay, "POST", self._answer),
            (_APP, "GET", self._app),
            (_APP + "/{token}", "POST", self._answer_in_app),
        )
        return self._shell.routes() + [
            Route(path, endpoint, methods=[method], include_in_schema=False)
            for path, method, endpoint in table
        ]

    async def _show(self, request: Request) -> Response:
        found = self._found(request)
        if found is None:
            return self._closed(request, None, "missing", 404)
        payment = found[1]
        if not payments.can_answer(self._world, payment):
            return self._over(request, payment)
        text = _texts(request)
        waits = request.query_params.get("wait") is not None
        return self._shell.render(
            "landing.html",
            look="vipps",
            t=text,
            path=f"/c/pay/{payment['_token']}",
            amount=_amount(payment, text),
            description=payment["paymentDescription"],
            waits=waits,
        )

    async def _answer(self, request: Request) -> Response:
        # This comes first: while we wait for it, the merchant may cancel the payment.
        result = (await _form_of(request)).get("result", "")
        found = self._found(request)
        if found is None:
            return self._closed(request, None, "missing", 404)
        call, payment = found
        if result == "wait":
            return shell.to(f"/c/pay/{payment['_token']}?wait=1")
        self._decide(call, payment, result)
        return shell.to(payment["_return_url"] or f"/c/pay/{payment['_token']}")

    async def _app(self, request: Request) -> Response:
        pushes.pass_time(self._world)
        text = _texts(request)
        waiting = [
            {
                "path": f"{_APP}/{payment['_token']}",
                "phone": text["app_phone"].format(phone=payment["_phone"]),
                "description": payment["paymentDescription"],
                "amount": _amount(payment, text),
            }
            for payment in pushes.waiting(self._world)
        ]
        return self._shell.render("app.html", look="vipps", t=text, waiting=waiting)

    async def _answer_in_app(self, request: Request) -> Response:
        result = (await _form_of(request)).get("result", "")  # first, as in `_answer`
        found = self._found(request)
        if found is None:
            return self._closed(request, None, "missing", 404)
        self._decide(found[0], found[1], result)
        return shell.to(_APP)

    def _decide(self, call: Call, payment: Json, result: str) -> None:
        if not payments.can_answer(self._world, payment):
            return
        with self._world.storage.transaction():
            if result == "approve":
                payments.approve(self._world, call, payment)
            elif result in ("reject", "cancel"):
                payments.reject(self._world, call, payment)

    def _found(self, request: Request) -> tuple[Call, Json] | None:
        """Return merchant and payment of the address, as of now."""
        pushes.pass_time(self._world)
        found = self._world.storage.find_child("payment", request.path_params["token"])
        return None if found is None else (Call(found[0]), found[1])

    def _over(self, request: Request, payment: Json) -> Response:
        why = {"AUTHORIZED": "done", "ABORTED": "rejected"}.get(payment["state"], "expired")
        return self._closed(request, payment, why, 200)

    def _closed(self, request: Request, payment: Json | None, why: str, status: int) -> Response:
        onward = payment["_return_url"] if payment else None
        return self._shell.render(
            "closed.html", status, look="vipps", t=_texts(request), why=why, onward=onward
        )


async def _form_of(request: Request) -> dict[str, str]:
    return dict(parse_qsl((await request.body()).decode("utf-8", "replace")))


def _texts(request: Request) -> dict[str, str]:
    return catalogue(TEXTS, None, request.headers.get("accept-language", ""))


def _amount(payment: Json, text: dict[str, str]) -> str:
    amount = payment["amount"]
    return money(amount["value"], amount["currency"], text["lang"])
