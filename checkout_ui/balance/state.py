"""The state of the balance page. It never keeps number or PIN: they are used in `look` and dropped.
The helpers begin with an underscore, because every other method is a public endpoint."""

from __future__ import annotations

import logging
import re
from collections.abc import AsyncIterator
from typing import Annotated, Any

import reflex as rx
from pydantic import BaseModel, ConfigDict, StringConstraints, ValidationError
from reflex.event import Event
from reflex.middleware.middleware import Middleware
from reflex.state import BaseState

from backend.core import context
from backend.core.errors import NotFound, TooManyAttempts, TooManyRequests
from backend.limits import limiter as limits
from backend.limits import rules
from backend.payments.views import card_balance
from backend.payments.views.card_balance import BalanceView, ShopView
from checkout_ui import texts
from checkout_ui.balance import shown
from checkout_ui.components.card_fields import NUMBER, PIN
from checkout_ui.components.elements import LONGEST_PIN
from checkout_ui.gate import known
from checkout_ui.presenters import pin_attempts, typed
from checkout_ui.state.page_actions import CONNECTED, LocalizedPage

log = logging.getLogger(__name__)

PATH = re.compile(r"/balance/([A-Za-z0-9]{1,9})/?")
DEFAULT_PROFILE = "default"
_PROFILE = re.compile(r"[A-Za-z0-9._-]{1,64}")


class _Form(BaseModel):
    model_config = ConfigDict(extra="ignore", hide_input_in_errors=True)

    gift_card_number: Annotated[str, StringConstraints(max_length=200)] = ""
    gift_card_pin: Annotated[str, StringConstraints(max_length=LONGEST_PIN)] = ""


def account_of(path: str) -> str:
    """Return the account of `/balance/{account_id}`; empty if the address is another one."""
    match = PATH.fullmatch(path)
    return match[1] if match else ""


async def shop_of(path: str, query: dict[str, str]) -> ShopView | None:
    """Return the shop of the page. None if there is no such account or profile."""
    account, profile = account_of(path), query.get("profile") or DEFAULT_PROFILE
    if not account or not _PROFILE.fullmatch(profile):
        return None
    try:
        return await card_balance.read_shop(
            context.current(), account, profile, query.get("return")
        )
    except NotFound:
        return None


def title(shop: ShopView | None, language: str) -> str:
    if shop is None:
        return texts.text(language, "balance.title_missing")
    return texts.text(language, "balance.title", merchant=shop.merchant_name)


class Balance(LocalizedPage, rx.State):
    stage: str = "loading"
    """`loading`, `missing`, `ask`, `shown`."""
    page_title: str = "…"
    t: dict[str, str] = {"balance.heading": "…"}
    languages: list[shown.Language] = []
    merchant_name: str = "…"
    test_mode: bool = False
    back_url: str = ""

    busy: bool = False
    card: shown.Card = shown.Card()
    holds: list[shown.Held] = []
    movements: list[shown.Movement] = []

    @rx.event
    async def look(self, form_data: dict[str, Any]) -> AsyncIterator[None]:
        """Show the card with this number and PIN."""
        try:
            form = _Form.model_validate(form_data)
        except ValidationError:
            self._refuse({NUMBER: "balance.not_matched"})
            return
        number, pin = typed.number(form.gift_card_number), typed.plain(form.gift_card_pin)
        missing = {NUMBER: "refused.number_missing"} if not number else {}
        missing |= {PIN: "refused.pin_missing"} if not pin else {}
        if missing:
            self._refuse(missing)
            return
        if self.busy:
            return
        self._set(busy=True, errors={})
        yield
        try:
            account, source = account_of(self.router.url.path), self._source()
            await limits.spend_source(context.current(), rules.BALANCE, source, account)
            view = await card_balance.read_balance(context.current(), account, number, pin, source)
        except TooManyAttempts as error:
            self.errors = {NUMBER: pin_attempts.sentence(error, self._language)}
            self._move_focus(NUMBER)
        except TooManyRequests as error:
            self._tell_wait(error.retry_after)
        except Exception:
            # The exception's text is left out, because it may have what was typed.
            log.error("a balance could not be read")
            self._refuse({NUMBER: "balance.failed"})
        else:
            if view is None:
                self._refuse({NUMBER: "balance.not_matched"})
            else:
                self._show(view)
        finally:
            self._set(busy=False)

    @rx.event
    def done(self) -> None:
        """Show nothing of the card any more."""
        self._forget()
        self._move_focus(NUMBER)

    async def _rebuild(self, *, opened: bool) -> None:
        """Build all that is shown, from the address alone. `opened` is false for a page that was
        here before the connection was lost. What it shows then stays, if it is still known."""
        url = self.router.url
        query = dict(url.query_parameters)
        accepted = self.router.headers.accept_language
        self._language = texts.choose(query.get("language"), accepted)
        shop = await shop_of(url.path, query)
        self._set(
            busy=False,
            t=texts.balance_texts(self._language),
            languages=shown.languages(url.query, self._language),
            page_title=title(shop, self._language),
        )
        if shop is None:
            self._set(stage="missing", merchant_name=self._text("balance.heading"))
            return
        known.shows(self.router.session.session_id)
        self._set(
            merchant_name=shop.merchant_name,
            test_mode=shop.test_mode,
            back_url=shop.return_url or "",
        )
        if opened or self.stage not in ("ask", "shown"):
            self._forget()
            self._set(focus="")

    def _show(self, view: BalanceView) -> None:
        now, language = context.current().clock.now(), self._language
        card = shown.card(view, language, now)
        self._set(
            stage="shown",
            errors={},
            card=card,
            holds=shown.holds(view, language, now),
            movements=shown.movements(view, language),
        )
        if card.available:
            self._set(announcement=self._text("announced.balance", amount=card.available))
        self._move_focus("balance-heading")

    def _forget(self) -> None:
        self._set(
            stage="ask", errors={}, card=shown.Card(), holds=[], movements=[], announcement=""
        )

    def _tell_wait(self, seconds: int) -> None:
        self.errors = {NUMBER: texts.wait(self._language, seconds)}
        self._move_focus(NUMBER)

    def _refuse(self, errors: dict[str, str]) -> None:
        self.errors = {name: self._text(key) for name, key in errors.items()}
        self._move_focus(next(iter(errors)))


class BalanceFirst(Middleware):
    """Rebuilds what is shown before the state is sent, as `RebuildFirst` does for a checkout."""

    async def preprocess(self, app: rx.App, state: BaseState, event: Event) -> None:
        if not account_of(state.router.url.path):
            return
        balance = await state.get_state(Balance)
        connected = event.name.endswith(CONNECTED)
        if connected or balance.stage == "loading":
            opened = not connected or "hashes" in event.payload
            await balance._rebuild(opened=opened)
