"""`python -m sandbox.swedbankpay --port 8011 --data-dir DIR`"""

from __future__ import annotations

from sandbox.common.program import run_program
from sandbox.swedbankpay.app import create_app

if __name__ == "__main__":
    run_program("swedbankpay", "Swedbank Pay to test against: no real money.", 8011, create_app)
