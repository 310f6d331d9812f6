"""API clients and their access tokens.

Source: `reference/dintero-api.md#1-auth`. The claims of Dintero's own tokens are not documented;
ours are `iss`, `sub` (client), `aud`, `account`, `scope` (blank-separated), `iat`, `exp`.
"""

from __future__ import annotations

import hmac
import secrets
from dataclasses import dataclass
from datetime import timedelta
from urllib.parse import urlsplit

import jwt
from sqlmodel.ext.asyncio.session import AsyncSession

from backend.accounts.tables import Account, ApiClient
from backend.context import Backend
from backend.errors import Forbidden, InvalidRequest, Unauthorized

SCOPES = frozenset(
    {
        "admin:checkout", "write:checkout", "read:checkout",
        "write:checkout:/admin/session/profiles",
        "admin:wallets", "write:wallets", "read:wallets", "user:wallets",
    }
)  # fmt: skip
_ISSUER = "gavekort"


@dataclass(frozen=True, slots=True)
class Principal:
    """Who calls the API."""

    account_id: str
    client_id: str
    scopes: frozenset[str]

    def require(self, *scopes: str) -> None:
        """Forbidden unless one of `scopes` was granted."""
        if self.scopes.isdisjoint(scopes):
            raise Forbidden(f"this needs one of the scopes {', '.join(scopes)}")

    def require_account(self, account_id: str) -> None:
        """Another account's things are not shown, nor named."""
        if account_id != self.account_id:
            raise Forbidden("this token is of another account")


@dataclass(frozen=True, slots=True)
class NewClient:
    client_id: str
    client_secret: str


async def create_account(ctx: Backend, account_id: str, name: str) -> None:
    async with ctx.db.unit_of_work() as db:
        if await db.get(Account, account_id) is None:
            db.add(Account(id=account_id, name=name, created_at=ctx.clock.now()))


async def create_client(ctx: Backend, account_id: str, scopes: frozenset[str]) -> NewClient:
    """A client with a fresh secret, which is kept nowhere."""
    unknown = scopes - SCOPES
    if unknown:
        raise InvalidRequest(f"unknown scopes: {', '.join(sorted(unknown))}")
    made = NewClient(secrets.token_urlsafe(16), secrets.token_urlsafe(32))
    async with ctx.db.unit_of_work() as db:
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


async def authenticate(
    ctx: Backend, db: AsyncSession, account_id: str, client_id: str, client_secret: str
) -> ApiClient:
    """The client these credentials are of; Unauthorized, without saying what was wrong."""
    client = await db.get(ApiClient, client_id)
    expected = client.secret_hash if client is not None else ctx.vault.secret_hash("")
    right = hmac.compare_digest(expected, ctx.vault.secret_hash(client_secret))
    if client is None or not right or client.revoked_at or client.account_id != account_id:
        raise Unauthorized("wrong client credentials")
    return client


def check_audience(ctx: Backend, audience: str, account_id: str, own_host: str) -> None:
    """Of the forms `https://api.dintero.com/v1/accounts/{aid}`, with our own address instead, and
    with `{aid}@` before the host; Forbidden for any other."""
    try:
        parts = urlsplit(audience)
    except ValueError as error:
        raise Forbidden("this audience is not granted to this client") from error
    hosts = {"api.dintero.com", "checkout.dintero.com", urlsplit(ctx.settings.base_url).netloc,
             own_host}  # fmt: skip
    host = parts.netloc.rsplit("@", 1)[-1]
    user = parts.username
    right = host in hosts and parts.path.rstrip("/") == f"/v1/accounts/{account_id}"
    if not right or (user is not None and user != account_id):
        raise Forbidden("this audience is not granted to this client")


def issue_token(ctx: Backend, client: ApiClient, audience: str) -> str:
    """A signed JWT, good for `settings.token_lifetime` seconds."""
    now = ctx.clock.now()
    claims = {
        "iss": _ISSUER,
        "sub": client.id,
        "aud": audience,
        "account": client.account_id,
        "scope": " ".join(client.scopes),
        "iat": now,
        "exp": now + timedelta(seconds=ctx.settings.token_lifetime),
    }
    return jwt.encode(claims, ctx.vault.token_key, algorithm="HS256")


def read_token(ctx: Backend, token: str) -> Principal:
    """Who a token was issued to; Unauthorized where it is forged or too old."""
    try:
        claims = jwt.decode(
            token,
            ctx.vault.token_key,
            algorithms=["HS256"],
            issuer=_ISSUER,
            options={"verify_aud": False, "verify_exp": False, "verify_iat": False,
                     "require": ["exp", "sub"]},
        )  # fmt: skip
    except jwt.PyJWTError as error:
        raise Unauthorized("invalid JWT token was used") from error
    if claims["exp"] <= ctx.clock.now().timestamp():
        raise Unauthorized("the token has expired")
    return Principal(claims["account"], claims["sub"], frozenset(claims["scope"].split()))
