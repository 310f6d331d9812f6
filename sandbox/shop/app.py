"""The shop's pages: its goods, its orders, and the address for the checkout's callbacks."""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from fastapi import FastAPI, Form, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import (
    FileResponse,
    JSONResponse,
    PlainTextResponse,
    RedirectResponse,
    Response,
)
from fastapi.staticfiles import StaticFiles
from fastapi.templating import Jinja2Templates
from starlette.exceptions import HTTPException

from sandbox.mail.mailbox import Mailbox
from sandbox.mail.mailbox import create_app as create_mailbox
from sandbox.mail.smtp import SmtpServer
from sandbox.shop import amounts, catalog
from sandbox.shop.checkout_api import ApiError, CheckoutApi
from sandbox.shop.config import ShopConfig
from sandbox.shop.guard import BrowserGuard
from sandbox.shop.orders import DISPLAYS, Choices, Order, Orders
from sandbox.shop.split import Split, split_of
from sandbox.sms import outbox as sms

_HERE = Path(__file__).parent
_SDK = (
    _HERE
    / "npm"
    / "node_modules"
    / "@dintero"
    / "checkout-web-sdk"
    / "dist"
    / "dintero-checkout-web-sdk.umd.min.js"
)
_SEE_OTHER = 303
_LATEST_ORDERS = 10
_UNGUARDED = frozenset({"/callback", "/sms/messages"})

# What a merchant's page tells the payer for each `error`
# (docs/reference/dintero-api.md#return-address).
_RETURN_ERRORS = {
    "cancelled": "The payment was cancelled. Nothing was charged, and no gift card was used.",
    "authorization": "The payment was not approved. Nothing was charged.",
    "failed": "The payment failed. Nothing was charged.",
}


class Shop:
    """One running shop: its configuration, its books, and its client for the checkout."""

    def __init__(self, config: ShopConfig, data_dir: Path) -> None:
        self.config = config
        self.orders = Orders(data_dir)
        self.api = CheckoutApi(config)
        self.templates = Jinja2Templates(_HERE / "templates")
        self.templates.env.filters["shown"] = amounts.shown
        self.templates.env.filters["plain"] = amounts.plain
        self.templates.env.globals.update(
            shop_name=catalog.SHOP_NAME, currency=catalog.CURRENCY, config=config
        )

    def page(self, request: Request, name: str, status: int = 200, **context: Any) -> Response:
        response = self.templates.TemplateResponse(request, name, context, status_code=status)
        response.headers["Cache-Control"] = "no-store"
        return response

    def refuse(self, request: Request, status: int, text: str) -> Response:
        return self.page(request, "problem.html", status, text=text)

    def start(self, choices: Choices) -> str:
        """Open an order and ask for its session. Return the address for the visitor. If the API
        refuses, the order's page shows why."""
        product = catalog.find_product(choices.product)
        if product is None:
            raise KeyError(choices.product)
        order = self.orders.open(choices)
        body = catalog.session_request(
            self.config,
            product,
            order.reference,
            preset_card_id=choices.preset_card_id,
            with_shipping=choices.with_shipping,
        )
        try:
            session = self.api.create_session(body)
        except ApiError as error:
            self._keep_refusal(order.reference, "checkout", error)
            return f"/orders/{order.reference}"
        url = _with_language(session["url"], choices.language)
        self.orders.keep_session(order.reference, session["id"], url)
        return url if choices.display == "page" else f"/orders/{order.reference}/pay"

    def transaction_of(self, order: Order, told: str | None = None) -> dict[str, Any] | None:
        """Return the order's transaction, read from the checkout. None if there is none yet.

        `told` is the transaction id of the return address. A visitor may write anything there, so
        it counts only if the checkout says that it belongs to this order. Raises ApiError.
        """
        transaction_id = order.transaction_id or told
        if transaction_id is None and order.session_id is not None:
            # The payer paid and never came back, but the session knows it.
            transaction_id = self.api.session(order.session_id).get("transaction_id")
        if not transaction_id:
            return None
        transaction = self.api.transaction(transaction_id)
        if order.transaction_id is None:
            if transaction.get("merchant_reference") != order.reference:
                return None
            # A failed attempt is not kept, because another one may follow under another id.
            if split_of(transaction).was_authorized:
                self.orders.keep_transaction(order.reference, transaction_id)
        return transaction

    def operate(self, order: Order, verb: str, amount: int | None) -> None:
        """Capture, refund or void at the checkout. The order's page shows the result. `amount` is
        in minor units, None for a void."""
        try:
            if order.transaction_id is None:
                raise ApiError(0, "There is no payment on this order yet")
            body = None if amount is None else {"amount": amount}
            self.api.operate(order.transaction_id, verb, body)
        except ApiError as error:
            self._keep_refusal(order.reference, verb, error, amount)
        else:
            self.orders.keep_action(order.reference, verb, amount)

    def _keep_refusal(
        self, reference: str, name: str, error: ApiError, amount: int | None = None
    ) -> None:
        self.orders.keep_action(reference, name, amount, error.message, error.details)


