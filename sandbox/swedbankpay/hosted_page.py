"""The redirect page: a card form with a test bank behind it, or a wallet that is asked.

Plain forms and redirects, no script. A form sent twice is harmless: what it may do is decided by
the order's state, in one transaction, so the second one only follows the first one's redirect.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from urllib.parse import parse_qsl

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from sandbox.common.card_form import FIELDS, empty_values, read_form, values_of
from sandbox.common.pages import Pages, to
from sandbox.common.storage import Json
from sandbox.common.texts import catalogue, money
from sandbox.swedbankpay import orders
from sandbox.swedbankpay.cards import (
    CANCELLED_CHALLENGE,
    CARDS,
    card_failure,
    wallet_declined,
    wallet_failure,
)
from sandbox.swedbankpay.movements import pass_time
from sandbox.swedbankpay.texts import TEXTS
from sandbox.swedbankpay.world import World

WALLETS = {
    "Swish": "Swish",
    "Vipps": "Vipps",
    "MobilePay": "MobilePay",
    "ApplePay": "Apple Pay",
    "GooglePay": "Google Pay",
    "ClickToPay": "Click to Pay",
}
_DECLINED = {
    "acquirerinsufficientfunds": "declined_insufficient_funds",
    "acquirercardexpired": "declined_expired_card",
    "3dsecureusercancelled": "declined_authentication",
    "acquirergatewayerror": "declined_processing_error",
    "cardtyperejected": "declined_live",
}


class HostedPage:
    def __init__(self, world: World) -> None:
        self._world = world
        self._pages = Pages()

    def routes(self) -> list[Route]:
        page = "/payment/menu/{token}"
        table: tuple[tuple[str, str, Callable[[Request], object]], ...] = (
            (page, "GET", self._show),
            (page, "POST", self._submit),
            (page + "/challenge", "GET", self._show_challenge),
            (page + "/challenge", "POST", self._answer_challenge),
            (page + "/cancel", "GET", self._cancel),
        )
        return self._pages.routes() + [
            Route(path, endpoint, methods=[method], include_in_schema=False)
            for path, method, endpoint in table
        ]

    async def _show(self, request: Request) -> Response:
        found = self._found(request)
        if found is None:
            return self._closed(request, None, "missing", 404)
        _, order = found
        if not self._open(order):
            return self._over(request, order)
        if order["_card"]:
            return to(f"{_path(order)}/challenge")
        if order["instrument"] != "CreditCard":
            return self._wallet(request, order)
        chosen = request.query_params.get("card", "")
        values = values_of(chosen, self._today()) if chosen in CARDS else empty_values()
        return self._form(request, order, values, {}, chosen if chosen in CARDS else None)

    async def _submit(self, request: Request) -> Response:
        given = dict(parse_qsl((await request.body()).decode("utf-8", "replace")))
        found = self._found(request)
        if found is None:
            return self._closed(request, None, "missing", 404)
        merchant, order = found
        if self._open(order) and not order["_card"]:
            if order["instrument"] == "CreditCard":
                filled = read_form(given, CARDS, self._today())
                if filled.expiry is None or filled.errors:
                    return self._form(request, order, filled.values, filled.errors, None)
                expiry = f"{filled.expiry.month:02d}/{filled.expiry.year}"
                self._try_card(merchant, order, filled.number, expiry)
            else:
                self._try_wallet(merchant, order, approved=given.get("result") == "approve")
        return _onward(order)

    def _try_card(self, merchant: str, order: Json, number: str, expiry: str) -> None:
        with self._world.storage.transaction():
            if CARDS.get(number) == "card_challenge":
                order["_card"] = {"number": number, "expiry": expiry}
                orders.save(self._world, merchant, order)
            else:
                self._decide(merchant, order, number, expiry, secure=False)

    def _decide(
        self, merchant: str, order: Json, number: str, expiry: str, *, secure: bool
    ) -> None:
        failure = card_failure(number, order["amount"])
        if failure is not None:
            orders.failed(self._world, merchant, order, failure)
        else:
            orders.paid(self._world, merchant, order, _card_details(number, expiry, secure))

    def _try_wallet(self, merchant: str, order: Json, *, approved: bool) -> None:
        failure = wallet_declined(order["instrument"])
        with self._world.storage.transaction():
            if approved:
                wallet = wallet_failure(order["instrument"], order["description"])
                if wallet is None:
                    details = {} if order["instrument"] == "Swish" else _wallet_details()
                    orders.paid(self._world, merchant, order, details)
                    return
                failure = wallet
            orders.failed(self._world, merchant, order, failure)

    async def _show_challenge(self, request: Request) -> Response:
        found = self._found(request)
        if found is None:
            return self._closed(request, None, "missing", 404)
        _, order = found
        if not self._open(order) or not order["_card"]:
            return to(_path(order))
        return self._page(request, order, "challenge.html", last4=order["_card"]["number"][-4:])

    async def _answer_challenge(self, request: Request) -> Response:
        given = dict(parse_qsl((await request.body()).decode("utf-8", "replace")))
        found = self._found(request)
        if found is None:
            return self._closed(request, None, "missing", 404)
        merchant, order = found
        card = order["_card"]
        if self._open(order) and card:
            with self._world.storage.transaction():
                if given.get("result") == "complete":
                    self._decide(merchant, order, card["number"], card["expiry"], secure=True)
                else:
                    orders.failed(self._world, merchant, order, CANCELLED_CHALLENGE)
        return _onward(order)

    async def _cancel(self, request: Request) -> Response:
        """Abort the order for the payer. After a payment it leads to the same address as the
        payment."""
        found = self._found(request)
        if found is None:
            return self._closed(request, None, "missing", 404)
        merchant, order = found
        with self._world.storage.transaction():
            orders.cancelled_by_payer(self._world, merchant, order)
        paid = order["status"] != "Aborted"
        return to(order["urls"]["completeUrl" if paid else "cancelUrl"])

    def _found(self, request: Request) -> tuple[str, Json] | None:
        """Merchant and order of the page's address, as of now."""
        pass_time(self._world)
        token = request.path_params["token"]
        return self._world.storage.find_child("paymentorder", token)

    def _open(self, order: Json) -> bool:
        late = order["status"] == "Aborted" and self._world.setting("late_approvals")
        return bool(order["status"] == "Initialized" or late)

    def _today(self) -> datetime:
        return datetime.fromtimestamp(self._world.now(), UTC)

    def _form(
        self,
        request: Request,
        order: Json,
        values: dict[str, str],
        errors: dict[str, str],
        chosen: str | None,
    ) -> Response:
        text = _texts(request, order)
        alert = text["error_fields"] if errors else None
        # A card just chosen is a new attempt: the last one's failure is not about it.
        if order["_failed"] and not errors and chosen is None:
            code = order["_failed"][-1]["problem"]["type"].rsplit("/", 1)[-1]
            alert = text[_DECLINED.get(code, "declined")]
        label = text[CARDS[chosen]] if chosen else None
        return self._page(
            request,
            order,
            "card.html",
            values=values,
            errors={name: text[key] for name, key in errors.items()},
            first_error=next((name for name in FIELDS if name in errors), None),
            alert=alert,
            filled=text["filled"].format(label=label) if label else None,
            test_cards=[(number, text[key]) for number, key in CARDS.items()],
        )

    def _wallet(self, request: Request, order: Json) -> Response:
        text, wallet = _texts(request, order), WALLETS[order["instrument"]]
        alert = None
        if order["_failed"]:
            code = order["_failed"][-1]["problem"]["type"].rsplit("/", 1)[-1]
            key = "wallet_declined" if code == "declined" else "wallet_failed"
            alert = text[key].format(wallet=wallet)
        return self._page(
            request, order, "wallet.html", wallet=wallet, alert=alert, more_results=[]
        )

    def _over(self, request: Request, order: Json) -> Response:
        if order["status"] in ("Aborted", "Failed"):
            return self._closed(request, order, "expired", 200)
        return self._closed(request, order, "done", 200)

    def _closed(self, request: Request, order: Json | None, why: str, status: int) -> Response:
        onward = None
        if order is not None:
            onward = order["urls"]["completeUrl" if why == "done" else "cancelUrl"]
        return self._page(request, order, "closed.html", status, why=why, onward=onward)

    def _page(
        self, request: Request, order: Json | None, template: str, status: int = 200, **more: object
    ) -> Response:
        text = _texts(request, order)
        more |= {"t": text, "action": request.url.path}
        if order is not None:
            amount = money(order["amount"], order["currency"], text["lang"])
            more |= {
                "look": order["instrument"].lower(),
                "lines": [(order["description"], amount)],
                "amount": amount,
                "cancel_url": f"{_path(order)}/cancel",
            }
        return self._pages.render(template, status, **more)


