"""`gavekort review`: list what waits for a person, and end one of them."""

from __future__ import annotations

import argparse
import asyncio
import json
import os
from collections.abc import Callable
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from backend.cli.accounts import refuse, run_with_backend
from backend.core.clock import iso
from backend.core.context import Backend
from backend.core.db import Database
from backend.core.schema import why_not
from backend.core.settings import Settings
from backend.payments.review.manual import (
    WORDS,
    OperatorDecision,
    Unresolved,
    list_unresolved,
    resolve,
)

_OLDER_THAN = 900


def register(commands: Any, database_url: Callable[[Path | None], str]) -> None:
    """Add the command to the subparsers of `gavekort`. `database_url` returns the URL of the demo's
    database in a directory, else the one in the environment. Listing needs no secret."""
    review = commands.add_parser(
        "review",
        aliases=["parked"],  # its name before version 0.2
        help="list payments and operations that wait for a person; exit status 1 if there are any",
        description="Without a verb, the command lists them. A payment on hold is listed at once. "
        "An operation without a known result is listed after a while; until then it is read again "
        "automatically.",
    )
    review.add_argument("--json", action="store_true", help="print one JSON array")
    review.add_argument(
        "--older-than",
        type=int,
        default=_OLDER_THAN,
        metavar="SECONDS",
        help=f"list operations that have been open for so long ({_OLDER_THAN})",
    )
    review.add_argument(
        "--data-dir", type=Path, help="use the database of the demo in this directory"
    )
    review.set_defaults(run=lambda options: _list_all(database_url(options.data_dir), options))
    verbs = review.add_subparsers(metavar="verb")
    end = verbs.add_parser(
        "resolve",
        help="read one at its provider and end it; its events record who and why",
        description="The provider is asked first, and its answer decides. --outcome is the result "
        "to record when the provider cannot confirm one: done or refused for an operation, void "
        "for a payment on hold, unknown for a payment whose outcome nobody knows.",
    )
    end.add_argument("id", help="the id from the list, or the transaction's id")
    end.add_argument("--by", required=True, help="who ends it")
    end.add_argument("--why", required=True, help="what is known about it, and the source")
    end.add_argument(
        "--outcome",
        "--as",
        dest="word",
        choices=WORDS,
        help="the result to record when the provider cannot confirm one",
    )
    end.set_defaults(run=lambda options: run_with_backend(_resolve, options))


def _list_all(url: str, options: argparse.Namespace) -> int:
    wrong = why_not(url)
    if wrong is not None:
        # Not 1, which says that something waits.
        return refuse(wrong)
    found = asyncio.run(_list(url, options.older_than))
    if options.json:
        print(json.dumps([{**asdict(one), "since": iso(one.since)} for one in found], indent=2))
    else:
        for one in found:
            print(_line(one))
        if not found:
            print("nothing waits for a review")
    return 1 if found else 0


async def _list(url: str, older_than: int) -> list[Unresolved]:
    database = Database(url)
    try:
        async with database.reading() as db:
            return await list_unresolved(
                db, datetime.now(UTC), timedelta(seconds=older_than), _payment_lifetime()
            )
    finally:
        await database.close()


def _payment_lifetime() -> timedelta:
    default = Settings.model_fields["payment_lifetime"].default
    return timedelta(seconds=int(os.environ.get("GAVEKORT_PAYMENT_LIFETIME") or default))


def _line(one: Unresolved) -> str:
    of = "" if one.id == one.transaction_id else f" of {one.transaction_id}"
    return (
        f"{one.id}: {one.kind}{of} ({one.account_id}, order {one.merchant_reference}) "
        f"since {iso(one.since)}: {one.why}; "
        f"gift card {one.card_amount}, {one.payment_product_type} {one.psp_amount} {one.currency}"
    )


async def _resolve(ctx: Backend, options: argparse.Namespace) -> list[str]:
    said = OperatorDecision(options.by, options.why)
    return [await resolve(ctx, options.id, said, options.word)]
