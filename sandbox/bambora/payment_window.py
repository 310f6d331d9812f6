"""The payment window: plain forms and redirects, no script, none of the provider's own artwork.

A form that is sent twice is harmless: the window's status decides what it may do, in one
transaction, so the second one only follows the first one's redirect.

Source: `docs/reference/psp/bambora.md#payment-window`, `#callback`.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from urllib.parse import parse_qsl

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from sandbox.bambora import callbacks, transactions
from sandbox.bambora.cards import CARDS, Card, card_for
from sandbox.bambora.texts import TEXTS
from sandbox.bambora.world import Call, World
from sandbox.common.card_form import FIELDS, empty_values, read_form, values_of
from sandbox.common.pages import Pages, to
from sandbox.common.storage import Json
from sandbox.common.texts import catalogue, money

_SHOWN = (
    ("4002770000000008", "card_approved"),
    ("5206830000000001", "card_approved_mastercard"),
    ("4002770000000016", "card_challenge"),
    ("4002770000000024", "card_declined"),
    ("4002770000000032", "card_insufficient"),
)
_DECLINED = {
    "insufficient_funds": "declined_insufficient_funds",
    "authentication": "declined_authentication",
    "live": "declined_live",
    "duplicate": "declined_duplicate",
    "wallet": "declined_wallet",
}
_WALLETS = {
    "vipps": "Vipps",
    "mobilepay": "MobilePay",
    "applepay": "Apple Pay",
    "googlepay": "Google Pay",
}
_PATTERN = "/{id:str}"


class PaymentWindow:
    def __init__(self, world: World) -> None:
        self._world = world
        self._pages = Pages()

    def routes(self) -> list[Route]:
        table: tuple[tuple[str, str, Callable[[Request], object]], ...] = (
            (_PATTERN, "GET", self._show),
            (_PATTERN, "POST", self._submit),
            (_PATTERN + "/challenge", "GET", self._show_challenge),
            (_PATTERN + "/challenge", "POST", self._answer_challenge),
        )
        return self._pages.routes() + [
            Route(path, endpoint, methods=[method], include_in_schema=False)
            for path, method, endpoint in table
        ]

    async def _show(self, request: Request) -> Response:
        found = self._found(request)
        if found is None:
            return self._closed(request, None, "missing", 404)
        _, window = found
        if window["status"] != "open":
            return self._over(request, window)
        if window["_card"]:
            return to(f"/{window['id']}/challenge")
        if window["_method"] in _WALLETS:
            return self._wallet(request, window)
        chosen = CARDS.get(request.query_params.get("card", ""))
        values = values_of(chosen.number, self._today()) if chosen else empty_values()
        # Choosing a card begins a new attempt, so the error of the last one does not apply.
        error = None if chosen else window.get("_declined")
        return self._form(request, window, values, {}, error, chosen)

    async def _submit(self, request: Request) -> Response:
        given = await _form_of(request)
        found = self._found(request)
        if found is None:
            return self._closed(request, None, "missing", 404)
        call, window = found
        if window["status"] != "open" or window["_card"]:
            return self._onward(window)
        if window["_method"] in _WALLETS:
            yes = given.get("result") == "approve"
            return self._pay(call, window, None, None if yes else "wallet")
        filled = read_form(given, CARDS, self._today())
        if filled.expiry is None or filled.errors:
            return self._form(request, window, filled.values, filled.errors, None, None)
        card = card_for(filled.number)
        if not card.challenge:
            return self._pay(call, window, card, card.code)
        with self._world.storage.transaction():
            window |= {"_card": card.number, "_declined": None}
            self._world.storage.put(call.merchant, window)
        return to(f"/{window['id']}/challenge")

    async def _show_challenge(self, request: Request) -> Response:
        found = self._found(request)
        if found is None:
            return self._closed(request, None, "missing", 404)
        _, window = found
        if window["status"] != "open" or not window["_card"]:
            return to(f"/{window['id']}")
        return self._page(request, window, "challenge.html", last4=window["_card"][-4:])

    async def _answer_challenge(self, request: Request) -> Response:
        given = await _form_of(request)
        found = self._found(request)
        if found is None:
            return self._closed(request, None, "missing", 404)
        call, window = found
        if window["status"] != "open" or not window["_card"]:
            return self._onward(window)
        code = None if given.get("result") == "complete" else "authentication"
        return self._pay(call, window, card_for(window["_card"]), code)

    def _pay(self, call: Call, window: Json, card: Card | None, code: str | None) -> Response:
        with self._world.storage.transaction():
            transaction = transactions.try_to_pay(self._world, call, window, card, code)
            if window["status"] == "closed":
                window["_said"] = callbacks.parameters(self._world, window, transaction)
                self._world.storage.put(call.merchant, window)
                callbacks.tell(self._world, call.merchant, window, transaction)
        return self._onward(window)

    def _onward(self, window: Json) -> Response:
        """Return where the payer goes after any of the forms."""
        if window["status"] == "closed":
            return to(self._accept(window))
        if window["status"] == "open" and window["_card"]:
            return to(f"/{window['id']}/challenge")
        return to(f"/{window['id']}")

    def _accept(self, window: Json) -> str:
        """Return the address of success, with the same parameters as the callback."""
        found = self._world.storage.find("window", window["id"])
        key = callbacks.md5_key_of(self._world, found[0]) if found else ""
        return callbacks.address(window["_accept"], window["_said"], key)

    def _found(self, request: Request) -> tuple[Call, Json] | None:
        transactions.pass_time(self._world)
        found = self._world.storage.find("window", request.path_params["id"])
        return None if found is None else (Call(found[0]), found[1])

    def _today(self) -> datetime:
        return datetime.fromtimestamp(self._world.now(), UTC)

    def _form(
        self,
        request: Request,
        window: Json,
        values: dict[str, str],
        errors: dict[str, str],
        declined: str | None,
        chosen: Card | None,
    ) -> Response:
        text = _texts(request, window)
        alert = text["error_fields"] if errors else None
        if declined:
            alert = text[_DECLINED.get(declined, "declined")]
        shown = [(number, text[label]) for number, label in _SHOWN]
        label = dict(shown).get(chosen.number, chosen.number) if chosen else None
        return self._page(
            request,
            window,
            "card.html",
            values=values,
            errors={name: text[key] for name, key in errors.items()},
            first_error=next((name for name in FIELDS if name in errors), None),
            alert=alert,
            filled=text["filled"].format(label=label) if chosen else None,
            test_cards=shown,
        )

    def _wallet(self, request: Request, window: Json) -> Response:
        text, declined = _texts(request, window), window.get("_declined")
        return self._page(
            request,
            window,
            "wallet.html",
            wallet=_WALLETS[window["_method"]],
            alert=text[_DECLINED.get(declined, "declined")] if declined else None,
            more_results=(),
        )

    def _over(self, request: Request, window: Json) -> Response:
        why = "done" if window["status"] == "closed" else "expired"
        return self._closed(request, window, why, 200)

    def _closed(self, request: Request, window: Json | None, why: str, status: int) -> Response:
        onward = None
        if window is not None:
            onward = self._accept(window) if why == "done" else window["_decline"]
        return self._page(request, window, "closed.html", status, why=why, onward=onward)

    def _page(
        self,
        request: Request,
        window: Json | None,
        template: str,
        status: int = 200,
        **more: object,
    ) -> Response:
        text = _texts(request, window)
        more["t"] = text
        more["action"] = request.url.path
        if window is not None:
            amount = money(window["_amount"], window["_currency"], text["lang"])
            more |= {"lines": [(window["description"], amount)], "amount": amount}
            more["cancel_url"] = window["_decline"]
        return self._pages.render(template, status, **more)


async def _form_of(request: Request) -> dict[str, str]:
    return dict(parse_qsl((await request.body()).decode("utf-8", "replace")))


def _texts(request: Request, window: Json | None) -> dict[str, str]:
    accepted = request.headers.get("accept-language", "")
    return catalogue(TEXTS, window["_language"] if window else None, accepted)
