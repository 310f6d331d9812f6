"""Use the sandbox card gateway, with a payer who uses its page without a browser."""

from __future__ import annotations

from pathlib import Path

import httpx

from tests.support.sandbox import Listener, Received, Sandbox, free_port

__all__ = ["CardGatewaySandbox", "Listener", "Received", "free_port"]

APPROVED = "4000 0000 0000 0002"
CHALLENGE = "4000 1000 0000 0000"
DECLINED = "4100 0000 0000 0076"
INSUFFICIENT = "4000 0000 0000 9995"
AUTHORIZATION_TIMES_OUT = "4100 0000 0000 0001"
CAPTURE_TIMES_OUT = "4100 0000 0000 0019"
REFUND_TIMES_OUT = "4100 0000 0000 0027"
REFUND_COMES_BACK = "4000 0000 0000 5126"
REFUND_WAITS = "4000 0000 0000 7726"
CANCEL_TIMES_OUT = "4100 0000 0000 0043"


class CardGatewaySandbox(Sandbox):
    def __init__(self, repository: Path, data_dir: Path) -> None:
        super().__init__(repository, "card_gateway", data_dir)

    def reset(self) -> None:
        super().reset()
        self.admin("settings", multicapture=True, late_seconds=30, settle_seconds=60)

    def pay(self, url: str, number: str = APPROVED, **other: str) -> httpx.Response:
        """Submit a card on the page as a form without scripts does, and return the redirect."""
        form = {"number": number, "expiry": "12/34", "cvc": "123", "name": "Kari Nordmann"}
        return self.http.post(url, data=form | other)

    def answer_challenge(self, url: str, result: str) -> httpx.Response:
        return self.http.post(f"{url}/challenge", data={"result": result})
