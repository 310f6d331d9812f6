"""`python -m sandbox.swish --port 8015 --data-dir DIR`"""

from __future__ import annotations

from sandbox.common.program import run_program
from sandbox.swish.app import create_app

if __name__ == "__main__":
    run_program("swish", "Swish to test against: no real money.", 8015, create_app)
