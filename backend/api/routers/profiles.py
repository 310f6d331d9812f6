"""Session profiles. Source: `docs/reference/dintero-api.md#session-endpoints`, `#authentication`;
`docs/profiles.md` describes what only we have (credentials, frame origins)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Annotated, Any, Literal, Self

from fastapi import Query
from pydantic import AfterValidator, Field, field_validator, model_validator

from backend.accounts import profile_admin
from backend.accounts.profile_admin import MASK, ProfileChange, serialize_profile
from backend.accounts.profiles import RETURN_SCHEMES
from backend.api.body import strict_router
from backend.api.deps import READ_PROFILES, WRITE_PROFILES, Caller, Context
from backend.core.address import AddressRefused, check
from backend.core.context import Backend
from backend.core.errors import FieldError, InvalidRequest
from backend.psp.client_certificate import FIELDS, CertificateUnusable, tls_context
from backend.psp.http import is_local
from backend.psp.registry import CREDENTIALS, OPTIONAL_CREDENTIALS
from backend.rules.browser_address import is_app_scheme
from backend.sessions.request import (
    MAX_AMOUNT,
    Checkbox,
    Configuration,
    Currency,
    Flag,
    Loose,
    Text,
)

router = strict_router()
_ORIGIN = re.compile(r"^https?://([a-z0-9]([a-z0-9-]*[a-z0-9])?\.)*[a-z0-9]([a-z0-9-]*[a-z0-9])?$")
_COLOUR = re.compile(r"^(#[0-9a-fA-F]{3,8}|rgba?\([\d\s.,%/]+\))$")
ProfileId = Annotated[str, Field(min_length=1, max_length=64, pattern=r"^[A-Za-z0-9._-]+$")]
CustomerType = Literal["b2c", "b2b"]
Credentials = dict[Annotated[str, Field(max_length=64)], Annotated[str, Field(max_length=8192)]]


MinimumAmounts = dict[
    Annotated[str, Field(max_length=64)],
    dict[Currency, Annotated[int, Field(ge=1, le=MAX_AMOUNT)]],
]


def _exact_origin(value: str) -> str:
    """Check that the text is `scheme://host[:port]`, as a browser writes an origin: nothing after
    it, no wildcard."""
    head, colon, port = value.rpartition(":")
    numbered = bool(colon) and port.isdigit()
    host = head if numbered else value
    if not _ORIGIN.match(host) or (numbered and not 0 < int(port) < 65536):
        raise ValueError("must be an exact origin, such as https://shop.example or …:8443")
    return value


def _app_scheme(value: str) -> str:
    if not is_app_scheme(value):
        raise ValueError("must be the scheme of an app in lower case, such as myshop")
    return value


Origin = Annotated[str, Field(max_length=255), AfterValidator(_exact_origin)]
Scheme = Annotated[str, Field(max_length=64), AfterValidator(_app_scheme)]


class ProfileConfiguration(Configuration):
    @model_validator(mode="after")
    def _consistent(self) -> Self:
        for name in ("primary", "backdrop"):
            colour = (self.theme or {}).get(name)
            if colour is not None and not (isinstance(colour, str) and _COLOUR.match(colour)):
                raise ValueError(f"theme.{name} must be a colour: hex, rgb() or rgba()")
        if self.countries is not None:
            both = {*(self.countries.allow_countries or ())} & {
                *(self.countries.deny_countries or ())
            }
            if both:
                raise ValueError(f"countries: {', '.join(sorted(both))} both allowed and denied")
        return self


class Express(Loose):
    enabled: Flag = True
    customer_types: list[CustomerType] | None = None


class ProfileUpdate(Loose):
    """Every part that is named replaces the present one; in `connections`, every option does."""

    description: Text | None = None
    configuration: ProfileConfiguration | None = None
    express: Express | Flag | None = None
    merchant: dict[str, Any] | None = None
    checkboxes: Annotated[list[Checkbox], Field(max_length=2)] | None = None
    allowed_frame_origins: Annotated[list[Origin], Field(max_length=100)] | None = None
    return_url_schemes: Annotated[list[Scheme], Field(max_length=20)] | None = None
    connections: dict[str, Credentials | None] | None = None
    minimum_amounts: MinimumAmounts | None = None
    """The smallest amount (minor units) that an option takes, by option and currency, if it is not
    the one that the provider publishes."""

    @field_validator("minimum_amounts")
    @classmethod
    def _known_options(cls, value: MinimumAmounts | None) -> MinimumAmounts | None:
        unknown = sorted(set(value or {}) - set(CREDENTIALS))
        if unknown:
            raise ValueError(f"there is no connector for {unknown[0]!r}")
        return value

    def change(self) -> ProfileChange:
        named = self.model_dump(mode="json", by_alias=True, exclude_unset=True)
        said: dict[str, Any] = {
            name: named[name]
            for name in ("description", "configuration", "merchant", "checkboxes")
            if named.get(name) is not None
        }
        if self.allowed_frame_origins is not None:
            said["frame_ancestors"] = tuple(self.allowed_frame_origins)
        if isinstance(self.express, bool):
            said["express"] = self.express
        elif self.express is not None:
            said["express"] = self.express.enabled
            if self.express.customer_types is not None:
                said["customer_types"] = tuple(self.express.customer_types)
        read_only = {"id", "profile_id", "created_at", "updated_at"}
        extra = {k: v for k, v in (self.model_extra or {}).items() if k not in read_only}
        if self.minimum_amounts is not None:
            extra["minimum_amounts"] = self.minimum_amounts
        if self.return_url_schemes is not None:
            extra[RETURN_SCHEMES] = self.return_url_schemes
        return ProfileChange({**said, "extra": extra}, self.connections or {})


class ProfileCreate(ProfileUpdate):
    profile_id: ProfileId | None = None
    configuration: ProfileConfiguration


@router.get("/admin/session/profiles")
async def list_(
    ctx: Context,
    caller: Caller,
    limit: Annotated[int, Query(ge=1, le=100)] = 10,
    starting_after: Annotated[str, Query(max_length=64)] | None = None,
) -> list[dict[str, Any]]:
    """List profiles, newest first."""
    caller.require(*READ_PROFILES)
    async with ctx.db.reading() as db:
        found = await profile_admin.list_profiles(db, caller.account_id, limit, starting_after)
    return [serialize_profile(ctx, profile) for profile in found]


@router.post("/admin/session/profiles")
async def create(body: ProfileCreate, ctx: Context, caller: Caller) -> dict[str, Any]:
    caller.require(*WRITE_PROFILES)
    _check_connections(ctx, body)
    made = await profile_admin.create_profile(
        ctx, caller.account_id, body.profile_id, body.change()
    )
    return serialize_profile(ctx, made)


@router.get("/admin/session/profiles/{profile_id}")
async def get(profile_id: str, ctx: Context, caller: Caller) -> dict[str, Any]:
    caller.require(*READ_PROFILES)
    async with ctx.db.reading() as db:
        found = await profile_admin.find_profile(db, caller.account_id, profile_id)
    return serialize_profile(ctx, found)


@router.put("/admin/session/profiles/{profile_id}")
async def update(
    profile_id: str, body: ProfileUpdate, ctx: Context, caller: Caller
) -> dict[str, Any]:
    caller.require(*WRITE_PROFILES)
    _check_connections(ctx, body)
    changed = await profile_admin.update_profile(ctx, caller.account_id, profile_id, body.change())
    return serialize_profile(ctx, changed)


@router.delete("/admin/session/profiles/{profile_id}")
async def delete(profile_id: str, ctx: Context, caller: Caller) -> dict[str, Any]:
    """Delete a profile. New sessions cannot use it. Sessions that began with it continue, even
    years later."""
    caller.require(*WRITE_PROFILES)
    deleted = await profile_admin.delete_profile(ctx, caller.account_id, profile_id)
    return serialize_profile(ctx, deleted)


def _check_connections(ctx: Backend, body: ProfileUpdate) -> None:
    """Accept only options that have a connector, with all the credentials that it needs, and over
    https."""
    for option, given in (body.connections or {}).items():
        if option not in CREDENTIALS:
            raise _wrong(f"connections.{option}", f"there is no connector for {option!r}")
        if given is not None:
            _check_credentials(ctx, option, given)


def _check_credentials(ctx: Backend, option: str, given: Mapping[str, str]) -> None:
    field, needed = f"connections.{option}", CREDENTIALS[option]
    for name in needed:
        if not given.get(name):
            raise _wrong(f"{field}.{name}", f"{name} is missing")
    for name, value in given.items():
        if name not in (*needed, *OPTIONAL_CREDENTIALS.get(option, ())):
            raise _wrong(f"{field}.{name}", f"{option} has no credential {name!r}")
        problem = None
        if profile_admin.is_address(name) and value not in (MASK, ""):
            problem = _address_problem(ctx, value)
        if problem is not None:
            raise _wrong(f"{field}.{name}", f"{name} must be a public https address: {problem}")
    _check_certificate(field, given)


def _check_certificate(field: str, given: Mapping[str, str]) -> None:
    """Refuse a certificate that cannot be used here, and not when a payer wants to pay. If a part
    of it is masked, the call that uses it finds out."""
    parts = {name: given[name] for name in FIELDS if given.get(name)}
    if MASK in parts.values():
        return
    try:
        tls_context(**parts)
    except CertificateUnusable as error:
        raise _wrong(f"{field}.certificate", str(error)) from error


def _address_problem(ctx: Backend, url: str) -> str | None:
    """Return what is wrong with an address, as far as its text shows it. What the name resolves to
    is checked at every call."""
    try:
        name, _ = check(url, allow_insecure=ctx.settings.insecure_addresses)
    except AddressRefused as refused:
        return str(refused)
    if url.startswith("http:") and not is_local(name):
        # Not even in development are credentials sent over a network unencrypted.
        return "the address must be https"
    return None


def _wrong(field: str, text: str) -> InvalidRequest:
    return InvalidRequest(text, (FieldError(field, text),))