def _texts(request: Request, order: Json | None) -> dict[str, str]:
    accepted = request.headers.get("accept-language", "")
    return catalogue(TEXTS, order["language"] if order else None, accepted)


def _path(order: Json) -> str:
    return f"/payment/menu/{order['_token']}"


def _onward(order: Json) -> Response:
    """Return where the payer goes after any of the forms."""
    if order["status"] in ("Paid", "Reversed", "Cancelled"):
        return to(order["urls"]["completeUrl"])
    if order["_card"]:
        return to(f"{_path(order)}/challenge")
    return to(_path(order))


def _card_details(number: str, expiry: str, secure: bool) -> Json:
    brand = {"4": "Visa", "3": "Amex"}.get(number[0], "MasterCard")
    return {
        "cardBrand": brand,
        "cardType": "Credit",
        "maskedPan": f"{number[:6]}******{number[-4:]}",
        "expiryDate": expiry,
        "bin": number[:6],
        "issuerAuthorizationApprovalCode": "L00302",
        "acquirerTransactionType": "3DSECURE" if secure else "STANDARD",
        "acquirerStan": "302",
        "acquirerTerminalId": "70101301389",
        "nonPaymentToken": "a-token-that-pays-nothing",
    }


def _wallet_details() -> Json:
    """Wallets may hide the card behind them."""
    return {"cardBrand": "Visa", "cardType": "Debit"}
