"""`gavekort card …`: what an operator can do with one gift card."""

from __future__ import annotations

import argparse
import getpass
from typing import Any

from backend.cards.pin_lock import unlock
from backend.cli.accounts import run_with_backend
from backend.core.context import Backend


def register(commands: Any) -> None:
    """Add the command to the subparsers of `gavekort`."""
    card = commands.add_parser("card", help="unlock a gift card")
    verbs = card.add_subparsers(required=True, metavar="verb")
    parser = verbs.add_parser(
        "unlock",
        help="forget the wrong tries at a card's PIN; who and why are kept",
        description="The card can be used again at once. A running checkout sees it within some "
        "seconds. It may be repeated.",
    )
    parser.add_argument("account")
    parser.add_argument("card_id", help="the merchant's own id of the card")
    parser.add_argument("--reason", required=True, help="why, for whoever looks later")
    parser.add_argument("--by", default=None, help="who; the user of this machine without it")
    parser.set_defaults(run=lambda options: run_with_backend(_unlock, options))


async def _unlock(ctx: Backend, options: argparse.Namespace) -> list[str]:
    by = options.by or f"command:{getpass.getuser()}"
    card = await unlock(ctx, options.account, options.card_id, by[:255], options.reason)
    return [f"{card.card_id} is unlocked"]
