"""A process of its own that guesses PINs on the balance page's service, as many at once as it can.

`python -m tests.support.pin_guesser DATABASE_URL NUMBER FIRST_PIN SOURCES…`: one guess from each
source, at the same time, once a line comes on standard input. It prints how often each answer came.
"""

from __future__ import annotations

import asyncio
import json
import sys
from collections import Counter

from backend.core import context
from backend.core.errors import TooManyAttempts
from backend.core.settings import Settings
from backend.payments.views.card_balance import read_balance
from tests.support.checkout import ACCOUNT


async def guess(database_url: str, number: str, first: int, sources: list[str]) -> Counter[str]:
    ctx = context.create(
        Settings(
            secret_key="a master secret of the tests, long enough",
            database_url=database_url,
            pin_repeated_mistakes_per_source=1000,
        )
    )

    async def one(place: int, source: str) -> str:
        try:
            found = await read_balance(
                ctx, ACCOUNT, number, f"{(first + place) % 10000:04}", source
            )
        except TooManyAttempts as refused:
            return refused.reason
        return "matched" if found is not None else "not_matched"

    print("ready", flush=True)
    await asyncio.to_thread(sys.stdin.readline)
    try:
        return Counter(
            await asyncio.gather(*(one(place, source) for place, source in enumerate(sources)))
        )
    finally:
        await ctx.close()


if __name__ == "__main__":
    url, typed, begin, *addresses = sys.argv[1:]
    print(json.dumps(asyncio.run(guess(url, typed, int(begin), addresses))))
