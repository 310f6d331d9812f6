"""`python -m backend.sandbox.card_gateway --port 8010 --data-dir DIR`"""

from __future__ import annotations

import argparse
import logging
from pathlib import Path

import uvicorn

from backend.sandbox.card_gateway.app import create_app


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m backend.sandbox.card_gateway",
        description="A card acquirer to test against: no real money.",
    )
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=8010)
    parser.add_argument("--data-dir", type=Path, required=True)
    parser.add_argument(
        "--public-url", help="where payers reach it; default: as the merchant calls it"
    )
    parser.add_argument("--access-log", action="store_true")
    options = parser.parse_args()
    logging.basicConfig(level=logging.WARNING)
    uvicorn.run(
        create_app(options.data_dir, options.public_url),
        host=options.host,
        port=options.port,
        log_level="warning",
        access_log=options.access_log,
        # Answers that come too late on purpose shall not hold up a stop.
        timeout_graceful_shutdown=1,
    )


if __name__ == "__main__":
    main()
