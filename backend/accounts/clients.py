"""API clients and their access tokens.

Source: `docs/reference/dintero-api.md#authentication`. The claims of Dintero's own tokens are not
documented; ours are `iss`, `sub` (client), `aud`, `account`, `iat`, `exp`, and `customer` in a
customer's token (docs/wallets.md). A token names no scopes: what its client may do is read at every
call.
"""

from __future__ import annotations

import hmac
import re
import secrets
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from urllib.parse import urlsplit

import jwt
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from backend.accounts.tables import Account, ApiClient
from backend.core.context import Backend
from backend.core.errors import Forbidden, InvalidRequest, NotFound, Unauthorized
from backend.core.ids import ACCOUNT_ID, short_id

SCOPES = frozenset(
    {
        "admin:checkout", "write:checkout", "read:checkout",
        "write:checkout:/admin/session/profiles",
        "admin:wallets", "write:wallets", "read:wallets", "user:wallets",
    }
)  # fmt: skip
USER_SCOPE = "user:wallets"
CUSTOMER_TOKENS = "admin:wallets"
"""What a client needs to create a customer's token."""
_ISSUER = "gavekort"
_SLASHES = re.compile(r"/{2,}")


@dataclass(frozen=True, slots=True)
class Principal:
    """Who calls the API. `customer_id` is set for a customer's token, in whose name it calls."""

    account_id: str
    client_id: str
    scopes: frozenset[str]
    customer_id: str | None = None

    def require(self, *scopes: str) -> None:
        """Raise Forbidden unless one of `scopes` was granted."""
        if self.scopes.isdisjoint(scopes):
            raise Forbidden(f"this needs one of the scopes {', '.join(scopes)}")

    def require_customer(self, customer_id: str, *scopes: str) -> None:
        """Raise Forbidden unless one of `scopes` was granted, or `user:wallets` to this very
        customer."""
        own = self.customer_id == customer_id and USER_SCOPE in self.scopes
        if not own:
            self.require(*scopes)

    def require_account(self, account_id: str) -> None:
        """Raise an error for another account, whose things are neither shown nor named."""
        if account_id != self.account_id:
            raise Forbidden("this token is of another account")


@dataclass(frozen=True, slots=True)
class NewClient:
    client_id: str
    client_secret: str


async def create_account(ctx: Backend, account_id: str, name: str) -> None:
    """Create the account. Nothing changes if it exists already. InvalidRequest for a text that is
    no account id."""
    if not ACCOUNT_ID.match(account_id):
        raise InvalidRequest("an account id is T (test) or P (production) and eight digits")
    async with ctx.db.unit_of_work() as db:
        if await db.get(Account, account_id) is None:
            db.add(Account(id=account_id, name=name, created_at=ctx.clock.now()))


async def create_client(ctx: Backend, account_id: str, scopes: frozenset[str]) -> NewClient:
    """Create a client with a new secret, which we do not store."""
    check_scopes(scopes)
    made = NewClient(short_id(), secrets.token_urlsafe(32))
    async with ctx.db.unit_of_work() as db:
        if await db.get(Account, account_id) is None:
            raise NotFound(f"there is no account {account_id}")
        db.add(
            ApiClient(
                id=made.client_id,
                account_id=account_id,
                secret_hash=ctx.vault.secret_hash(made.client_secret),
                scopes=sorted(scopes),
                created_at=ctx.clock.now(),
            )
        )
    return made


async def list_clients(ctx: Backend, account_id: str) -> list[ApiClient]:
    """Return an account's clients, oldest first, revoked ones too."""
    query = select(ApiClient).where(ApiClient.account_id == account_id)
    async with ctx.db.reading() as db:
        return list(await db.exec(query.order_by(col(ApiClient.created_at))))


async def revoke_client(ctx: Backend, client_id: str) -> datetime:
    """Revoke the client, its secret and its tokens at once. Return since when it is revoked.
    NotFound."""
    async with ctx.db.unit_of_work() as db:
        client = await db.get(ApiClient, client_id, with_for_update=True)
        if client is None:
            raise NotFound("there is no such client")
        if client.revoked_at is None:
            client.revoked_at = ctx.clock.now()
        return client.revoked_at


async def set_client_scopes(ctx: Backend, client_id: str, scopes: frozenset[str]) -> None:
    """Replace what the client may do. The change binds the tokens that it already holds.

    Raises NotFound for an unknown client and InvalidRequest for an unknown scope.
    """
    check_scopes(scopes)
    async with ctx.db.unit_of_work() as db:
        client = await db.get(ApiClient, client_id, with_for_update=True)
        if client is None:
            raise NotFound("there is no such client")
        client.scopes = sorted(scopes)


