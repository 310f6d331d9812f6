"""Pages that stand for the app on the payer's phone: one for a token, and one for pushes.

They have plain forms and redirects, and no script. A form that is sent twice is harmless: the
request's state decides what it may do, in one transaction.
"""

from __future__ import annotations

from collections.abc import Callable
from urllib.parse import parse_qsl, quote, urlencode, urlsplit

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from sandbox.common.pages import Pages, to
from sandbox.common.storage import Json
from sandbox.common.texts import catalogue, money
from sandbox.swish import payments
from sandbox.swish.texts import TEXTS
from sandbox.swish.world import World

_MORE = ("BANKIDCL", "RF07", "TM01", "DS24")


class Phone:
    def __init__(self, world: World) -> None:
        self._world = world
        self._pages = Pages("sandbox.swish")

    def routes(self) -> list[Route]:
        table: tuple[tuple[str, str, Callable[[Request], object]], ...] = (
            ("/app", "GET", self._show),
            ("/app", "POST", self._answer),
            ("/app/cancel", "GET", self._cancel),
        )
        return self._pages.routes() + [
            Route(path, endpoint, methods=[method], include_in_schema=False)
            for path, method, endpoint in table
        ]

    async def _show(self, request: Request) -> Response:
        payments.pass_time(self._world)
        if "token" not in request.query_params:
            return self._inbox(request)
        payment = self._found(request)
        if payment is None:
            return self._closed(request, None, "missing", 404)
        late = payment["status"] == "CANCELLED" and self._world.setting("late_approvals")
        if payment["status"] != "CREATED" and not late:
            return self._closed(request, payment, _why(payment), 200)
        text = _texts(request)
        amount = money(payments.ore(payment["amount"]), payment["currency"], text["lang"])
        return self._pages.render(
            "wallet.html",
            t=text,
            look="swish",
            wallet="Swish",
            alert=None,
            lines=[(payment["message"] or payment["payeeAlias"], amount)],
            amount=amount,
            action=_address(request),
            cancel_url=f"/app/cancel?{request.url.query}",
            more_results=[(code, text[f"result_{code}"]) for code in _MORE],
        )

    def _inbox(self, request: Request) -> Response:
        """Return the pushed requests that wait for their payers."""
        text = _texts(request)
        waiting = [
            (
                f"/app?{urlencode({'token': one['_token']})}",
                one["message"],
                money(payments.ore(one["amount"]), one["currency"], text["lang"]),
            )
            for one in payments.waiting_pushes(self._world)
        ]
        return self._pages.render("inbox.html", t=text, look="swish", waiting=waiting)

    async def _answer(self, request: Request) -> Response:
        payments.pass_time(self._world)
        given = dict(parse_qsl((await request.body()).decode("utf-8", "replace")))
        return self._ended(request, given.get("result", "decline"))

    async def _cancel(self, request: Request) -> Response:
        payments.pass_time(self._world)
        return self._ended(request, "decline")

    def _ended(self, request: Request, result: str) -> Response:
        payment = self._found(request)
        if payment is None:
            return self._closed(request, None, "missing", 404)
        with self._world.storage.transaction():
            payments.answered(self._world, payment, result)
        onward = _onward(request)
        return to(onward) if onward else to(_address(request))

    def _found(self, request: Request) -> Json | None:
        token = request.query_params.get("token", "")
        found = self._world.storage.find_child("payment", token) if token else None
        return found[1] if found else None

    def _closed(self, request: Request, payment: Json | None, why: str, status: int) -> Response:
        onward = _onward(request) if payment is not None else None
        return self._pages.render(
            "closed.html", status, t=_texts(request), look="swish", why=why, onward=onward
        )


def _why(payment: Json) -> str:
    return "done" if payment["status"] == "PAID" else "expired"


def _texts(request: Request) -> dict[str, str]:
    return catalogue(TEXTS, None, request.headers.get("accept-language", ""))


def _address(request: Request) -> str:
    return f"/app?{quote(request.url.query, safe='=&%+')}"


def _onward(request: Request) -> str | None:
    """Return where the app opens the browser. It is always a web address, since this is a browser
    itself."""
    url = request.query_params.get("callbackurl", "")
    return url if urlsplit(url).scheme in ("http", "https") else None
