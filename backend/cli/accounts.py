"""`gavekort account …` and `gavekort client …`, with which an operator sets up a real installation.

A secret is printed once, on standard output, and not stored.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
from collections.abc import Awaitable, Callable
from typing import Any

from pydantic import ValidationError

from backend.accounts.clients import (
    SCOPES,
    create_account,
    create_client,
    list_clients,
    revoke_client,
    set_client_scopes,
)
from backend.accounts.keys import DEFAULT_SCOPES, create_key, list_keys, revoke_key
from backend.accounts.profiles import key_fits
from backend.core import context
from backend.core.clock import iso
from backend.core.context import Backend
from backend.core.errors import GavekortError
from backend.core.schema import why_not
from backend.core.settings import Settings

_REFUSED = 2
Act = Callable[[Backend, argparse.Namespace], Awaitable[list[str]]]


def register(commands: Any) -> None:
    """Add both commands to the subparsers of `gavekort`."""
    account = commands.add_parser("account", help="create accounts and their admin keys")
    verbs = account.add_subparsers(required=True, metavar="verb")
    _verb(
        verbs,
        "create",
        _create_account,
        "account",
        "name",
        text="T (test money) or P (real money) and eight digits, and a name",
    )
    keys = verbs.add_parser("key", help="manage admin keys (x-api-key)").add_subparsers(
        required=True, metavar="verb"
    )
    made = _verb(keys, "create", _create_key, "account", text="a key, printed this once")
    made.add_argument("--name", default="", help="what the key is for")
    _scopes(made, DEFAULT_SCOPES)
    _verb(keys, "list", _list_keys, "account", text="an account's keys")
    _verb(keys, "revoke", _revoke_key, "key_id", text="the key is good for nothing any more")

    client = commands.add_parser("client", help="create and revoke API clients")
    verbs = client.add_subparsers(required=True, metavar="verb")
    made = _verb(verbs, "create", _create_client, "account", text="credentials, printed this once")
    _scopes(made, None)
    _verb(verbs, "list", _list_clients, "account", text="an account's clients")
    changed = _verb(verbs, "scopes", _set_scopes, "client_id", text="replace what it may do, now")
    _scopes(changed, None)
    _verb(verbs, "revoke", _revoke_client, "client_id", text="its tokens end at once")


def _verb(verbs: Any, name: str, act: Act, *arguments: str, text: str) -> argparse.ArgumentParser:
    parser: argparse.ArgumentParser = verbs.add_parser(name, help=text)
    for argument in arguments:
        parser.add_argument(argument)
    parser.set_defaults(run=lambda options: run_with_backend(act, options))
    return parser


def _scopes(parser: argparse.ArgumentParser, default: frozenset[str] | None) -> None:
    parser.add_argument(
        "--scopes",
        default=",".join(sorted(default)) if default else None,
        required=default is None,
        help=f"scopes, separated by commas: {', '.join(sorted(SCOPES))}",
    )


def run_with_backend(act: Act, options: argparse.Namespace) -> int:
    """Print what `act` says. Return the exit status, which is 2 if it is refused."""
    try:
        settings = Settings()
    except ValidationError as error:
        return refuse(what_is_wrong(error))
    unfit = cannot_begin(settings)
    if unfit is not None:
        return refuse(unfit)
    try:
        lines = asyncio.run(_with_backend(settings, act, options))
    except GavekortError as error:
        return refuse(error.message)
    print("\n".join(lines))
    return 0


def what_is_wrong(error: ValidationError) -> str:
    """Return which settings are wrong, without their values."""
    return "; ".join(
        f"GAVEKORT_{'_'.join(str(part) for part in entry['loc']).upper()}: {entry['msg']}"
        for entry in error.errors(include_input=False)
    )


def cannot_begin(settings: Settings) -> str | None:
    """Return what has to be put right first: the database, or the key to it. Under a wrong key no
    number, PIN or credential would be recognised, and what is written meanwhile could not be read
    later."""
    return why_not(settings.database_url) or asyncio.run(_wrong_key(settings))


async def _wrong_key(settings: Settings) -> str | None:
    ctx = context.create(settings)
    try:
        fits = await key_fits(ctx)
    finally:
        await ctx.close()
    return None if fits else "GAVEKORT_SECRET_KEY is not the one this database was written with"


def refuse(text: object) -> int:
    """Print the reason on standard error. Return the exit status."""
    print(f"gavekort: {text}", file=sys.stderr)
    return _REFUSED


async def _with_backend(settings: Settings, act: Act, options: argparse.Namespace) -> list[str]:
    ctx = context.create(settings)
    try:
        return await act(ctx, options)
    finally:
        await ctx.close()


def _asked(options: argparse.Namespace) -> frozenset[str]:
    return frozenset(scope.strip() for scope in options.scopes.split(",") if scope.strip())


async def _create_account(ctx: Backend, options: argparse.Namespace) -> list[str]:
    await create_account(ctx, options.account, options.name)
    return [f"account_id={options.account}"]


async def _create_key(ctx: Backend, options: argparse.Namespace) -> list[str]:
    key = await create_key(ctx, options.account, _asked(options), options.name)
    return [f"x_api_key={key}"]


async def _list_keys(ctx: Backend, options: argparse.Namespace) -> list[str]:
    return [
        f"{key.id} {_state(key.revoked_at)} {','.join(key.scopes)} {key.name}".rstrip()
        for key in await list_keys(ctx, options.account)
    ]


async def _revoke_key(ctx: Backend, options: argparse.Namespace) -> list[str]:
    return [f"{options.key_id} {_state(await revoke_key(ctx, options.key_id))}"]


async def _create_client(ctx: Backend, options: argparse.Namespace) -> list[str]:
    made = await create_client(ctx, options.account, _asked(options))
    return [f"client_id={made.client_id}", f"client_secret={made.client_secret}"]


async def _list_clients(ctx: Backend, options: argparse.Namespace) -> list[str]:
    return [
        f"{client.id} {_state(client.revoked_at)} {','.join(client.scopes)}"
        for client in await list_clients(ctx, options.account)
    ]


async def _set_scopes(ctx: Backend, options: argparse.Namespace) -> list[str]:
    scopes = _asked(options)
    await set_client_scopes(ctx, options.client_id, scopes)
    return [f"{options.client_id} active {','.join(sorted(scopes))}"]


async def _revoke_client(ctx: Backend, options: argparse.Namespace) -> list[str]:
    return [f"{options.client_id} {_state(await revoke_client(ctx, options.client_id))}"]


def _state(revoked_at: Any) -> str:
    return "active" if revoked_at is None else f"revoked {iso(revoked_at)}"
