"""The page that embeds ours is asked what the shop can send to an address, instead of the shop's
server by callback. It changes the session itself, and then the address is kept.

Source: `docs/reference/dintero-api.md#messages-to-the-sdk` (AddressCallback), `#express-callbacks`.
"""

from __future__ import annotations

import copy
from typing import Any

from backend.core.context import Backend
from backend.core.errors import ShippingUnavailable
from backend.sessions import details as contact
from backend.sessions import payer
from backend.sessions.details import Details
from backend.sessions.load import check_not_locked, check_open, get_session
from backend.sessions.public import read_public_session


async def with_address(ctx: Backend, session_id: str, details: Details) -> dict[str, Any]:
    """Return the public session as it will be with these details, which are not kept yet.

    DetailsInvalid names every bad field. Also raises the errors of a session that takes no details.
    """
    async with ctx.db.reading() as db:
        session = await get_session(db, session_id)
        now = ctx.clock.now()
        check_open(session, now, None)
        check_not_locked(ctx, session, now)
        checked = await payer.check_details(db, session, details)
    shown = copy.deepcopy(await read_public_session(ctx, session_id))
    contact.keep(shown, checked)
    contact.show_billing(shown)
    return shown


async def keep_address(ctx: Backend, session_id: str, details: Details) -> None:
    """Keep what `with_address` showed, after the shop has changed the session.

    ShippingUnavailable if the shop left no shipping option. Then nothing is kept.
    """
    async with ctx.db.reading() as db:
        session = await get_session(db, session_id)
    order, express = session.content.order, session.content.express
    offered = not express.offers_nothing or order.shipping_option is not None
    if express.shipping_required and not offered:
        raise ShippingUnavailable("cannot_ship", "the shop does not ship to this address")
    await payer.set_details(ctx, session_id, details, ask_shop=False)
