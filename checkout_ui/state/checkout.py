"""The base of every step of the page: which session this is, and what is shown of it.

The state holds what the payer sees and nothing more. Every public method of a state class can be
called by any client with any arguments, so each checks them and reads the session again. Helpers
begin with an underscore, so that no client can call them (`docs/reference/reflex.md#security`).
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import secrets

import reflex as rx
from reflex.event import EventSpec

from backend.core import context
from backend.core.errors import (
    GavekortError,
    PaymentInProgress,
    SessionChanged,
    SessionClosed,
    SessionLocked,
    SessionNotFound,
    TooManyRequests,
)
from backend.payments import receipts
from backend.receipts.written import Written
from backend.sessions import device_handoff, payer, read
from backend.sessions.view import CLOSED, CheckoutView, Notice, PageState
from checkout_ui import texts
from checkout_ui.gate import known
from checkout_ui.hosting.locations import session_id_of
from checkout_ui.presenters import addresses, card_view, changes, checkout_page, payment_options
from checkout_ui.presenters import session_view as shown_session
from checkout_ui.presenters.remainder_view import Rest
from checkout_ui.presenters.session_view import NO_LOGO
from checkout_ui.presenters.typed import is_text
from checkout_ui.state import following
from checkout_ui.state.events import event_of
from checkout_ui.state.page_actions import PageActions

log = logging.getLogger(__name__)


class Checkout(PageActions, rx.State):
    """The session as the payer sees it. The steps' own states add what only they need."""

    stage: str = "loading"
    """`loading`, `missing`, or a PageState."""
    page_title: str = "…"
    merchant_name: str = "…"
    merchant_terms_url: str = ""
    test_mode: bool = False
    logo_url: str = NO_LOGO
    leave_url: str = ""
    provider_url: str = ""
    """The provider's page while paying, if it is known."""
    app_qr: str = ""
    """The image of a QR code (`data:` URI), if the payer pays in an app. Then `provider_url` opens
    the app on this device."""
    push_heading: str = ""
    push_lead: str = ""
    """Set while the payer is asked in the app on their phone."""
    transaction_id: str = ""
    paid_lead: str = ""
    receipt: Written = Written()
    """The receipt of a paid session. Without a heading there is none."""
    offers_phone: bool = False
    on_phone: bool = False
    """Set if this page continues a session from a desktop. The desktop then goes to the shop."""
    handed_over: bool = False
    phone: checkout_page.Phone = checkout_page.Phone()

    lines: list[checkout_page.Line] = []
    items: str = ""
    """How many things there are, for example `2 varer`."""
    sums: checkout_page.Sums = checkout_page.Sums()

    asks_details: bool = False
    asks_address: bool = False
    billing_allowed: bool = False
    billing_differs: bool = False
    details_done: bool = False
    contact: checkout_page.Contact = checkout_page.Contact()
    shipping_address: checkout_page.Address = checkout_page.Address()
    billing_address: checkout_page.Address = checkout_page.Address()
    shipping_fields: list[addresses.Field] = []
    billing_fields: list[addresses.Field] = []
    """The fields for the country that is chosen in the form."""
    country_choices: str = ""
    """HTML, which is cheaper than as many React elements as there are countries."""
    shipping_options: list[checkout_page.Shipping] = []

    card_offered: bool = False
    has_card: bool = False
    card: card_view.Card = card_view.Card()
    held_elsewhere: bool = False
    """Set if a payment that was left open elsewhere holds the card. The button ends that payment
    first."""

    discounts_offered: bool = False
    discount_codes: list[str] = []
    """The codes that the shop has accepted."""

    options: list[payment_options.Option] = []
    more_options: list[payment_options.Option] = []
    more_label: str = ""
    rest: Rest = Rest()
    consents: list[checkout_page.Consent] = []
    payable: bool = False
    pay_label: checkout_page.PayLabel = checkout_page.PayLabel()

    locked: bool = False
    """Set while the shop is changing the session. Nothing can be edited or paid then."""
    open_details: str = rx.SessionStorage("", name="checkout-open-details")
    """The session whose details are `editing`. The browser keeps it too, so that a restarted server
    does not close the details while the payer is typing."""
    version: int = -1
    """The version of the session as shown. assets/embed.js reports a new one to the page that
    embeds us."""

    _form_countries: dict[str, str] = {}
    """The country chosen in the form and not saved yet, by `shipping_address` and
    `billing_address`."""
    _on_hold: int = 0
    """As in `read.Mark`, for the session as it is shown."""
    _watch: str = ""
    """Which follower is current. There is one follower for each page, however often `watch` is
    called."""

    @rx.var(deps=["open_details"], auto_deps=False)
    def editing(self) -> bool:
        """Whether the details are open although they are saved."""
        return bool(self.open_details) and self.open_details == self._session_id()

    @rx.event
    async def load(self) -> EventSpec | None:
        """Complete the page after `_rebuild`: show the rest, count the visit, and follow the
        session."""
        if self.stage in ("loading", "missing") or await self._refresh() is None:
            return None
        await payer.visit(
            context.current(),
            self._session_id(),
            self._source(),
            self.router.headers.user_agent,
        )
        if self.on_phone:
            await device_handoff.arrived(context.current(), self._session_id())
        return event_of(Checkout.watch)

    @rx.event
    async def set_language(self, tag: str) -> None:
        """Change the language at once, by the payer's own switch or for the page that embeds us.
        `tag` is a BCP 47 tag; an unknown one changes nothing. What is typed stays."""
        await self._speak(tag)

    async def _speak(self, tag: str) -> None:
        before = self._language
        language = texts.known(tag[:40]) if is_text(tag) else None
        if language is None or language == before:
            return
        self._set_language(language)
        self._set(
            notice=texts.again(self.notice, before, language),
            errors={n: texts.again(e, before, language) for n, e in self.errors.items()},
            phone=checkout_page.phone_again(self.phone, before, language),
        )
        await self._refresh()
        self._announce("announced.language")

    @rx.event(background=True)
    async def watch(self) -> None:
        """Follow the session while the page is open: it may be paid, changed or cancelled in
        another tab or by the merchant, or it may expire. This ends with the connection (Reflex
        cancels what `load` started), when another follower starts, when the session is closed, or
        after `following.LONGEST`."""
        mine = secrets.token_hex(4)
        async with self:
            self._watch = mine
            session_id, seen = self._session_id(), self._mark()
        with contextlib.suppress(TimeoutError), following.watched(session_id) as watch:
            async with asyncio.timeout(following.LONGEST):
                while seen is None or seen.state not in CLOSED:
                    mark = await watch.changed(seen)
                    # What the payer's own step has changed is shown by its end.
                    if mark is None or self._mark() != mark:
                        mark = await self._follow(mine, session_id, mark)
                        if mark is None:
                            return
                    seen = mark

    async def _follow(self, mine: str, session_id: str, mark: read.Mark | None) -> read.Mark | None:
        """Show the session as it is now, and return its mark; None where the page does not follow
        it any more."""
        while True:
            view: CheckoutView | None = None
            try:
                if mark is not None:
                    view = await receipts.read_view(context.current(), session_id)
            except SessionNotFound:
                pass
            except Exception:
                log.exception("the session could not be read; the next look may")
                await asyncio.sleep(following.PAUSE)
                continue
            async with self:
                if self._watch != mine:
                    return None
                if view is None:
                    self._show_missing()
                    return None
                if self.busy in ("", "pay"):
                    self._show_from_elsewhere(view)
                    return following.mark_of(view)
            # This is half of what the payer has asked for. Its end shows the whole.
            await asyncio.sleep(following.PAUSE)

    def _mark(self) -> read.Mark | None:
        """Return the mark of the session as it is shown."""
        try:
            return read.Mark(self.version, PageState(self.stage), self.locked, self._on_hold)
        except ValueError:
            return None

    async def _rebuild(self, *, opened: bool, loads: bool) -> None:
        """Build all that is shown, from the address alone. `opened` is false for a page that was
        here before the connection was lost; then everything that its payer is doing stays. If
        `load` follows, it adds the countries to choose from, because they are most of the page."""
        query = self.router.url.query_parameters
        on_phone = query.get("on") == "phone"
        self._set(
            busy="",
            on_phone=on_phone,
            offers_phone=not on_phone and query.get("role") != "pop_out_payment",
        )
        if opened:
            self._set(stage="loading", errors={}, notice="", announcement="")
            self._set(
                changed="",
                focus="",
                go_to="",
                remember="",
                held_elsewhere=False,
                phone=checkout_page.Phone(),
            )
            self._sent_to = ""
        view = await self._found()
        if view is not None:
            known.shows(self.router.session.session_id)
        wanted = query.get("language")
        self._set_language(
            checkout_page.language(wanted, self.router.headers.accept_language, view)
        )
        if view is None:
            self._show_missing()
            return
        self._show(view)
        if loads:
            few = checkout_page.country_choices(view, self._language, chosen_only=True)
            self._set(country_choices=few)
        if opened and self.notice:
            self._move_focus("notice")

    @rx.event
    def seen_change(self) -> None:
        """Note that the payer has read what was changed."""
        self._set(changed="")
        self._move_focus("pay-heading")

    # --- for the steps ----------------------------------------------------------------------

    def _session_id(self) -> str:
        """Return the session's id from the address. The address comes with every event, while the
        state itself may be lost."""
        url = self.router.url
        return session_id_of(url.path, dict(url.query_parameters))

    async def _found(self) -> CheckoutView | None:
        try:
            return await receipts.read_view(context.current(), self._session_id())
        except SessionNotFound:
            return None

    async def _read(self) -> CheckoutView | None:
        """Return the session as it is now. If there is none, the page says so."""
        view = await self._found()
        if view is None:
            self._show_missing()
        return view

    async def _refresh(self) -> CheckoutView | None:
        view = await self._read()
        if view is not None:
            self._show(view)
        return view

    async def _fail(self, error: Exception) -> None:
        """Show the present state after an action has failed, and say why if that is not clear."""
        if not isinstance(error, GavekortError):
            log.error("a page event failed", exc_info=error)
        before = self._order()
        try:
            await self._refresh()
        except Exception:
            log.exception("the session could not be read")
        if isinstance(error, SessionChanged):
            self._tell_changed(before)
        if isinstance(error, SessionLocked):
            # While it is locked, the page says so automatically.
            if not self.locked:
                self._tell("notice.was_locked")
        elif isinstance(error, TooManyRequests):
            self._tell_wait(error.retry_after)
        elif not isinstance(error, SessionClosed | SessionNotFound | PaymentInProgress):
            self._tell("notice.failed")

    # --- showing ----------------------------------------------------------------------------

    def _show_missing(self) -> None:
        self._set(
            stage="missing",
            page_title=self._text("title.missing"),
            merchant_name=self._text("title.loading"),
            merchant_terms_url="",
            logo_url=NO_LOGO,
            test_mode=False,
        )

    def _show(self, view: CheckoutView) -> None:
        before = self.stage
        if before != view.state.value:
            # The action under way has ended, or the page has other buttons now.
            self._end()
        self._on_hold = following.mark_of(view).on_hold
        self._set(**shown_session.fields(view, self._language))
        self._set(
            handed_over=view.handed_over and not self.on_phone,
            **checkout_page.address_forms(view, self._form_countries, self._language),
        )
        if view.notice is not None and view.state is PageState.OPEN:
            calm = view.notice is Notice.PAYMENT_CANCELLED
            self._set(notice=self._text(checkout_page.notice(view)), notice_calm=calm)
        if before in ("open", "paying", "on_hold") and view.state in CLOSED:
            self._leave(view)

    def _leave(self, view: CheckoutView) -> None:
        """Leave the page after the session was closed while the payer watched. A paid one continues
        to the merchant, unless the receipt is shown first, or a desktop goes there."""
        if view.state is PageState.PAID and not view.stays and not self.on_phone:
            self._send_to(view.leave_url)
        else:
            self._move_focus("result")

    def _show_from_elsewhere(self, view: CheckoutView) -> None:
        """Show a change that the page did not make itself. It is said aloud if it changes the
        amount or the stage."""
        known = (self.version, self.stage, self.locked)
        same = known == (view.version, view.state.value, view.locked) and not self._freed(view)
        # An older one was read while the payer's own action continued, which shows a newer one by
        # now.
        if same or view.version < self.version:
            return
        before, stage, locked = self.sums.to_pay, self.stage, self.locked
        followed, order, said = self.handed_over, self._order(), self.announcement
        self._show(view)
        if self.handed_over and not followed:
            self.phone = checkout_page.Phone()
            self._announce("announced.phone_arrived")
        if stage in ("paying", "on_hold") and view.state is PageState.OPEN and self.notice:
            self._move_focus("notice")
        elif stage != "on_hold" and view.state is PageState.ON_HOLD:
            self._move_focus("result")
        elif view.state is PageState.OPEN:
            if locked and not view.locked:
                self._announce("announced.unlocked")
            self._announce_total(view, before)
            if stage == "open":
                self._tell_changed(order, said)

    def _tell_changed(self, before: changes.Order, said: str | None = None) -> None:
        """Say what somebody else has changed since the order was shown as `before`. What was
        announced since `said` is heard after it."""
        told = changes.told(before, self._order(), self._language)
        if told:
            more = "" if said in (None, self.announcement) else f" {self.announcement}"
            self._set(changed=told, announcement=told + more)

    def _freed(self, view: CheckoutView) -> bool:
        """Return whether the card was said to be held elsewhere, and that has changed."""
        held = self.card.held
        return held != "" and held != card_view.card(view, self._language).held

    def _order(self) -> changes.Order:
        sums = self.sums
        chosen = f"{sums.shipping_title} {sums.shipping}".strip()
        options = [*self.options, *self.more_options]
        return changes.order(sums.order, self.lines, chosen, self.shipping_options, options)
