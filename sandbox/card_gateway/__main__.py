"""`python -m sandbox.card_gateway --port 8010 --data-dir DIR`"""

from __future__ import annotations

from sandbox.card_gateway.app import create_app
from sandbox.common.program import run_program

if __name__ == "__main__":
    run_program("card_gateway", "A card acquirer to test against: no real money.", 8010, create_app)