def create_app(config: ShopConfig, data_dir: Path) -> FastAPI:
    """Return the shop as one ASGI app."""
    shop = Shop(config, data_dir)
    mailbox = Mailbox(data_dir / "mail")
    mail_server = SmtpServer(mailbox.keep)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        if config.smtp_port is not None:
            await mail_server.start("127.0.0.1", config.smtp_port)
        yield
        await mail_server.stop()
        shop.api.close()

    app = FastAPI(docs_url=None, redoc_url=None, openapi_url=None, lifespan=lifespan)
    app.mount("/static", StaticFiles(directory=_HERE / "static"), name="static")
    _add_sdk(app)
    # The demo's SMS gateway and mailbox use the shop's address, to save a program.
    app.mount("/sms", sms.create_app(data_dir / "sms"), name="sms")
    app.mount("/mail", create_mailbox(mailbox), name="mail")
    _add_window(app, shop)
    _add_orders(app, shop)
    _add_callback(app, shop)
    _add_errors(app, shop)
    app.add_middleware(BrowserGuard, config=config, unguarded=_UNGUARDED)
    return app


def _add_sdk(app: FastAPI) -> None:
    """Serve Dintero's Web SDK, unmodified, from where npm has put it (`gavekort build`)."""

    @app.get(f"/npm/{_SDK.name}")
    def sdk() -> Response:
        if not _SDK.is_file():
            raise HTTPException(404)
        return FileResponse(_SDK, media_type="text/javascript")


def _add_window(app: FastAPI, shop: Shop) -> None:
    @app.get("/")
    def home(request: Request) -> Response:
        return shop.page(
            request,
            "home.html",
            products=catalog.PRODUCTS,
            orders=shop.orders.latest(_LATEST_ORDERS),
            find_product=catalog.find_product,
        )

    @app.get("/products/{slug}")
    def product(request: Request, slug: str) -> Response:
        found = catalog.find_product(slug)
        if found is None:
            raise HTTPException(404)
        return shop.page(
            request,
            "product.html",
            product=found,
            languages=catalog.LANGUAGES,
            shipping_options=catalog.SHIPPING_OPTIONS,
        )

    @app.get("/terms")
    def terms(request: Request) -> Response:
        return shop.page(request, "terms.html")

    @app.get("/healthz")
    def healthz() -> Response:
        return PlainTextResponse("ok")

    @app.post("/buy")
    def buy(
        request: Request,
        product: Annotated[str, Form()],
        language: Annotated[str, Form()] = "nb",
        preset_card_id: Annotated[str, Form()] = "",
        shipping: Annotated[bool, Form()] = False,
        display: Annotated[str, Form()] = "page",
    ) -> Response:
        if catalog.find_product(product) is None or language not in catalog.LANGUAGES:
            return shop.refuse(request, 400, "There is no such product, or no such language.")
        if display not in DISPLAYS:
            return shop.refuse(request, 400, "The checkout cannot be shown there.")
        choices = Choices(product, preset_card_id or None, shipping, language, display)
        return RedirectResponse(shop.start(choices), _SEE_OTHER)


