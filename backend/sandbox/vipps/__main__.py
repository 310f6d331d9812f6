"""`python -m backend.sandbox.vipps --port 8014 --data-dir DIR`"""

from __future__ import annotations

from backend.sandbox.common.program import run_program
from backend.sandbox.vipps.app import create_app

if __name__ == "__main__":
    run_program("vipps", "Vipps MobilePay's protocol to test against: no real money.", 8014,
                create_app)  # fmt: skip
