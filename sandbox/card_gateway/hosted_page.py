"""The hosted card page: plain forms and redirects, no script.

A form that is sent twice is harmless: the state of session and intent decides what it may do, in
one transaction, so the second one only follows the first one's redirect.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from urllib.parse import parse_qsl

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from sandbox.card_gateway import checkout_sessions, payment_intents
from sandbox.card_gateway.cards import CARDS, card_for
from sandbox.card_gateway.texts import TEXTS
from sandbox.card_gateway.webhooks import pass_time
from sandbox.card_gateway.world import Call, World
from sandbox.common.card_form import FIELDS, empty_values, read_form, values_of
from sandbox.common.pages import Pages, to
from sandbox.common.storage import Json
from sandbox.common.texts import catalogue, money

_SHOWN = (
    ("4000000000000002", "card_approved"),
    ("4000100000000000", "card_challenge"),
    ("4000300000000006", "card_secure_fails"),
    ("4100000000000076", "card_declined"),
    ("4000000000009995", "card_insufficient"),
    ("4100000000000001", "card_timeout"),
    ("4100000000000019", "card_capture_timeout"),
    ("4100000000000027", "card_refund_timeout"),
    ("4100000000000043", "card_cancel_timeout"),
    ("4000000000005126", "card_refund_fails"),
)
_DECLINED = {
    "insufficient_funds": "declined_insufficient_funds",
    "expired_card": "declined_expired_card",
    "incorrect_cvc": "declined_incorrect_cvc",
    "payment_intent_authentication_failure": "declined_authentication",
    "processing_error": "declined_processing_error",
    "test_mode_live_card": "declined_live",
}
_FINISHED = ("requires_capture", "succeeded", "processing")


class HostedPage:
    def __init__(self, world: World) -> None:
        self._world = world
        self._pages = Pages()

    def routes(self) -> list[Route]:
        pay = "/c/pay/{id}"
        table: tuple[tuple[str, str, Callable[[Request], object]], ...] = (
            (pay, "GET", self._show),
            (pay, "POST", self._submit),
            (pay + "/challenge", "GET", self._show_challenge),
            (pay + "/challenge", "POST", self._answer_challenge),
            (pay + "/waiting", "GET", self._show_waiting),
        )
        return self._pages.routes() + [
            Route(path, endpoint, methods=[method], include_in_schema=False)
            for path, method, endpoint in table
        ]

    async def _show(self, request: Request) -> Response:
        found = self._found(request)
        if found is None:
            return self._closed(request, None, "missing", 404)
        _, session, intent = found
        if session["status"] != "open":
            return self._over(request, session, intent)
        if intent["status"] == "requires_action":
            return to(f"{_path(session)}/challenge")
        chosen = CARDS.get(request.query_params.get("card", ""))
        values = empty_values()
        if chosen is not None:
            values = values_of(chosen.number, self._today())
        # Choosing a card begins a new attempt, so the error of the last one does not apply.
        error = None if chosen is not None else intent["last_payment_error"]
        return self._form(request, session, values, {}, error, chosen.number if chosen else None)

    async def _submit(self, request: Request) -> Response:
        given = dict(parse_qsl((await request.body()).decode("utf-8", "replace")))
        found = self._found(request)
        if found is None:
            return self._closed(request, None, "missing", 404)
        call, session, intent = found
        if session["status"] == "open" and intent["status"] != "requires_action":
            filled = read_form(given, CARDS, self._today())
            if filled.expiry is None or filled.errors:
                return self._form(request, session, filled.values, filled.errors, None, None)
            card = card_for(filled.number)
            with self._world.storage.transaction():
                intent = checkout_sessions.intent_for(self._world, call, session)
                payment_intents.attempt(self._world, call, intent, card, filled.expiry)
                if intent["status"] in _FINISHED:
                    checkout_sessions.complete(self._world, call, session, intent)
        return _onward(session, intent)

    async def _show_challenge(self, request: Request) -> Response:
        found = self._found(request)
        if found is None:
            return self._closed(request, None, "missing", 404)
        _, session, intent = found
        if session["status"] != "open" or intent["status"] != "requires_action":
            return to(_path(session))
        return self._page(request, session, "challenge.html", last4=intent["_card"][-4:])

    async def _answer_challenge(self, request: Request) -> Response:
        given = dict(parse_qsl((await request.body()).decode("utf-8", "replace")))
        found = self._found(request)
        if found is None:
            return self._closed(request, None, "missing", 404)
        call, session, intent = found
        if session["status"] == "open" and intent["status"] == "requires_action":
            passed = given.get("result") == "complete"
            with self._world.storage.transaction():
                payment_intents.authenticate(self._world, call, intent, passed=passed)
                if intent["status"] in _FINISHED:
                    checkout_sessions.complete(self._world, call, session, intent)
        return _onward(session, intent)

    async def _show_waiting(self, request: Request) -> Response:
        found = self._found(request)
        if found is None:
            return self._closed(request, None, "missing", 404)
        _, session, intent = found
        if intent["status"] != "processing":
            return _onward(session, intent)
        return self._page(request, session, "waiting.html", onward=_success(session))

    def _found(self, request: Request) -> tuple[Call, Json, Json] | None:
        """Return merchant, session and intent of the address, as of now. An intent that is not made
        yet waits for a card."""
        pass_time(self._world)
        found = self._world.storage.find("checkout.session", request.path_params["id"])
        if found is None:
            return None
        call, session = Call(found[0]), found[1]
        intent: Json = {"status": "requires_payment_method", "last_payment_error": None}
        if session["payment_intent"]:
            intent = payment_intents.load(self._world, call, session["payment_intent"])
        return call, session, intent

    def _today(self) -> datetime:
        return datetime.fromtimestamp(self._world.now(), UTC)

    def _form(
        self,
        request: Request,
        session: Json,
        values: dict[str, str],
        errors: dict[str, str],
        declined: Json | None,
        chosen: str | None,
    ) -> Response:
        text = _texts(request, session)
        alert = text["error_fields"] if errors else None
        if declined:
            codes = (declined.get("decline_code"), declined["code"])
            name = next((_DECLINED[code] for code in codes if code in _DECLINED), "declined")
            alert = text[name]
        shown = [(number, text[label]) for number, label in _SHOWN]
        label = dict(shown).get(chosen or "", chosen)
        return self._page(
            request,
            session,
            "card.html",
            values=values,
            errors={name: text[key] for name, key in errors.items()},
            first_error=next((name for name in FIELDS if name in errors), None),
            alert=alert,
            filled=text["filled"].format(label=label) if chosen else None,
            test_cards=shown,
        )

    def _over(self, request: Request, session: Json, intent: Json) -> Response:
        if session["status"] == "expired":
            return self._closed(request, session, "expired", 200)
        if intent["status"] == "processing":
            return to(f"{_path(session)}/waiting")
        return self._closed(request, session, "done", 200)

    def _closed(self, request: Request, session: Json | None, why: str, status: int) -> Response:
        onward = None
        if session is not None:
            onward = _success(session) if why == "done" else session["cancel_url"]
        return self._page(request, session, "closed.html", status, why=why, onward=onward)

    def _page(
        self,
        request: Request,
        session: Json | None,
        template: str,
        status: int = 200,
        **more: object,
    ) -> Response:
        text = _texts(request, session)
        more["t"] = text
        more["action"] = request.url.path
        if session is not None:
            more["lines"] = [
                (line["name"], money(line["amount_total"], session["currency"], text["lang"]))
                for line in session["_lines"]
            ]
            more["amount"] = money(session["amount_total"], session["currency"], text["lang"])
            more["cancel_url"] = session["cancel_url"]
        return self._pages.render(template, status, **more)


def _texts(request: Request, session: Json | None) -> dict[str, str]:
    accepted = request.headers.get("accept-language", "")
    return catalogue(TEXTS, session["locale"] if session else None, accepted)


def _path(session: Json) -> str:
    return f"/c/pay/{session['id']}"


def _success(session: Json) -> str:
    return str(session["success_url"]).replace("{CHECKOUT_SESSION_ID}", session["id"])


def _onward(session: Json, intent: Json) -> Response:
    """Return where the payer goes after any of the forms."""
    if session["status"] == "complete" and intent["status"] == "processing":
        return to(f"{_path(session)}/waiting")
    if session["status"] == "complete":
        return to(_success(session))
    if intent["status"] == "requires_action":
        return to(f"{_path(session)}/challenge")
    return to(_path(session))
