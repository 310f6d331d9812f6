"""Use the Swish sandbox, with a payer who answers in its app without a browser."""

from __future__ import annotations

import uuid
from typing import Any

from tests.support.sandbox import Sandbox

OPTION = "swish.swish"


class SwishSandbox(Sandbox):
    """A Swish sandbox that each test uses with its own merchant number."""

    number = ""

    def new_merchant(self) -> None:
        self.number = f"123{uuid.uuid4().int % 10**7:07d}"

    @property
    def credentials(self) -> dict[str, str]:
        return {
            "base_url": f"{self.base_url}/swish-cpcapi",
            "swish_number": self.number,
            "app_url": f"{self.base_url}/app",
        }

    def reset(self) -> None:
        super().reset()
        self.admin("settings", late_approvals=False, refund_seconds=0)

    def payment(self, reference: str | None) -> Any:
        url = f"{self.base_url}/swish-cpcapi/api/v1/paymentrequests/{reference}"
        return self.http.get(url).json()

    def refunds(self, reference: str | None) -> list[tuple[str, str]]:
        """Return the amount and the state of each."""
        url = f"{self.base_url}/_admin/refunds"
        rows = self.http.get(url, params={"payment": reference or ""}).json()["refunds"]
        return [(one["amount"], one["status"]) for one in rows]

    def pushes(self) -> list[Any]:
        """Return every request of this merchant that names a payer's number."""
        rows = self.http.get(f"{self.base_url}/_admin/pushes").json()["pushes"]
        return [one for one in rows if one["payeeAlias"] == self.number]

    def answer(self, url: str, result: str = "approve") -> str:
        """Answer in the app, and return where it sends the payer."""
        answer = self.http.post(url, data={"result": result})
        assert answer.status_code == 303, answer.text
        return str(answer.headers["location"])

    def answer_push(self, result: str = "approve") -> None:
        """Return the newest request that waits in the app's inbox."""
        page = self.http.get(f"{self.base_url}/app").text
        (link,) = [part.split('"')[0] for part in page.split('href="')[1:] if "token=" in part]
        self.answer(f"{self.base_url}{link}", result)
