"""Webhook subscriptions, and messages that were sent. Source:
`docs/reference/dintero-api.md#webhooks`; docs/webhooks.md."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, Literal

from fastapi import Query
from pydantic import BaseModel, Field

from backend.accounts.clients import Principal
from backend.api.body import strict_router
from backend.api.deps import (
    READ_CHECKOUT,
    READ_WALLETS,
    WRITE_CHECKOUT,
    WRITE_WALLETS,
    Caller,
    Context,
)
from backend.core.errors import Forbidden
from backend.limits import limiter as limits
from backend.limits import rules
from backend.outbox import history, subscriptions
from backend.outbox.enqueue import CARD_PIN_ATTEMPTS, WALLET_TRANSACTION
from backend.outbox.history import DeliveryFilter, Sight, serialize_delivery
from backend.outbox.subscriptions import SubscriptionSettings, serialize_subscription
from backend.sessions.request import HttpUrl, Loose

router = strict_router()
HOOKS = "/accounts/{account_id}/hooks/subscriptions"
DELIVERIES = "/accounts/{account_id}/hooks/deliveries"
WALLETS = frozenset({WALLET_TRANSACTION, CARD_PIN_ATTEMPTS})
"""Events of gift cards."""
EventName = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{1,63}$")]
Secret = Annotated[str, Field(min_length=1, max_length=255)]


class SecretObject(Loose):
    """The secret as answers show it, beside its type."""

    type: Literal["HMAC-SHA1"] = "HMAC-SHA1"
    secret: Secret | None = None


class Config(Loose):
    nulls_that_say_something: ClassVar[frozenset[str]] = frozenset({"secret"})

    url: HttpUrl
    content_type: Literal["application/json"] = "application/json"
    secret: Secret | SecretObject | None = None
    insecure_ssl: Literal[0, "0", False] = 0

    def the_secret(self) -> str | None:
        return self.secret.secret if isinstance(self.secret, SecretObject) else self.secret


class SubscriptionRequest(Loose):
    config: Config
    events: Annotated[list[EventName], Field(min_length=1, max_length=100)]

    def settings(self) -> SubscriptionSettings:
        return SubscriptionSettings(
            self.config.url, tuple(dict.fromkeys(self.events)), self.config.the_secret()
        )


class DeliveryQuery(BaseModel):
    limit: Annotated[int, Field(ge=1, le=100)] = 10
    starting_after: str | None = None
    subject: str | None = None
    subscription_id: str | None = None
    state: Literal["pending", "delivered", "failed"] | None = None
    kind: Literal["callback", "webhook", "email", "sms"] | None = None


def _require(caller: Principal, account_id: str, events: list[str]) -> None:
    """Check that whoever is told about gift cards may see them, and the same for payments."""
    caller.require_account(account_id)
    if not WALLETS.isdisjoint(events):
        caller.require(*WRITE_WALLETS)
    if not WALLETS.issuperset(events):
        caller.require(*WRITE_CHECKOUT)


def _require_any(caller: Principal, account_id: str) -> None:
    caller.require_account(account_id)
    caller.require(*READ_CHECKOUT, *READ_WALLETS, *WRITE_CHECKOUT, *WRITE_WALLETS)


async def _require_own(ctx: Context, caller: Principal, account_id: str, hook_id: str) -> None:
    caller.require_account(account_id)
    async with ctx.db.reading() as db:
        hook = await subscriptions.get_subscription(db, account_id, hook_id)
    _require(caller, account_id, hook.events)


@router.post(HOOKS)
async def create(
    account_id: str, body: SubscriptionRequest, ctx: Context, caller: Caller
) -> dict[str, Any]:
    """Create a subscription. A `ping` follows."""
    _require(caller, account_id, body.events)
    await limits.spend(ctx, rules.HOOK_TESTS, account_id)
    settings = body.settings()
    return serialize_subscription(
        await subscriptions.subscribe(ctx, account_id, settings, caller.client_id)
    )


@router.get(HOOKS)
async def list_(account_id: str, ctx: Context, caller: Caller) -> list[dict[str, Any]]:
    """List the subscriptions, oldest first. There are at most 20."""
    _require_any(caller, account_id)
    found = await subscriptions.list_subscriptions(ctx, account_id)
    return [serialize_subscription(hook) for hook in found]


@router.get(f"{HOOKS}/{{hook_id}}")
async def get(account_id: str, hook_id: str, ctx: Context, caller: Caller) -> dict[str, Any]:
    _require_any(caller, account_id)
    async with ctx.db.reading() as db:
        return serialize_subscription(await subscriptions.get_subscription(db, account_id, hook_id))


@router.put(f"{HOOKS}/{{hook_id}}")
async def change(
    account_id: str, hook_id: str, body: SubscriptionRequest, ctx: Context, caller: Caller
) -> dict[str, Any]:
    """Replace address and events. The secret stays unless `config.secret` is sent; null ends the
    signing."""
    await _require_own(ctx, caller, account_id, hook_id)
    _require(caller, account_id, body.events)
    await limits.spend(ctx, rules.HOOK_TESTS, account_id)
    sent = "secret" in body.config.model_fields_set
    secret = body.config.secret
    # The object from an answer, if it is sent back as it came, has no secret.
    keep = not sent or (isinstance(secret, SecretObject) and secret.secret is None)
    hook = await subscriptions.change(ctx, account_id, hook_id, body.settings(), keep_secret=keep)
    return serialize_subscription(hook)


@router.delete(f"{HOOKS}/{{hook_id}}")
async def delete(account_id: str, hook_id: str, ctx: Context, caller: Caller) -> dict[str, Any]:
    """Delete the subscription. Messages that were not delivered yet are not sent any more."""
    await _require_own(ctx, caller, account_id, hook_id)
    hook = await subscriptions.unsubscribe(ctx, account_id, hook_id, caller.client_id)
    return serialize_subscription(hook)


@router.post(f"{HOOKS}/{{hook_id}}/ping")
async def ping(account_id: str, hook_id: str, ctx: Context, caller: Caller) -> dict[str, Any]:
    await _require_own(ctx, caller, account_id, hook_id)
    await limits.spend(ctx, rules.HOOK_TESTS, account_id)
    return serialize_subscription(await subscriptions.ping(ctx, account_id, hook_id))


def _sight(
    caller: Principal, account_id: str, checkout: tuple[str, ...], wallets: tuple[str, ...]
) -> Sight:
    caller.require_account(account_id)
    sight = Sight(
        account_id=account_id,
        checkout=not caller.scopes.isdisjoint(checkout),
        wallets=not caller.scopes.isdisjoint(wallets),
    )
    if not (sight.checkout or sight.wallets):
        raise Forbidden(f"this needs one of the scopes {', '.join((*checkout, *wallets))}")
    return sight


@router.get(DELIVERIES)
async def deliveries(
    account_id: str, asked: Annotated[DeliveryQuery, Query()], ctx: Context, caller: Caller
) -> dict[str, Any]:
    """List callbacks, webhooks and receipts, newest first. `subject` is the id of a transaction, a
    session, a wallet transaction or a subscription."""
    sight = _sight(caller, account_id, READ_CHECKOUT, READ_WALLETS)
    query = DeliveryFilter(
        limit=asked.limit + 1,
        starting_after=asked.starting_after,
        subject=asked.subject,
        subscription_id=asked.subscription_id,
        state=asked.state,
        kind=asked.kind,
    )
    async with ctx.db.reading() as db:
        found = await history.list_deliveries(db, sight, query)
    shown = found[: asked.limit]
    answer: dict[str, Any] = {"deliveries": [serialize_delivery(one) for one in shown]}
    if len(found) > asked.limit:
        answer["starting_after"] = shown[-1].id
    return answer


@router.get(f"{DELIVERIES}/{{delivery_id}}")
async def delivery(
    account_id: str, delivery_id: str, ctx: Context, caller: Caller
) -> dict[str, Any]:
    """Return one message with every attempt: what was sent, and what came back."""
    sight = _sight(caller, account_id, READ_CHECKOUT, READ_WALLETS)
    async with ctx.db.reading() as db:
        found = await history.get_delivery(db, sight, delivery_id)
        return serialize_delivery(found, await history.attempts_of(db, delivery_id))


@router.post(f"{DELIVERIES}/{{delivery_id}}/redeliver")
async def redeliver(
    account_id: str, delivery_id: str, ctx: Context, caller: Caller
) -> dict[str, Any]:
    """Send the same message again, now, with its full number of attempts."""
    sight = _sight(caller, account_id, WRITE_CHECKOUT, WRITE_WALLETS)
    await limits.spend(ctx, rules.HOOK_TESTS, account_id)
    return serialize_delivery(await history.redeliver(ctx, sight, delivery_id))
