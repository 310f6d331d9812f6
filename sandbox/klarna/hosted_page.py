"""The hosted page: plain forms and redirects, no script, and none of the provider's own artwork.

A form that is sent twice is harmless: the page's status decides what it may do, in one transaction,
so the second one only follows the first one's redirect.

Source: `docs/reference/psp/klarna.md#hosted-page`, `#test-data`.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from urllib.parse import parse_qsl

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from sandbox.common import pages as shell
from sandbox.common.storage import Json
from sandbox.common.texts import catalogue, money
from sandbox.klarna import orders, pages, payment_sessions, pushes
from sandbox.klarna.texts import TEXTS
from sandbox.klarna.world import Call, World

_PEOPLE = (
    ("customer@email.no", "person_approved"),
    ("customer+denied@email.no", "person_denied"),
    ("customer+pending@email.no", "person_pending"),
    ("customer+error@email.no", "person_error"),
)
_METHODS = tuple(method for method, _ in payment_sessions.METHODS)
_WRONG_CODE = "999999"
_URLS = {"FAILED": "failure", "ERROR": "error", "BACK": "back", "CANCELLED": "cancel"}


class HostedPage:
    def __init__(self, world: World) -> None:
        self._world = world
        self._shell = shell.Pages("sandbox.klarna")

    def routes(self) -> list[Route]:
        pay = "/c/pay/{id}"
        table: tuple[tuple[str, str, Callable[[Request], object]], ...] = (
            (pay, "GET", self._show),
            (pay, "POST", self._choose),
            (pay + "/code", "GET", self._show_code),
            (pay + "/code", "POST", self._confirm),
            (pay + "/cancel", "POST", self._cancel),
            (pay + "/back", "POST", self._back),
        )
        return self._shell.routes() + [
            Route(path, endpoint, methods=[method], include_in_schema=False)
            for path, method, endpoint in table
        ]

    async def _show(self, request: Request) -> Response:
        found = self._found(request)
        if found is None:
            return self._closed(request, None, "missing", 404)
        call, page, session = found
        if not self._open(page):
            return self._over(request, page)
        if page["status"] in ("WAITING", "BACK"):
            with self._world.storage.transaction():
                pages.become(self._world, call, page, "IN_PROGRESS")
        chosen = request.query_params.get("email", "")
        email = chosen or page.get("_email") or session["billing_address"].get("email") or ""
        return self._form(request, page, session, email, filled=dict(_PEOPLE).get(chosen))

    async def _choose(self, request: Request) -> Response:
        given = await _form_of(request)
        found = self._found(request)
        if found is None:
            return self._closed(request, None, "missing", 404)
        call, page, session = found
        if not self._open(page):
            return self._onward(page)
        email, method = given.get("email", "").strip()[:100], given.get("method", "")
        page["_method"] = method if method in _METHODS else _METHODS[0]
        if not re.fullmatch(r"[^@\s]+@[^@\s]+\.[^@\s.]+", email):
            return self._form(request, page, session, email, error="error_email")
        with self._world.storage.transaction():
            pages.become(self._world, call, page, "IN_PROGRESS", _email=email)
        return shell.to(f"{_path(page)}/code")

    async def _show_code(self, request: Request) -> Response:
        found = self._found(request)
        if found is None:
            return self._closed(request, None, "missing", 404)
        _, page, session = found
        if not self._open(page) or page["status"] != "IN_PROGRESS" or not page.get("_email"):
            return shell.to(_path(page))
        return self._code(request, page, session)

    async def _confirm(self, request: Request) -> Response:
        given = await _form_of(request)
        found = self._found(request)
        if found is None:
            return self._closed(request, None, "missing", 404)
        call, page, session = found
        if not self._open(page) or page["status"] != "IN_PROGRESS" or not page.get("_email"):
            return self._onward(page)
        code = re.sub(r"\s", "", given.get("code", ""))
        if not re.fullmatch(r"[0-9]{6}", code):
            return self._code(request, page, session, "error_code")
        if code == _WRONG_CODE:
            return self._code(request, page, session, "error_wrong_code")
        with self._world.storage.transaction():
            self._decide(call, page, session)
        return self._onward(page)

    def _decide(self, call: Call, page: Json, session: Json) -> None:
        """End the page as the customer's address says."""
        world, email = self._world, str(page["_email"])
        if "+denied@" in email or "+error@" in email:
            status = "FAILED" if "+denied@" in email else "ERROR"
            pages.become(world, call, page, status, _email=None)
            return
        token = payment_sessions.authorize(world, call, session)
        mode = page["options"].get("place_order_mode", "NONE")
        if mode == "NONE":
            pages.become(world, call, page, "COMPLETED", authorization_token=token)
            return
        fraud = "PENDING" if "+pending@" in email else "ACCEPTED"
        order = payment_sessions.place_order(world, call, session, fraud)
        if mode == "CAPTURE_ORDER" and fraud == "ACCEPTED":
            whole = {"captured_amount": order["order_amount"]}
            orders.capture(world, call, whole, {"id": order["id"]})
        made = {"order_id": order["id"], "klarna_reference": order["klarna_reference"]}
        pages.become(world, call, page, "COMPLETED", **made)

    async def _cancel(self, request: Request) -> Response:
        return self._leave(request, "CANCELLED")

    async def _back(self, request: Request) -> Response:
        return self._leave(request, "BACK")

    def _leave(self, request: Request, status: str) -> Response:
        found = self._found(request)
        if found is None:
            return self._closed(request, None, "missing", 404)
        call, page, _ = found
        if self._open(page):
            with self._world.storage.transaction():
                pages.become(self._world, call, page, status)
        return self._onward(page)

    def _found(self, request: Request) -> tuple[Call, Json, Json] | None:
        """Return merchant, page and payment session of the address, as of now."""
        pushes.pass_time(self._world)
        found = self._world.storage.find("page", request.path_params["id"])
        if found is None:
            return None
        session = self._world.storage.get(found[0], "session", found[1]["_session"])
        return None if session is None else (Call(found[0]), found[1], session)

    def _open(self, page: Json) -> bool:
        if page["_expires"] <= self._world.now():
            return False
        late = page["status"] == "DISABLED" and bool(self._world.setting("late_approvals"))
        return late or page["status"] not in pages.FINAL

    def _form(
        self,
        request: Request,
        page: Json,
        session: Json,
        email: str,
        *,
        error: str | None = None,
        filled: str | None = None,
    ) -> Response:
        text = _texts(request, session)
        alert = {"FAILED": "denied", "ERROR": "failed"}.get(page["status"])
        return self._page(
            request,
            page,
            session,
            "choose.html",
            # Choosing a customer begins a new attempt, so the end of the last one does not apply.
            alert=text[alert] if alert and not filled else None,
            filled=text["filled"].format(label=text[filled]) if filled else None,
            error=text[error] if error else None,
            email=email,
            methods=_METHODS,
            people=[(address, text[label]) for address, label in _PEOPLE],
        )

    def _code(
        self, request: Request, page: Json, session: Json, error: str | None = None
    ) -> Response:
        text = _texts(request, session)
        told = text[error] if error else None
        return self._page(request, page, session, "code.html", error=told, email=page["_email"])

    def _page(
        self, request: Request, page: Json, session: Json, template: str, **more: object
    ) -> Response:
        text = _texts(request, session)
        currency = session["purchase_currency"]
        shown = [
            (line["name"], _signed(line["total_amount"], currency, text["lang"]))
            for line in session["order_lines"]
        ]
        return self._shell.render(
            template,
            200,
            look="klarna",
            t=text,
            path=_path(page),
            lines=shown,
            amount=money(session["order_amount"], currency, text["lang"]),
            chosen=page.get("_method") or _METHODS[0],
            has_back=bool(page["merchant_urls"].get("back")),
            **more,
        )

    def _over(self, request: Request, page: Json) -> Response:
        why = "done" if page["status"] == "COMPLETED" else "expired"
        return self._closed(request, page, why, 200)

    def _closed(self, request: Request, page: Json | None, why: str, status: int) -> Response:
        onward = None
        if page is not None:
            name = "success" if why == "done" else "cancel"
            onward = _filled(page, page["merchant_urls"].get(name))
        text = _texts(request, None)
        return self._shell.render(
            "closed.html", status, look="klarna", t=text, why=why, onward=onward
        )

    def _onward(self, page: Json) -> Response:
        """Return where the payer goes after any of the forms."""
        name = _URLS.get(page["status"])
        if page["status"] == "COMPLETED":
            name = "success"
        url = page["merchant_urls"].get(name) if name else None
        return shell.to(_filled(page, url) or _path(page))


async def _form_of(request: Request) -> dict[str, str]:
    return dict(parse_qsl((await request.body()).decode("utf-8", "replace")))


def _texts(request: Request, session: Json | None) -> dict[str, str]:
    accepted = request.headers.get("accept-language", "")
    return catalogue(TEXTS, session["locale"] if session else None, accepted)


def _path(page: Json) -> str:
    return f"/c/pay/{page['id']}"


def _filled(page: Json, url: str | None) -> str | None:
    """Fill in Klarna's placeholders, which have two braces."""
    if url is None:
        return None
    for name in ("order_id", "authorization_token"):
        url = url.replace("{{" + name + "}}", str(page.get(name) or ""))
    return url.replace("{{session_id}}", str(page["id"]))


def _signed(amount: int, currency: str, language: str) -> str:
    told = money(abs(amount), currency, language)
    return f"\N{MINUS SIGN}{told}" if amount < 0 else told
