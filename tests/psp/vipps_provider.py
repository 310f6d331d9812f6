"""The adapter of Vipps MobilePay for the common suite."""

from __future__ import annotations

import re
from typing import Any

import httpx

from backend.psp.protocol import Connector
from backend.psp.tools import Tools
from backend.psp.vipps.client import Account as VippsAccount
from backend.psp.vipps.connector import EVENTS, Vipps
from tests.psp.provider import PATIENT_SECONDS, Provider, now


class VippsProvider(Provider):
    sandbox_name = "vipps"
    option = "vipps"
    opens_page = ("/c/pay/",)
    lapses = False  # after 180 days, but what a read shows then is not documented
    verbs = Provider.verbs | {"abort": "cancel", "void": "cancel"}

    def setup(self) -> None:
        token = self.sandbox.http.post(
            f"{self.sandbox.base_url}/accesstoken/get", headers=self._keys
        ).json()["access_token"]
        self.headers = self._keys | {"Authorization": f"Bearer {token}"}
        made = self.sandbox.http.post(
            f"{self.sandbox.base_url}/webhooks/v1/webhooks",
            json={"url": self.listener.url, "events": list(EVENTS)},
            headers=self.headers,
        )
        assert made.status_code == 201, made.text
        self._webhook_secret = made.json()["secret"]

    @property
    def _keys(self) -> dict[str, str]:
        return {
            "client_id": self.merchant,
            "client_secret": f"secret-{self.merchant}",
            "Ocp-Apim-Subscription-Key": f"key-{self.merchant}",
            "Merchant-Serial-Number": "123456",
        }

    def connect(
        self, base_url: str, http: httpx.AsyncClient, *, read_timeout: float = PATIENT_SECONDS
    ) -> Connector:
        return Vipps(
            VippsAccount(**(self.credentials | {"base_url": base_url})),
            Tools(http, now, read_timeout=read_timeout),
            webhook_secret=self._webhook_secret,
            webhook_url=self.listener.url,
        )

    @property
    def credentials(self) -> dict[str, str]:
        return {
            "base_url": self.sandbox.base_url,
            "client_id": self.merchant,
            "client_secret": f"secret-{self.merchant}",
            "subscription_key": f"key-{self.merchant}",
            "merchant_serial_number": "123456",
        }

    @property
    def secrets(self) -> tuple[str, ...]:
        token = self.headers["Authorization"].removeprefix("Bearer ")
        return (
            f"secret-{self.merchant}",
            f"key-{self.merchant}",
            self._webhook_secret,
            token,
            "access_token",
        )

    def payment(self, reference: str) -> dict[str, Any]:
        found: dict[str, Any] = self.sandbox.http.get(
            f"{self.sandbox.base_url}/epayment/v1/payments/{reference}", headers=self.headers
        ).json()
        return found

    def asked(self, reference: str) -> tuple[int, str]:
        amount = self.payment(reference)["amount"]
        return amount["value"], amount["currency"]

    def approve(self, url: str) -> None:
        assert self.sandbox.http.post(url, data={"result": "approve"}).status_code == 303

    def decline(self, url: str) -> None:
        assert self.sandbox.http.post(url, data={"result": "reject"}).status_code == 303

    def back_link(self, url: str) -> str:
        # The way back is a button, so leaving is an answer too.
        page = self.sandbox.http.get(url).text
        found = re.search(r'id="back"[^>]*value="([^"]+)"', page)
        assert found is not None, page
        return found[1]
