"""Profiles by API: list, create, change, delete. Source:
`docs/reference/dintero-api.md#session-endpoints` and `#configuration`; the credentials are ours,
see `docs/profiles.md`."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from backend.accounts.profiles import (
    ProfileSetup,
    connections_of,
    retired_of,
    store_profile,
)
from backend.accounts.tables import Profile
from backend.core.clock import iso
from backend.core.context import Backend
from backend.core.errors import Conflict, FieldError, InvalidRequest, NotFound
from backend.core.ids import scoped_id
from backend.rules.account_mode import wrong_mode

MASK = "********"
"""What answers show in place of a credential. A request that sends it leaves the credential as it
is."""
MAX_PROFILE = 256 * 1024
"""Characters of JSON that a profile may have, without its credentials."""


@dataclass(frozen=True, slots=True)
class ProfileChange:
    """What changes. `said` has the parts of a profile that a request names, by `ProfileSetup`'s
    names; the other parts stay. `connections` has credentials by option; None removes an option."""

    said: dict[str, Any] = field(default_factory=dict)
    connections: dict[str, dict[str, str] | None] = field(default_factory=dict)


async def list_profiles(
    db: AsyncSession, account_id: str, limit: int, starting_after: str | None
) -> list[Profile]:
    """Return an account's profiles, newest first. InvalidRequest for an unknown
    `starting_after`."""
    created, key = col(Profile.created_at), col(Profile.id)
    query = select(Profile).where(
        Profile.account_id == account_id, col(Profile.deleted_at).is_(None)
    )
    if starting_after is not None:
        last = await db.get(Profile, (account_id, starting_after))
        if last is None:
            text = "there is no such profile"
            raise InvalidRequest(text, (FieldError("starting_after", text),))
        query = query.where(
            (created < last.created_at) | ((created == last.created_at) & (key < last.id))
        )
    return list(await db.exec(query.order_by(created.desc(), key.desc()).limit(limit)))


async def find_profile(db: AsyncSession, account_id: str, profile_id: str) -> Profile:
    """Return the profile. NotFound for a deleted one too."""
    profile = await db.get(Profile, (account_id, profile_id))
    if profile is None or profile.deleted_at is not None:
        raise NotFound("there is no such profile")
    return profile


async def _lock(db: AsyncSession, account_id: str, profile_id: str) -> Profile | None:
    return await db.get(Profile, (account_id, profile_id), with_for_update=True)


async def create_profile(
    ctx: Backend, account_id: str, profile_id: str | None, change: ProfileChange
) -> Profile:
    """Create the profile. Conflict if the account has a profile with this id."""
    async with ctx.db.unit_of_work() as db:
        wanted = profile_id or scoped_id(account_id)
        profile = await _lock(db, account_id, wanted)
        if profile is not None and profile.deleted_at is None:
            raise Conflict(f"a profile {wanted!r} exists already")
        empty = ProfileSetup(account_id=account_id, profile_id=wanted, express=False)
        return await _store(ctx, db, profile, _changed(empty, change))


async def update_profile(
    ctx: Backend, account_id: str, profile_id: str, change: ProfileChange
) -> Profile:
    """Change the profile. Parts that the change does not name stay. NotFound."""
    async with ctx.db.unit_of_work() as db:
        profile = await _lock(db, account_id, profile_id)
        if profile is None or profile.deleted_at is not None:
            raise NotFound("there is no such profile")
        return await _store(ctx, db, profile, _changed(_setup_of(ctx, profile), change))


async def _store(
    ctx: Backend, db: AsyncSession, profile: Profile | None, setup: ProfileSetup
) -> Profile:
    """Store the profile. Credentials of options that are no longer connected are kept for payments
    that began with them."""
    _check_mode(setup)
    before = {} if profile is None else retired_of(ctx, profile) | connections_of(ctx, profile)
    stored = await store_profile(ctx, db, profile, setup)
    retired = {option: known for option, known in before.items() if option not in setup.connections}
    stored.retired = ctx.vault.seal(retired) if retired else None
    return stored


async def delete_profile(ctx: Backend, account_id: str, profile_id: str) -> Profile:
    """Delete the profile. New sessions cannot use it. Sessions that have it keep it, for captures
    and refunds. NotFound."""
    async with ctx.db.unit_of_work() as db:
        profile = await _lock(db, account_id, profile_id)
        if profile is None or profile.deleted_at is not None:
            raise NotFound("there is no such profile")
        profile.deleted_at = profile.updated_at = ctx.clock.now()
        return profile


def _setup_of(ctx: Backend, profile: Profile) -> ProfileSetup:
    return ProfileSetup(
        account_id=profile.account_id,
        profile_id=profile.id,
        express=profile.express,
        configuration=profile.configuration,
        merchant=profile.merchant,
        frame_ancestors=tuple(profile.frame_ancestors),
        connections=connections_of(ctx, profile),
        description=profile.description,
        customer_types=tuple(profile.customer_types),
        checkboxes=tuple(profile.checkboxes),
        extra=profile.extra,
    )


def _changed(setup: ProfileSetup, change: ProfileChange) -> ProfileSetup:
    connections = dict(setup.connections)
    for option, given in change.connections.items():
        if given is None:
            connections.pop(option, None)
        else:
            connections[option] = _unmasked(option, given, connections.get(option) or {})
    extra = {**setup.extra, **change.said.get("extra", {})}
    changed = replace(setup, **{**change.said, "extra": extra, "connections": connections})
    _check_size(changed)
    return changed


def _check_size(setup: ProfileSetup) -> None:
    """Raise InvalidRequest for a profile that has become too large. Every change may add to it, and
    every session reads it."""
    kept = (setup.configuration, setup.merchant, setup.checkboxes, setup.extra)
    if len(json.dumps(kept)) > MAX_PROFILE:
        raise InvalidRequest(f"the profile is too large: at most {MAX_PROFILE} characters of JSON")


def _unmasked(option: str, given: dict[str, str], known: dict[str, Any]) -> dict[str, Any]:
    """Return the new credentials. InvalidRequest for the mask of a credential that does not exist,
    and for a masked secret beside a changed address: whoever changes the address that a secret is
    sent to must know the secret."""
    moved = _changed_address(given, known)
    # What the provider has told us belongs to the old address, and stays only with that.
    learnt = {name: value for name, value in known.items() if name.startswith("_")}
    filled = learnt if moved is None else {}
    for name, value in given.items():
        if value == MASK and name not in known:
            raise _refused(
                option,
                name,
                f"{name} is a mask, and there is no such credential yet: give the credential",
            )
        if value == MASK and moved is not None and not is_address(name):
            text = f"{moved} changes, so {name} must be given again: it would go to the new address"
            raise _refused(option, name, text)
        filled[name] = known[name] if value == MASK else value
    return filled


def is_address(name: str) -> bool:
    """Return whether a credential of this name is an address."""
    return name.endswith("url")


def _changed_address(given: Mapping[str, str], known: Mapping[str, Any]) -> str | None:
    """Return the first address that differs from the one that is kept, or None."""
    for name, value in given.items():
        if is_address(name) and value != MASK and known and value != (known.get(name) or ""):
            return name
    return None


def _refused(option: str, name: str, text: str) -> InvalidRequest:
    return InvalidRequest(text, (FieldError(f"connections.{option}.{name}", text),))


def _check_mode(setup: ProfileSetup) -> None:
    """Raise InvalidRequest if a connection is for another kind of money than the account."""
    for option, credentials in setup.connections.items():
        wrong = wrong_mode(setup.account_id, option, credentials)
        if wrong is not None:
            raise _refused(option, wrong.field, wrong.why)


def serialize_profile(ctx: Backend, profile: Profile) -> dict[str, Any]:
    """Return the profile. It names the credentials that exist, and shows none of them."""
    connected = connections_of(ctx, profile)
    return {
        **profile.extra,
        "id": profile.id,
        "profile_id": profile.id,
        "description": profile.description,
        "configuration": profile.configuration,
        "express": {"enabled": profile.express, "customer_types": profile.customer_types},
        "merchant": profile.merchant,
        "checkboxes": profile.checkboxes,
        "allowed_frame_origins": profile.frame_ancestors,
        "connections": {
            option: {name: MASK for name in credentials if not name.startswith("_")}
            for option, credentials in connected.items()
        },
        "created_at": iso(profile.created_at),
        "updated_at": iso(profile.updated_at),
    }
