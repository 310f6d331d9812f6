"""`make bench`: figures of this machine, from a demo of its own. Nothing is judged here.

python -m tests.bench [--only PART] [--quick|--smoke]
"""

from __future__ import annotations

import argparse
import asyncio
import os
import platform
from typing import Any

from tests.bench import api, by_api
from tests.bench.batch import batch
from tests.bench.card_check import card_check
from tests.bench.figures import heading, line
from tests.bench.growth import growth
from tests.bench.hot_card import hot_card
from tests.bench.idle import idle_figures
from tests.bench.merchant import Merchant
from tests.bench.page import page_figures
from tests.bench.running import running_demo
from tests.bench.size import Size
from tests.bench.slow_clients import slow_client_figures

_WITHOUT_A_DEMO = {
    "payments": by_api.payments,
    "growth": growth,
    "batch": batch,
    "hot-card": hot_card,
    "idle": idle_figures,
}
"""These start what they need themselves."""
PARTS = ("page", "slow-clients", "sessions", "page-events", "card-check", *_WITHOUT_A_DEMO)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    parser.add_argument("--only", choices=PARTS)
    sizes = parser.add_mutually_exclusive_group()
    sizes.add_argument("--quick", action="store_true", help="fewer runs, rougher figures")
    sizes.add_argument("--smoke", action="store_true", help="only whether it runs: for the tests")
    options = parser.parse_args()
    size = Size.SMOKE if options.smoke else Size.QUICK if options.quick else Size.FULL
    heading("Machine")
    line("processors, system", f"{os.cpu_count()}, {platform.system()} {platform.machine()}")
    line("Python", platform.python_version())
    line("load before", f"{os.getloadavg()[0]:.2f}")
    for name, part in _WITHOUT_A_DEMO.items():
        if options.only in (None, name):
            part(size=size)
    if options.only in _WITHOUT_A_DEMO:
        return
    with running_demo() as facts:
        rates: dict[str, float] = {}
        if options.only in (None, "page"):
            _page(facts, size)
        if options.only in (None, "slow-clients"):
            pages, _, _ = asyncio.run(_prepare(facts))
            slow_client_figures(iter(pages), size=size)
        if options.only in (None, "sessions"):
            rates["sessions"] = asyncio.run(api.sessions(facts, size=size))
        if options.only in (None, "page-events"):
            rates["payments"] = asyncio.run(api.payments(facts, size=size))
        if options.only in (None, "card-check"):
            card_check(facts, size=size)
        if len(rates) == 2:
            line("one payment costs", f"{rates['sessions'] / rates['payments']:.1f} sessions")


async def _prepare(facts: dict[str, Any]) -> tuple[list[str], list[str], tuple[str, str]]:
    """Pages of fresh sessions, pages with two shipping options, and a gift card."""
    merchant = Merchant(facts, 1)
    try:
        await merchant.sign_in()
        pages = [str((await merchant.create_session())["url"]) for _ in range(30)]
        with_shipping = [
            str((await merchant.create_session(shipping=True))["url"]) for _ in range(2)
        ]
        return pages, with_shipping, await merchant.issue_card(10000)
    finally:
        await merchant.close()


def _page(facts: dict[str, Any], size: Size) -> None:
    pages, with_shipping, card = asyncio.run(_prepare(facts))
    page_figures(iter(pages), iter(with_shipping), card, size=size)


if __name__ == "__main__":
    main()
