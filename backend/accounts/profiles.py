"""Profiles: how an account's sessions are set up, and its providers' credentials.

Source: `docs/reference/gift-cards.md#both-example-requests` (a session is Express by its profile),
`docs/architecture.md#strangers`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from backend.accounts.tables import Account, Profile
from backend.core.context import Backend
from backend.core.errors import InvalidRequest
from backend.rules.browser_address import is_app_scheme
from backend.rules.order import SessionConfiguration
from backend.rules.session_body import SessionBody

RETURN_SCHEMES = "return_url_schemes"
Connections = dict[str, dict[str, Any]]


@dataclass(frozen=True, slots=True)
class ProfileSetup:
    """How a profile is set up. `connections` are provider credentials by option name, stored
    encrypted."""

    account_id: str
    profile_id: str
    express: bool
    configuration: dict[str, Any] = field(default_factory=dict)
    merchant: dict[str, Any] = field(default_factory=dict)
    frame_ancestors: tuple[str, ...] = ()
    connections: Connections = field(default_factory=dict)
    description: str = ""
    customer_types: tuple[str, ...] = ()
    checkboxes: tuple[dict[str, Any], ...] = ()
    extra: dict[str, Any] = field(default_factory=dict)


async def save_profile(ctx: Backend, setup: ProfileSetup) -> None:
    """Create the profile, or change it to this set-up."""
    async with ctx.db.unit_of_work() as db:
        profile = await db.get(Profile, (setup.account_id, setup.profile_id), with_for_update=True)
        await store_profile(ctx, db, profile, setup)


async def store_profile(
    ctx: Backend, db: AsyncSession, profile: Profile | None, setup: ProfileSetup
) -> Profile:
    """Create the row in the caller's unit of work, or change it to this set-up, even if it is
    deleted."""
    now = ctx.clock.now()
    if profile is None:
        profile = Profile(
            account_id=setup.account_id,
            id=setup.profile_id,
            express=setup.express,
            configuration={},
            merchant={},
            frame_ancestors=[],
            connections=ctx.vault.seal({}),
            created_at=now,
            updated_at=now,
        )
        db.add(profile)
    profile.express = setup.express
    profile.configuration = setup.configuration
    profile.merchant = setup.merchant
    profile.frame_ancestors = list(setup.frame_ancestors)
    profile.description = setup.description
    profile.customer_types = list(setup.customer_types)
    profile.checkboxes = list(setup.checkboxes)
    profile.extra = setup.extra
    profile.connections = ctx.vault.seal(setup.connections)
    profile.deleted_at = None
    profile.updated_at = now
    await db.flush()
    return profile


async def get_profile(db: AsyncSession, account_id: str, profile_id: str) -> Profile:
    """Return the profile for a new session. `profile_id` is as a request gives it: `default`, or
    `{aid}.{short uuid}`."""
    profile, _ = await seller_of(db, account_id, profile_id)
    if profile.deleted_at is not None:
        raise InvalidRequest(f"there is no profile {profile_id!r}")
    return profile


async def profile_of(db: AsyncSession, account_id: str, profile_id: str) -> Profile:
    """Return the profile of something that began with it, even if it is deleted now."""
    profile = await db.get(Profile, (account_id, profile_id))
    if profile is None:
        raise InvalidRequest(f"there is no profile {profile_id!r}")
    return profile


async def seller_of(db: AsyncSession, account_id: str, profile_id: str) -> tuple[Profile, Account]:
    """Return the profile, deleted or not, with its account. One statement reads both, once in a
    unit of work. InvalidRequest if there is no such profile."""
    known: tuple[Profile, Account] | None = db.info.get((Profile, account_id, profile_id))
    if known is not None:
        return known
    query = select(Profile, Account).join(Account, col(Account.id) == col(Profile.account_id))
    query = query.where(Profile.account_id == account_id, Profile.id == profile_id)
    found = (await db.exec(query)).one_or_none()
    if found is None:
        raise InvalidRequest(f"there is no profile {profile_id!r}")
    keep_seller(db, *found)
    return found[0], found[1]


def keep_seller(db: AsyncSession, profile: Profile, account: Account) -> None:
    """Keep both rows for `seller_of` in this unit of work, after another statement has read them.
    The database session alone would drop rows that nothing refers to."""
    db.info[(Profile, profile.account_id, profile.id)] = profile, account


def configuration_of(profile: Profile, body: SessionBody) -> SessionConfiguration:
    """Return the configuration of a session's request over its profile's."""
    return body.configuration.over(SessionConfiguration.read(profile.configuration))


def with_defaults(profile: Profile, body: Mapping[str, Any]) -> dict[str, Any]:
    """Return a session's request, completed from the profile."""
    filled = dict(body)
    if profile.checkboxes and not body.get("checkboxes"):
        filled["checkboxes"] = profile.checkboxes
    if profile.customer_types and (profile.express or body.get("express") is not None):
        filled["express"] = {
            "customer_types": profile.customer_types,
            **(body.get("express") or {}),
        }
    return filled


def app_schemes(profile: Profile) -> frozenset[str]:
    """Return the schemes of the shop's own apps, in lower case, to which its payers may be sent
    back."""
    given = profile.extra.get(RETURN_SCHEMES)
    listed = given if isinstance(given, list) else []
    return frozenset(s for s in listed if isinstance(s, str) and is_app_scheme(s))


def connections_of(ctx: Backend, profile: Profile) -> Connections:
    """Return the profile's providers by option name, in the order in which they were connected."""
    return ctx.vault.unseal(profile.connections)


def retired_of(ctx: Backend, profile: Profile) -> Connections:
    """Return providers that were disconnected. They still serve what was paid with them."""
    return ctx.vault.unseal(profile.retired) if profile.retired else {}


def credentials_of(ctx: Backend, profile: Profile, option: str) -> dict[str, Any] | None:
    """Return the credentials of an option that is connected, or was. None if it never was."""
    found = connections_of(ctx, profile).get(option)
    return found if found is not None else retired_of(ctx, profile).get(option)


async def key_fits(ctx: Backend) -> bool:
    """Return whether the profiles were written under the installation's present master secret. True
    if there are no profiles yet."""
    async with ctx.db.reading() as db:
        sealed = (await db.exec(select(Profile.connections).limit(1))).first()
    return sealed is None or ctx.vault.opens(sealed)
