"""Run the API alone in its own process, with one merchant, for tests that call it from outside.

`python -m tests.support.api_server DATABASE_URL PORT TOKEN_FILE`: writes a token that may do
everything to the file, then serves until it is stopped.
"""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

import uvicorn

from backend.api.app import create_api
from backend.core import context
from backend.core.db import migrate
from tests.support.checkout import open_merchant, sign_in
from tests.support.wide import WIDE

NOBODY = "http://127.0.0.1:9"
"""Where no provider listens: paying is refused at once, and nothing else depends on it."""


async def serve(database_url: str, port: int, token_file: Path) -> None:
    merchant = await open_merchant(
        database_url,
        NOBODY,
        "sk_test_nobody",
        token_lifetime=86400,
        limits=WIDE,
        pin_first_mistakes_per_source=10**6,
        pin_repeated_mistakes_per_source=10**6,
        pin_tries_per_card_and_source=10**6,
        pin_tries_per_card=10**6,
        pin_tries_per_card_life=10**6,
    )
    token = await sign_in(merchant)
    await asyncio.to_thread(token_file.write_text, token, encoding="utf-8")
    await merchant.api.aclose()
    config = uvicorn.Config(
        create_api(), host="127.0.0.1", port=port, log_level="error", lifespan="off"
    )
    try:
        await uvicorn.Server(config).serve()
    finally:
        await context.stop()


if __name__ == "__main__":
    url, port_text, file = sys.argv[1:]
    migrate(url)
    asyncio.run(serve(url, int(port_text), Path(file)))
