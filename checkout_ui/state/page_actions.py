"""What the states of the pages can do at once: speak the payer's language, show and announce
messages, move the focus, send the payer to another page. assets/checkout.js does its part in the
browser."""

from __future__ import annotations

import secrets
from typing import Any

import reflex as rx

from backend.sessions.view import CheckoutView
from checkout_ui import texts
from checkout_ui.presenters import checkout_page, formats
from checkout_ui.state.source import source_of

CONNECTED = (".hydrate_and_load", ".hydrate")
"""Reflex's own events with which a page that has connected asks for the state."""


class LocalizedPage(rx.State, mixin=True):
    """A page in the payer's language."""

    errors: dict[str, str] = {}
    """Errors by the field's name: `shipping_address.postal_code`, `gift_card_pin`,
    `consent.terms`."""
    announcement: str = ""
    focus: str = ""
    """`{nonce} {id}`: assets/checkout.js moves the focus there once for each nonce."""

    _language: str = texts.DEFAULT

    def _set(self, **values: Any) -> None:
        """Set only what differs, because Reflex sends every variable that is assigned."""
        for name, value in values.items():
            if getattr(self, name) != value:
                setattr(self, name, value)

    def _text(self, key: str, **values: str) -> str:
        return texts.text(self._language, key, **values)

    def _source(self) -> str:
        """Return where this page's events come from, for the limits."""
        return source_of(self.router)

    def _move_focus(self, element_id: str) -> None:
        self.focus = f"{secrets.token_hex(4)} {element_id}"


class PageActions(LocalizedPage, mixin=True):
    """What the checkout's page can do at once."""

    t: dict[str, str] = {"order.heading": "…"}
    """The catalogue of the payer's language."""
    language: str = texts.DEFAULT
    """The payer's language, as a BCP 47 code. assets/checkout.js sets the document's language to
    it."""
    languages: list[checkout_page.Language] = []

    busy: str = ""
    """The action under way: save, add, remove, reclaim, amount, less, all, pay, ask, leave, code,
    fill, discount, or `discount {code}` while that code is being removed."""
    notice: str = ""
    notice_calm: bool = False
    """Set if the notice is about the payer's own choice, and nothing went wrong."""
    changed: str = ""
    """What somebody else has changed in the order, until the payer's next action."""
    go_to: str = ""
    """`{nonce} {url}`: assets/checkout.js sends the payer there, once for each nonce."""
    remember: str = ""
    """`{nonce} {path}`: the browser asks there for the cookie of a remembered payer, once for each
    nonce."""

    _sent_to: str = ""

    def _set_language(self, language: str) -> None:
        self._language = language
        self._set(
            language=language, t=texts.page_texts(language), languages=checkout_page.languages()
        )

    def _tell(self, key: str, *, calm: bool = False, **values: str) -> None:
        """Show a message at the top of the page, and move the focus there."""
        self._set(notice=self._text(key, **values), notice_calm=calm)
        self._move_focus("notice")

    def _tell_wait(self, seconds: int) -> None:
        """Say at the top of the page that there were too many requests, and when to try again."""
        said = texts.wait(self._language, seconds)
        self._set(notice=said, notice_calm=True)
        self._move_focus("notice")

    def _tell_split_changed(self, view: CheckoutView) -> None:
        """Show what is to be paid now, because it is not what the payer has seen."""
        covered = view.gift_card is not None and view.to_pay == 0
        key = "notice.split_covered" if covered else "notice.split_changed"
        amount = view.order_amount if covered else view.to_pay
        self._tell(key, amount=formats.money(amount, view.currency, self._language))

    def _announce(self, key: str, **values: str) -> None:
        """Announce a text to a screen reader. A no-break space more or less makes the same words
        new."""
        said = self._text(key, **values)
        self.announcement = said + "\u00a0" if self.announcement == said else said

    def _announce_total(self, view: CheckoutView, before: str) -> None:
        amount = formats.money(view.to_pay, view.currency, self._language)
        if amount != before:
            self._announce("announced.total", amount=amount)

    def _send_to(self, url: str) -> None:
        """Send the payer to an address, once for each address: the page may still be here when the
        session says the same."""
        if url != self._sent_to:
            self._sent_to = url
            self.go_to = f"{secrets.token_hex(4)} {url}"

    def _recognise_later(self, path: str) -> None:
        if path:
            self.remember = f"{secrets.token_hex(4)} {path}"

    def _begin(self, action: str) -> bool:
        """Begin an action. Return False while another is under way, because a click comes twice
        after a reconnect."""
        if self.busy:
            return False
        self._set(busy=action, notice="", changed="", errors={})
        return True

    def _end(self) -> None:
        self._set(busy="")
