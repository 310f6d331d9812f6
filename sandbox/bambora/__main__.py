"""`python -m sandbox.bambora --port 8013 --data-dir DIR`"""

from __future__ import annotations

from sandbox.bambora.app import create_app
from sandbox.common.program import run_program

if __name__ == "__main__":
    run_program("bambora", "Bambora Europe to test against: no real money.", 8013, create_app)
