"""`python -m sandbox.klarna --port 8012 --data-dir DIR`"""

from __future__ import annotations

from sandbox.common.program import run_program
from sandbox.klarna.app import create_app

if __name__ == "__main__":
    run_program("klarna", "Klarna's protocol to test against: no real money.", 8012, create_app)
