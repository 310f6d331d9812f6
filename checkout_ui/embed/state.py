"""What the page that embeds us asks for, and what it is told.

assets/embed.js sends everything through one hidden form, and posts what is in `outbox`. The
parent's origin is decided here, once for each page. If the parent may not embed us, the outbox
stays empty.
"""

from __future__ import annotations

import contextlib
import json
import secrets
from typing import Any

import reflex as rx
from pydantic import ValidationError
from reflex.event import EventSpec

from backend.core import context
from backend.core.errors import GavekortError, NotLockable, SessionNotFound
from backend.sessions.details import Details
from backend.sessions.lock import lock, release
from backend.sessions.public import read_public_session
from backend.sessions.shop_address import keep_address, with_address
from checkout_ui.embed import messages
from checkout_ui.gate.arguments import longest
from checkout_ui.state.checkout import Checkout
from checkout_ui.state.events import event_of
from checkout_ui.steps.details import DetailsState
from checkout_ui.steps.details_form import read_form
from checkout_ui.steps.payment import PaymentState

_KEPT = 12
"""How many messages the outbox keeps. The script takes them within a frame, and knows which it has
had."""
_LONGEST_TOLD = 300


class EmbedState(Checkout):
    outbox: str = ""
    """JSON: `page` says for which script these are, `origin` where to post them, and `messages` has
    them."""

    _page: str = ""
    _origin: str = ""
    _messages: list[dict[str, Any]] = []
    _told: str = ""
    """The `messages.content_of` the session that the host was told last."""
    _told_version: int = -1
    """The version of the session that was compared last."""
    _ended: bool = False

    _asked: str = ""
    """What the host has been asked and has not answered: validate or address."""
    _lock_id: str = ""
    """The id of the lock under which the host is asked to confirm the order."""
    _host_lock: str = ""
    """The id of the lock that the host has asked for, or that an earlier page has left."""
    _form: dict[str, str] = {}
    _details: Details | None = None

    @rx.event
    @longest(message=messages.MAX_HEARD)
    async def hear(self, form_data: dict[str, Any]) -> EventSpec | None:
        heard = messages.read_form(form_data)
        match heard:
            case messages.Hello():
                await self._hello(heard)
            case messages.Changed() if self._origin:
                await self._changed()
            case messages.Look():
                await self._refresh()
            case messages.Speak() if self._origin:
                await self._speak(heard.language)
            case messages.Lock() if self._origin:
                await self._lock()
            case messages.Unlock() if self._host_lock:
                await self._free()
            case messages.Refresh() if self._origin:
                await self._tell_session(updated=True)
            case messages.Validate() if self._origin:
                await self._validate(heard.form)
            case messages.AskAddress() if self._origin:
                await self._ask_address(heard.form)
            case messages.Answer() if self._asked == heard.to:
                return await self._answered(heard)
        return None

    # --- telling ----------------------------------------------------------------------------

    async def _hello(self, hello: messages.Hello) -> None:
        """Begin a page. What an earlier page was told or asked is over."""
        self._messages, self._told, self._told_version = [], "", -1
        self._ended, self._asked = False, ""
        if self._lock_id:
            self._host_lock, self._lock_id = self._lock_id, ""
        view = await self._read()
        secure = context.current().settings.base_url.startswith("https://")
        self._page = hello.page
        self._origin = messages.target(hello.origin, view, secure=secure)
        if self._origin:
            await self._tell_session(updated=False)
        else:
            self._put_out()

    async def _changed(self) -> None:
        view = await self._read()
        if view is None or (view.version == self._told_version and not messages.has_ended(view)):
            return
        await self._tell_session(updated=True)

    async def _tell_session(self, *, updated: bool) -> None:
        """Tell the host how the session is now, that it is gone, or how it ended. The host is not
        told again what it knows already."""
        view = await self._refresh()
        if view is None:
            self._tell_host(messages.not_found())
        elif messages.has_ended(view):
            if not self._ended:
                self._ended = True
                self._tell_host(messages.final(view))
        else:
            session = await read_public_session(context.current(), view.session_id)
            content, known = messages.content_of(session), self._told
            self._told, self._told_version = content, view.version
            if not updated:
                self._tell_host(messages.loaded(session))
            elif content != known:
                self._tell_host(messages.updated(session))

    async def _lock(self) -> None:
        try:
            lock_id = await lock(context.current(), self._session_id())
        except GavekortError:
            # Whatever the reason is, nothing is locked, and this is all that the host is told.
            self._tell_host(messages.lock_failed())
        else:
            self._host_lock = lock_id
            await self._refresh()
            self._tell_host(messages.locked(lock_id))

    async def _free(self) -> None:
        """Remove the lock that was left by a page of the host's which is gone."""
        lock_id, self._host_lock = self._host_lock, ""
        with contextlib.suppress(SessionNotFound):
            await release(context.current(), self._session_id(), lock_id)
        await self._refresh()

    def _tell_host(self, message: messages.Message) -> None:
        self._messages = [*self._messages, {"id": secrets.token_hex(6), **message}][-_KEPT:]
        self._put_out()

    def _put_out(self) -> None:
        out = {"page": self._page, "origin": self._origin, "messages": self._messages}
        self.outbox = json.dumps(out)

    # --- asking -----------------------------------------------------------------------------

    async def _validate(self, form: dict[str, str]) -> None:
        """Lock the session after Pay was pressed, ask the host, and wait for `_answered`."""
        payment = await self.get_state(PaymentState)
        if not self._begin("pay"):
            return
        if not await payment._consents_given(form):
            self._end()
            return
        self._form = form
        await self._ask("validate")

    async def _ask_address(self, form: dict[str, str]) -> None:
        details = await self.get_state(DetailsState)
        try:
            given = read_form(form, billing_allowed=self.billing_allowed)
        except ValidationError:
            self._tell("error.summary")
            return
        if not self._begin("save"):
            return
        try:
            session = await with_address(context.current(), self._session_id(), given)
        except Exception as error:
            self._end()
            await details._not_saved(error)
            return
        self._details = given
        await self._ask("address", session)

    async def _ask(self, what: str, session: dict[str, Any] | None = None) -> None:
        """Ask the host, with the session locked if possible, because the host's server changes it
        meanwhile. No server changes a session that is not Express."""
        now, session_id = context.current(), self._session_id()
        self._lock_id = ""
        try:
            view = await self._refresh()
            if view is None:
                self._end()
                return
            if not view.locked:
                self._lock_id = await lock(now, session_id)
                await self._refresh()
            # Otherwise the host is changing the session, and its own lock must stay.
        except NotLockable:
            # Nothing of it changes while the host is asked.
            pass
        except Exception as error:
            self._end()
            await self._fail(error)
            return
        shown = await read_public_session(now, session_id)
        if session is not None:
            shown |= {key: session[key] for key in ("order", "customer") if key in session}
        self._asked = what
        self._tell_host(
            messages.validate(shown) if what == "validate" else messages.address_callback(shown)
        )

    async def _answered(self, answer: messages.Answer) -> EventSpec | None:
        """Continue what was under way, or say why not."""
        self._asked = ""
        try:
            if self._lock_id:
                await release(context.current(), self._session_id(), self._lock_id)
        except SessionNotFound:
            pass
        form, details = self._form, self._details
        self._form, self._details, self._lock_id = {}, None, ""
        self._end()
        await self._tell_session(updated=True)
        if not answer.success:
            self._refused(answer)
        elif answer.to == "validate":
            # Pay takes the amount that was shown when Pay was pressed. Another amount is shown
            # first.
            return event_of(PaymentState.press_pay, form)
        elif details is not None:
            await self._keep(details)
        return None

    def _refused(self, answer: messages.Answer) -> None:
        if answer.error and not answer.late:
            self._set(notice=answer.error[:_LONGEST_TOLD])
            self._move_focus("notice")
            return
        late = "late" if answer.late else "refused"
        self._tell(f"notice.embed_{answer.to}_{late}")

    async def _keep(self, details: Details) -> None:
        problem: Exception | None = None
        try:
            await keep_address(context.current(), self._session_id(), details)
        except Exception as error:
            problem = error
        state = await self.get_state(DetailsState)
        if problem is None:
            await state._saved()
        else:
            await state._not_saved(problem)
