"""Ask the payer in their wallet's app, without a page. A push is published with a session, and
ended when a gift card can be used.

A push is refused while a gift card can be used (`rules.payment_option.may_push`): here, in `pay`,
and once more right before anything leaves us. Source: `docs/reference/gift-cards.md`;
`docs/reference/dintero-api.md#gift-card-rules`.
"""

from __future__ import annotations

from backend.accounts.clients import Principal
from backend.accounts.tables import Profile
from backend.core.context import Backend
from backend.core.errors import FieldError, GiftCardTurnsOn, PhoneInvalid
from backend.payments.attempts.resolve import reopen
from backend.payments.attempts.start import Press, start_attempt
from backend.rules.countries import language_of_calling_code
from backend.rules.payment_option import PUSHES
from backend.sessions import events
from backend.sessions.create import LENIENT, Strict, create_session
from backend.sessions.load import get_session, lock_session
from backend.sessions.phones import calling_code, home_of, read_phone
from backend.sessions.publish import push_begun
from backend.sessions.request import SessionRequest
from backend.sessions.update import SessionUpdate, UpdateOptions, update_session


async def create_and_push(
    ctx: Backend,
    principal: Principal,
    request: SessionRequest,
    origin: events.Request,
    *,
    strict: Strict = LENIENT,
) -> str:
    """Create a session, as `create_session` does, and start the payment of a published push with
    it. The worker sends the push at once."""
    session_id = await create_session(ctx, principal, request, origin, strict=strict)
    if request.configuration is not None and request.configuration.publish:
        await _begin_published(ctx, session_id)
    return session_id


async def _begin_published(ctx: Backend, session_id: str) -> None:
    now = ctx.clock.now()
    async with ctx.db.unit_of_work() as db:
        session = await lock_session(db, session_id)
        entry = next((one for one in session.publish if "push_to" in one), None)
        if entry is None:
            return
        push_to = str(entry["push_to"])
        language = language_of_calling_code(calling_code(push_to)) or "en"
        press = Press(str(entry["option"]), session.amount, language, push_to=push_to)
        transaction, operation = await start_attempt(db, session, press, now)
        operation.request = {"published": True}
        operation.due_at = now
        push_begun(session, push_to, transaction.id)


async def update_and_end_push(
    ctx: Backend,
    account_id: str,
    session_id: str,
    request: SessionUpdate,
    origin: events.Request,
    how: UpdateOptions,
) -> None:
    """Update a session, as `update_session` does. If a gift card could be used from now on, a push
    that is under way is ended at its provider first. PaymentInProgress if the provider has not
    decided."""
    for last in (False, True):
        try:
            await update_session(ctx, account_id, session_id, request, origin, how)
            return
        except GiftCardTurnsOn as push:
            if last:
                raise
            await reopen(ctx, session_id, only=push.transaction_id)


async def phone_to_push_to(
    ctx: Backend, session_id: str, option: str | None, phone_number: str | None
) -> str | None:
    """Return the phone number (E.164) if this option asks in an app, else None. PhoneInvalid if the
    text is no phone number."""
    if option not in PUSHES or not phone_number:
        return None
    async with ctx.db.reading() as db:
        session = await get_session(db, session_id)
        profile = await db.get(Profile, (session.account_id, session.profile_id))
    number = read_phone(phone_number, home_of(session, profile))
    if number is None:
        text = "phone_number is not a phone number"
        raise PhoneInvalid(text, (FieldError("phone_number", text),))
    return number
