"""Count every event of an open page for its source and its session (docs/limits.md). Past a limit
the event is not handled: the page says when to try again, and stays as it is."""

from __future__ import annotations

import reflex as rx
from reflex.event import Event
from reflex.middleware.middleware import Middleware
from reflex.state import BaseState, StateUpdate

from backend.core import context
from backend.core.errors import TooManyRequests
from backend.limits import limiter as limits
from backend.limits import rules
from checkout_ui.balance.state import Balance, account_of
from checkout_ui.hosting.locations import session_id_of
from checkout_ui.state.checkout import Checkout
from checkout_ui.state.source import source_of


class LimitedEvents(Middleware):
    async def preprocess(self, app: rx.App, state: BaseState, event: Event) -> StateUpdate | None:
        ctx, url = context.current(), state.router.url
        session_id = session_id_of(url.path, dict(url.query_parameters))
        try:
            await limits.spend_source(ctx, rules.EVENTS_SOURCE, source_of(state.router))
            if session_id:
                await limits.spend(ctx, rules.EVENTS_SESSION, session_id)
        except TooManyRequests as error:
            if account_of(url.path):
                (await state.get_state(Balance))._tell_wait(error.retry_after)
            else:
                (await state.get_state(Checkout))._tell_wait(error.retry_after)
            root = state._get_root_state()
            delta = await root._get_resolved_delta()
            root._clean()  # type: ignore[no-untyped-call]  # Reflex gives it no types
            return StateUpdate(delta=delta)
        return None
