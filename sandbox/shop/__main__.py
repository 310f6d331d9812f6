"""`python -m sandbox.shop --port 8020 --config FILE.json`"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

import uvicorn

from sandbox.shop.app import create_app
from sandbox.shop.config import ConfigRefused, load_config


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the shop until it is told to stop. Return 2 if its configuration cannot be used."""
    parser = argparse.ArgumentParser(prog="gavekort shop", description="The demo shop.")
    parser.add_argument("--port", type=int, default=8020)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument(
        "--config", type=Path, required=True, help="JSON with the keys of the demo's demo.json"
    )
    parser.add_argument(
        "--data-dir", type=Path, help="where the shop keeps its orders (beside the config)"
    )
    options = parser.parse_args(arguments)
    try:
        config = load_config(options.config)
    except ConfigRefused as refused:
        print(f"gavekort shop: {refused}", file=sys.stderr)
        return 2
    app = create_app(config, options.data_dir or options.config.resolve().parent / "shop")
    uvicorn.run(
        app,
        host=options.host,
        port=options.port,
        log_level="warning",
        timeout_graceful_shutdown=2,
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
