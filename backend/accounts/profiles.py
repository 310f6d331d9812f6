"""Profiles: how an account's sessions are set up, and its providers' credentials.

Source: shared design section 3 (a session is Express by its profile) and 6.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from sqlmodel.ext.asyncio.session import AsyncSession

from backend.accounts.tables import Profile
from backend.context import Backend
from backend.errors import InvalidRequest


@dataclass(frozen=True, slots=True)
class ProfileSetup:
    """`connections`: provider credentials by option name; stored encrypted."""

    account_id: str
    profile_id: str
    express: bool
    configuration: dict[str, Any] = field(default_factory=dict)
    merchant: dict[str, Any] = field(default_factory=dict)
    frame_ancestors: tuple[str, ...] = ()
    connections: dict[str, dict[str, Any]] = field(default_factory=dict)


async def save_profile(ctx: Backend, setup: ProfileSetup) -> None:
    """Make the profile, or bring it to this set-up."""
    now = ctx.clock.now()
    async with ctx.db.unit_of_work() as db:
        profile = await db.get(Profile, (setup.account_id, setup.profile_id))
        if profile is None:
            profile = Profile(
                account_id=setup.account_id, id=setup.profile_id, express=setup.express,
                configuration={}, merchant={}, frame_ancestors=[], connections="",
                created_at=now, updated_at=now,
            )  # fmt: skip
            db.add(profile)
        profile.express = setup.express
        profile.configuration = setup.configuration
        profile.merchant = setup.merchant
        profile.frame_ancestors = list(setup.frame_ancestors)
        profile.connections = ctx.vault.seal(setup.connections)
        profile.updated_at = now


async def get_profile(db: AsyncSession, account_id: str, profile_id: str) -> Profile:
    """`profile_id` as a request gives it: `default`, or `{aid}.{short uuid}`."""
    profile = await db.get(Profile, (account_id, profile_id))
    if profile is None:
        raise InvalidRequest(f"there is no profile {profile_id!r}")
    return profile


def connections_of(ctx: Backend, profile: Profile) -> dict[str, dict[str, Any]]:
    """The profile's providers by option name, in the order in which they were connected."""
    return ctx.vault.unseal(profile.connections)