def _add_orders(app: FastAPI, shop: Shop) -> None:
    def found(reference: str) -> Order:
        order = shop.orders.find(reference)
        if order is None:
            raise HTTPException(404)
        return order

    @app.get("/orders/{reference}")
    def order_page(
        request: Request, reference: str, transaction_id: str | None = None, error: str = ""
    ) -> Response:
        order = found(reference)
        transaction: dict[str, Any] | None = None
        trouble: ApiError | None = None
        try:
            transaction = shop.transaction_of(order, transaction_id)
        except ApiError as caught:
            trouble = caught
        return shop.page(
            request, "order.html", **_order_context(shop, order, transaction, trouble, error)
        )

    @app.get("/orders/{reference}/pay")
    def pay_here(request: Request, reference: str) -> Response:
        order = found(reference)
        if order.session_id is None:
            return RedirectResponse(f"/orders/{reference}", _SEE_OTHER)
        return shop.page(
            request,
            "pay.html",
            order=order,
            product=catalog.find_product(order.choices.product),
            window=order.choices.display == "window",
        )

    @app.post("/orders/{reference}/show")
    def show(reference: str, display: Annotated[str, Form()]) -> Response:
        """Show the same session in another way."""
        order = found(reference)
        if display not in DISPLAYS or order.checkout_url is None:
            return RedirectResponse(f"/orders/{reference}", _SEE_OTHER)
        shop.orders.keep_display(reference, display)
        url = order.checkout_url if display == "page" else f"/orders/{reference}/pay"
        return RedirectResponse(url, _SEE_OTHER)

    @app.post("/orders/{reference}/again")
    def again(reference: str) -> Response:
        return RedirectResponse(shop.start(found(reference).choices), _SEE_OTHER)

    @app.post("/orders/{reference}/{verb}")
    def operate(
        request: Request,
        reference: str,
        verb: str,
        form_id: Annotated[str, Form()],
        amount: Annotated[str, Form()] = "",
        all_of_it: Annotated[str, Form()] = "",
    ) -> Response:
        order = found(reference)
        if verb not in ("capture", "refund", "void"):
            raise HTTPException(404)
        if shop.orders.use_form(form_id):
            try:
                minor = None if verb == "void" else amounts.to_minor_units(all_of_it or amount)
            except amounts.AmountRefused as refused:
                shop.orders.keep_action(reference, verb, None, str(refused))
            else:
                shop.operate(order, verb, minor)
        return RedirectResponse(f"/orders/{reference}", _SEE_OTHER)


def _order_context(
    shop: Shop,
    order: Order,
    transaction: dict[str, Any] | None,
    trouble: ApiError | None,
    error: str,
) -> dict[str, Any]:
    split: Split | None = None if transaction is None else split_of(transaction)
    paid = split is not None and split.was_authorized
    # The words of the address count only until something better is known.
    said = "" if paid or not error else _RETURN_ERRORS.get(error, _RETURN_ERRORS["failed"])
    return {
        "order": order,
        "product": catalog.find_product(order.choices.product),
        "transaction": transaction,
        "split": split,
        "trouble": trouble,
        "error": error if said else "",
        "said": said,
        "callbacks": shop.orders.callbacks(order.reference),
        "form_id": secrets.token_urlsafe(16),
    }


def _add_callback(app: FastAPI, shop: Shop) -> None:
    # What a callback says is only shown, and not trusted: the order's page reads the transaction.
    @app.get("/callback")
    @app.post("/callback")
    def callback(request: Request) -> Response:
        shop.orders.keep_callback(
            request.method, parse_qsl(request.url.query, keep_blank_values=True)
        )
        return JSONResponse({"received": True})


def _add_errors(app: FastAPI, shop: Shop) -> None:
    @app.exception_handler(HTTPException)
    def refused(request: Request, error: HTTPException) -> Response:
        text = "There is nothing here." if error.status_code == 404 else str(error.detail)
        return shop.refuse(request, error.status_code, text)

    @app.exception_handler(RequestValidationError)
    def incomplete(request: Request, _: RequestValidationError) -> Response:
        return shop.refuse(request, 400, "The form was not complete.")


def _with_language(url: str, language: str) -> str:
    """Return the checkout's address with `language` appended or replaced."""
    parts = urlsplit(url)
    query = [(name, value) for name, value in parse_qsl(parts.query) if name != "language"]
    return urlunsplit(parts._replace(query=urlencode([*query, ("language", language)])))
