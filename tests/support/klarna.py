"""Use the Klarna sandbox, with a payer who uses its page without a browser."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tests.support.sandbox import Sandbox

OPTION = "klarna.klarna"
APPROVED = "customer@email.no"
DENIED = "customer+denied@email.no"
PENDING = "customer+pending@email.no"


class KlarnaSandbox(Sandbox):
    def __init__(self, repository: Path, data_dir: Path) -> None:
        super().__init__(repository, "klarna", data_dir)
        self.auth = ("PK_1", f"klarna_test_{data_dir.name}")

    @property
    def credentials(self) -> dict[str, str]:
        """Return what a profile stores about this merchant."""
        username, password = self.auth
        return {"base_url": self.base_url, "username": username, "password": password}

    def reset(self) -> None:
        super().reset()
        self.admin(
            "settings",
            offer=True,
            keep_all_keys=False,
            late_approvals=False,
            fraud_seconds=60,
            fraud_outcome="ACCEPTED",
            max_authorized=10_000_000,
        )

    def pay(self, url: str, email: str = APPROVED) -> str:
        """Choose, confirm with a code, and return where the payer is redirected."""
        answer = self.http.post(url, data={"method": "pay_later", "email": email})
        assert answer.headers["location"].endswith("/code"), answer.headers
        answer = self.http.post(f"{url}/code", data={"code": "123456"})
        return str(answer.headers["location"])

    def get(self, path: str) -> Any:
        answer = self.http.get(self.base_url + path, auth=self.auth)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def session(self, reference: str) -> Any:
        """Return the payment session of our `psp_reference`."""
        return self.get(f"/payments/v1/sessions/{reference.partition('.')[2]}")

    def order(self, reference: str) -> Any:
        page = self.get(f"/hpp/v1/sessions/{reference.partition('.')[0]}")
        return self.get(f"/ordermanagement/v1/orders/{page['order_id']}")
