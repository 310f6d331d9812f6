"""`python -m sandbox.vipps --port 8014 --data-dir DIR`"""

from __future__ import annotations

from sandbox.common.program import run_program
from sandbox.vipps.app import create_app

if __name__ == "__main__":
    run_program(
        "vipps", "Vipps MobilePay's protocol to test against: no real money.", 8014, create_app
    )
