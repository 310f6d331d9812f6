"""`gavekort card …`: what an operator does with gift cards."""

from __future__ import annotations

import argparse
import getpass
from typing import Any

from backend.cards.pin_lock import unlock
from backend.cli import issue
from backend.cli.accounts import run_with_backend
from backend.core.context import Backend


def register(commands: Any) -> None:
    """Add the command to the subparsers of `gavekort`."""
    card = commands.add_parser("card", help="issue gift cards, unlock one")
    verbs = card.add_subparsers(required=True, metavar="verb")
    parser = verbs.add_parser(
        "unlock",
        help="forget the wrong PIN attempts at a card; who did it and why is recorded",
        description="The card can be used again at once. A running checkout sees it within some "
        "seconds. It may be repeated.",
    )
    parser.add_argument("account")
    parser.add_argument("card_id", help="the merchant's own id of the card")
    parser.add_argument(
        "--reason", required=True, help="why the card is unlocked, for the card's history"
    )
    parser.add_argument(
        "--by", default=None, help="who unlocks it (default: the user of this machine)"
    )
    parser.set_defaults(run=lambda options: run_with_backend(_unlock, options))
    issue.register(verbs)


async def _unlock(ctx: Backend, options: argparse.Namespace) -> list[str]:
    by = options.by or f"command:{getpass.getuser()}"
    card = await unlock(ctx, options.account, options.card_id, by[:255], options.reason)
    return [f"{card.card_id} is unlocked"]