def check_scopes(scopes: frozenset[str]) -> None:
    """Raise InvalidRequest if one of `scopes` is unknown."""
    unknown = scopes - SCOPES
    if unknown:
        raise InvalidRequest(f"unknown scopes: {', '.join(sorted(unknown))}")


async def known_client(ctx: Backend, principal: Principal) -> Principal:
    """Return the token's caller with the scopes that the client has now: a token carries none.

    Raises Unauthorized where the client was revoked or belongs to another account.
    """
    async with ctx.db.reading() as db:
        client = await db.get(ApiClient, principal.client_id)
    if client is None or client.revoked_at is not None:
        raise Unauthorized("this client was revoked")
    if client.account_id != principal.account_id:
        raise Unauthorized("this token is of another account than its client")
    held = frozenset(client.scopes)
    if principal.customer_id is not None:
        # A customer's token is valid for as long as its client may create one.
        held = frozenset({USER_SCOPE} if CUSTOMER_TOKENS in held else ())
    return replace(principal, scopes=held)


async def authenticate(
    ctx: Backend, db: AsyncSession, account_id: str, client_id: str, client_secret: str
) -> ApiClient:
    """Return the client with these credentials. Unauthorized, which does not say what was wrong."""
    client = await db.get(ApiClient, client_id)
    expected = client.secret_hash if client is not None else ctx.vault.secret_hash("")
    right = hmac.compare_digest(expected, ctx.vault.secret_hash(client_secret))
    if client is None or not right or client.revoked_at or client.account_id != account_id:
        raise Unauthorized("wrong client credentials")
    return client


def check_audience(ctx: Backend, audience: str, account_id: str, own_host: str) -> None:
    """Raise Forbidden unless `is_audience` says that the audience is ours and this account's."""
    if not is_audience(ctx, audience, account_id, own_host):
        raise Forbidden("this audience is not granted to this client")


def is_audience(ctx: Backend, audience: str, account_id: str, own_host: str) -> bool:
    """Return whether `audience` names this account at our address.

    The forms are `https://api.dintero.com/v1/accounts/{aid}`, the same with our own address, and
    each of them with `{aid}@` before the host. `own_host` is the request's `Host`.
    """
    try:
        parts = urlsplit(audience)
    except ValueError:
        return False
    hosts = {
        "api.dintero.com",
        "checkout.dintero.com",
        urlsplit(ctx.settings.base_url).netloc,
        own_host,
    }
    host = parts.netloc.rsplit("@", 1)[-1]
    user = parts.username
    # If our base address ends with a slash, clients make a doubled one.
    path = _SLASHES.sub("/", parts.path).rstrip("/")
    right = host in hosts and path == f"/v1/accounts/{account_id}"
    return right and user in (None, account_id)


def issue_token(ctx: Backend, client: ApiClient, audience: str) -> str:
    """Return a signed JWT that is valid for `settings.token_lifetime` seconds."""
    return _signed(ctx, client, audience, {})


def _signed(ctx: Backend, client: ApiClient, audience: str, more: dict[str, str]) -> str:
    now = ctx.clock.now()
    claims = {
        "iss": _ISSUER,
        "sub": client.id,
        "aud": audience,
        "account": client.account_id,
        "iat": now,
        "exp": now + timedelta(seconds=ctx.settings.token_lifetime),
        **more,
    }
    return jwt.encode(claims, ctx.vault.token_key, algorithm="HS256")


def issue_user_token(ctx: Backend, client: ApiClient, audience: str, customer_id: str) -> str:
    """Return a token with which a customer's own program sees that customer's cards and nothing
    more. Forbidden unless the client holds `admin:wallets`."""
    if CUSTOMER_TOKENS not in client.scopes:
        raise Forbidden(f"this needs the scope {CUSTOMER_TOKENS}")
    return _signed(ctx, client, audience, {"customer": customer_id})


def read_token(ctx: Backend, token: str, own_host: str) -> Principal:
    """Return who a token was issued to, without scopes, which `known_client` adds.

    Raises Unauthorized if the token is forged, too old, or issued for another audience. `own_host`
    is the request's `Host`.
    """
    try:
        claims = jwt.decode(
            token,
            ctx.vault.token_key,
            algorithms=["HS256"],
            issuer=_ISSUER,
            options={
                "verify_aud": False,
                "verify_exp": False,
                "verify_iat": False,
                "require": ["aud", "exp", "sub"],
            },
        )
    except jwt.PyJWTError as error:
        raise Unauthorized("invalid JWT token was used") from error
    if claims["exp"] <= ctx.clock.now().timestamp():
        raise Unauthorized("the token has expired")
    audience = claims["aud"]
    if not isinstance(audience, str) or not is_audience(ctx, audience, claims["account"], own_host):
        raise Unauthorized("this token was issued for another audience")
    return Principal(claims["account"], claims["sub"], frozenset(), claims.get("customer"))
