"""Use the Vipps MobilePay sandbox and its pushes, with a payer who needs no browser."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tests.support.sandbox import Sandbox

OPTION = "vipps"
PHONE = "+4799887766"


class VippsSandbox(Sandbox):
    def __init__(self, repository: Path, data_dir: Path) -> None:
        super().__init__(repository, "vipps", data_dir)
        self.name = data_dir.name

    @property
    def credentials(self) -> dict[str, str]:
        """Return what a profile stores about this merchant."""
        return {
            "base_url": self.base_url,
            "client_id": f"client-{self.name}",
            "client_secret": f"secret-{self.name}",
            "subscription_key": f"key-{self.name}",
            "merchant_serial_number": "654321",
        }

    def reset(self) -> None:
        super().reset()
        self.admin(
            "settings",
            numbers_as_text=True,
            token_seconds=3600,
            late_approvals=False,
            log_keys=True,
        )

    def pay(self, url: str, result: str = "approve") -> str:
        """Answer on the landing page, and return where the payer is redirected."""
        answer = self.http.post(url, data={"result": result})
        assert answer.status_code == 303, answer.text
        return str(answer.headers["location"])

    def pushes(self, reference: str | None = None) -> list[Any]:
        """Return every push that was requested, or those of one payment, newest first."""
        found = self.http.get(f"{self.base_url}/_admin/pushes").json()["pushes"]
        return [one for one in found if reference in (None, one["reference"])]

    def webhooks(self) -> list[Any]:
        found: list[Any] = self.http.get(f"{self.base_url}/_admin/webhooks").json()["webhooks"]
        return found

    def answer_in_app(self, result: str = "approve") -> None:
        """Answer the newest waiting push as the payer."""
        page = self.http.get(f"{self.base_url}/c/app").text
        path = page.partition('action="')[2].partition('"')[0]
        assert path, page
        answer = self.http.post(self.base_url + path, data={"result": result})
        assert answer.status_code == 303

    @property
    def _headers(self) -> dict[str, str]:
        known = self.credentials
        keys = {
            "Ocp-Apim-Subscription-Key": known["subscription_key"],
            "Merchant-Serial-Number": known["merchant_serial_number"],
        }
        names = ("client_id", "client_secret")
        token = self.http.post(
            f"{self.base_url}/accesstoken/get",
            headers=keys | {name: known[name] for name in names},
        ).json()["access_token"]
        return keys | {"Authorization": f"Bearer {token}"}

    def payment(self, reference: str) -> Any:
        answer = self.http.get(
            f"{self.base_url}/epayment/v1/payments/{reference}", headers=self._headers
        )
        assert answer.status_code == 200, answer.text
        return answer.json()

    def sums(self, reference: str) -> dict[str, int]:
        """Return the aggregate in minor units."""
        found = self.payment(reference)["aggregate"]
        return {name.removesuffix("Amount"): one["value"] for name, one in found.items()}
