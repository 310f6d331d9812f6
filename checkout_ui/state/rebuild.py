"""Rebuild what is shown before the state is sent."""

from __future__ import annotations

import reflex as rx
from reflex.event import Event
from reflex.middleware.middleware import Middleware
from reflex.state import BaseState

from checkout_ui.state.checkout import Checkout
from checkout_ui.state.page_actions import CONNECTED


class RebuildFirst(Middleware):
    """Shows the session before Reflex sends the state to a page that has just connected.

    Without it a page that finds its server again would first get the defaults: React would replace
    the steps by empty ones, and everything that was typed would be gone. An event of a page whose
    state was forgotten (`docs/reference/reflex.md#expired-state`) is covered as well.
    """

    async def preprocess(self, app: rx.App, state: BaseState, event: Event) -> None:
        if state.router.url.path.startswith("/balance/"):
            return
        checkout = await state.get_state(Checkout)
        connected = event.name.endswith(CONNECTED)
        if connected or checkout.stage == "loading":
            # Only the first connection of a page says what it was built with.
            first = connected and "hashes" in event.payload
            await checkout._rebuild(opened=first or not connected, loads=first)
