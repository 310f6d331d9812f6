"""The providers that the common suite (`test_invariants*.py`) is run over: one adapter each.

To add one: a `Provider` here or beside, with its module's name, a connector of a fresh merchant, a
payer who says yes, no or goes back, and what the sandbox's faults call the verbs; then its line in
`PROVIDERS`.
"""

from __future__ import annotations

import base64
from typing import Any

import httpx

from backend.psp.bambora.client import Account
from backend.psp.bambora.connector import Bambora
from backend.psp.klarna.connector import Klarna
from backend.psp.protocol import Connector, Notification
from backend.psp.stripe.connector import CardGateway
from backend.psp.swedbankpay.client import Account as SwedbankPayAccount
from backend.psp.swedbankpay.connector import SwedbankPay
from backend.psp.swish.connector import Swish
from backend.psp.tools import Tools
from tests.psp.provider import PATIENT_SECONDS, Provider, now
from tests.psp.vipps_provider import VippsProvider


class CardGatewayProvider(Provider):
    sandbox_name = "card_gateway"
    option = "dintero_psp.creditcard"
    verbs = Provider.verbs | {"abort": "expire", "void": "cancel"}

    def setup(self) -> None:
        self._key = f"sk_test_{self.merchant}"
        response = self.sandbox.http.post(
            f"{self.sandbox.base_url}/v1/webhook_endpoints",
            data={"url": self.listener.url, "enabled_events[]": "*"},
            headers={"Authorization": f"Bearer {self._key}"},
        )
        self._webhook_secret = response.json()["secret"]

    def connect(
        self, base_url: str, http: httpx.AsyncClient, *, read_timeout: float = PATIENT_SECONDS
    ) -> Connector:
        return CardGateway(
            base_url, self._key, self._webhook_secret, Tools(http, now, read_timeout=read_timeout)
        )

    @property
    def credentials(self) -> dict[str, str]:
        return {
            "base_url": self.sandbox.base_url,
            "secret_key": self._key,
            "webhook_secret": self._webhook_secret,
        }

    @property
    def secrets(self) -> tuple[str, ...]:
        return (self._key, self._webhook_secret, "client_secret")

    def asked(self, reference: str) -> tuple[int, str]:
        session = self.sandbox.http.get(
            f"{self.sandbox.base_url}/v1/checkout/sessions/{reference}",
            headers={"Authorization": f"Bearer {self._key}"},
        ).json()
        return session["amount_total"], session["currency"].upper()

    def approve(self, url: str) -> None:
        self._submit(url, "4000 0000 0000 0002")

    def decline(self, url: str) -> None:
        self._submit(url, "4100 0000 0000 0076")

    def _submit(self, url: str, number: str) -> None:
        form = {"number": number, "expiry": "12/34", "cvc": "123", "name": "Kari Nordmann"}
        assert self.sandbox.http.post(url, data=form).status_code == 303


class KlarnaProvider(Provider):
    sandbox_name = "klarna"
    option = "klarna.klarna"
    remembers_create = False
    notifies_captures = False
    verbs = Provider.verbs | {"abort": "expire", "void": "cancel"}

    def setup(self) -> None:
        self._username, self._password = f"PK_{self.merchant[:8]}", f"klarna_test_{self.merchant}"

    def connect(
        self, base_url: str, http: httpx.AsyncClient, *, read_timeout: float = PATIENT_SECONDS
    ) -> Connector:
        return Klarna(
            base_url, self._username, self._password, Tools(http, now, read_timeout=read_timeout)
        )

    @property
    def credentials(self) -> dict[str, str]:
        url = self.sandbox.base_url
        return {"base_url": url, "username": self._username, "password": self._password}

    @property
    def secrets(self) -> tuple[str, ...]:
        pair = base64.b64encode(f"{self._username}:{self._password}".encode()).decode()
        return (self._password, pair, "authorization_token", "client_token", "token=")

    def asked(self, reference: str) -> tuple[int, str]:
        session = self.sandbox.http.get(
            f"{self.sandbox.base_url}/payments/v1/sessions/{reference.partition('.')[2]}",
            auth=(self._username, self._password),
        ).json()
        return session["order_amount"], session["purchase_currency"]

    def approve(self, url: str) -> None:
        self._confirm(url, "customer@email.no")

    def decline(self, url: str) -> None:
        self._confirm(url, "customer+denied@email.no")

    def _confirm(self, url: str, email: str) -> None:
        form = {"method": "pay_later", "email": email}
        assert self.sandbox.http.post(url, data=form).headers["location"].endswith("/code")
        assert self.sandbox.http.post(f"{url}/code", data={"code": "123456"}).status_code == 303

    def back_link(self, url: str) -> str:
        return str(self.sandbox.http.post(f"{url}/back").headers["location"])


class SwedbankPayProvider(Provider):
    sandbox_name = "swedbankpay"
    option = "payex.creditcard"
    product = "creditcard"
    currency = "SEK"
    remembers_create = False
    opens_page = ("/payment/menu/",)
    verbs = Provider.verbs | {"refund": "reversal", "void": "cancel"}

    def connect(
        self, base_url: str, http: httpx.AsyncClient, *, read_timeout: float = PATIENT_SECONDS
    ) -> Connector:
        return SwedbankPay(
            self.product,
            SwedbankPayAccount(base_url, self._token, "5cabf558-5283-482f-b252-4d58e06f6f3b"),
            Tools(http, now, read_timeout=read_timeout),
        )

    @property
    def _token(self) -> str:
        return f"token-{self.merchant}"

    @property
    def credentials(self) -> dict[str, str]:
        url = self.sandbox.base_url
        return {"base_url": url, "access_token": self._token, "payee_id": "5cabf558"}

    @property
    def secrets(self) -> tuple[str, ...]:
        return (self._token, "proof=", "522661******")

    def asked(self, reference: str) -> tuple[int, str]:
        order = self.sandbox.http.get(
            self.sandbox.base_url + reference,
            headers={
                "Authorization": f"Bearer {self._token}",
                "Accept": "application/json;version=3.1",
            },
        ).json()["paymentOrder"]
        return order["amount"], order["currency"]

    def approve(self, url: str) -> None:
        self._challenge(url, "complete")

    def decline(self, url: str) -> None:
        self._challenge(url, "fail")

    def _challenge(self, url: str, result: str) -> None:
        form = {"number": "5226612199533406", "expiry": "12/34", "cvc": "123", "name": "Kari"}
        assert self.sandbox.http.post(url, data=form).status_code == 303
        answered = self.sandbox.http.post(f"{url}/challenge", data={"result": result})
        assert answered.status_code == 303


class SwedbankPayWalletProvider(SwedbankPayProvider):
    option = "payex.vipps"
    product = "vipps"
    currency = "NOK"

    def approve(self, url: str) -> None:
        assert self.sandbox.http.post(url, data={"result": "approve"}).status_code == 303

    def decline(self, url: str) -> None:
        assert self.sandbox.http.post(url, data={"result": "decline"}).status_code == 303


class SwedbankPaySwishProvider(SwedbankPayWalletProvider):
    option = "payex.swish"
    product = "swish"
    currency = "SEK"
    direct_capture = True


class BamboraProvider(Provider):
    sandbox_name = "bambora"
    option = "bambora.creditcard"
    product = "creditcard"
    multi_capture = False
    remembers_create = False
    remembers_keys = False
    notifies_captures = False
    verbs = Provider.verbs | {"abort": "withdraw", "refund": "credit", "void": "delete"}

    def setup(self) -> None:
        # A merchant types this into the provider's own administration.
        self.key = {
            "merchant_number": f"T{self.merchant[:9]}",
            "access_token": f"access-{self.merchant}",
            "secret_token": f"secret-{self.merchant}",
            "md5_key": f"md5-{self.merchant}",
        }
        self.sandbox.admin("merchants", **self.key)

    def connect(
        self, base_url: str, http: httpx.AsyncClient, *, read_timeout: float = PATIENT_SECONDS
    ) -> Connector:
        account = Account(
            checkout_api_url=f"{base_url}/checkout-api",
            merchant_api_url=f"{base_url}/merchant-api",
            transaction_api_url=f"{base_url}/transaction-api",
            **self.key,
        )
        return Bambora(self.product, account, Tools(http, now, read_timeout=read_timeout))

    @property
    def credentials(self) -> dict[str, str]:
        places = ("checkout", "merchant", "transaction")
        urls = {f"{one}_api_url": f"{self.sandbox.base_url}/{one}-api" for one in places}
        return urls | self.key

    @property
    def auth(self) -> tuple[str, str]:
        user = f"{self.key['access_token']}@{self.key['merchant_number']}"
        return user, self.key["secret_token"]

    @property
    def secrets(self) -> tuple[str, ...]:
        pair = base64.b64encode(":".join(self.auth).encode()).decode()
        own = (self.key["access_token"], self.key["secret_token"], self.key["md5_key"])
        return (*own, pair)

    def read(self, path: str) -> dict[str, Any]:
        """Return one of the services' answers, as the merchant reads it."""
        response = self.sandbox.http.get(f"{self.sandbox.base_url}{path}", auth=self.auth)
        answer: dict[str, Any] = response.json()
        assert answer["meta"]["result"], answer
        return answer

    def payment_request(self, reference: str) -> dict[str, Any]:
        return self.read(f"/checkout-api/paymentrequests/{reference.split('.')[1]}")

    def asked(self, reference: str) -> tuple[int, str]:
        order = self.payment_request(reference)["parameters"]["order"]
        return order["amount"], order["currency"]

    def names(self, notification: Notification, reference: str) -> bool:
        # The callback address carries our transaction's id.
        address = self.payment_request(reference)["parameters"]["url"]["callbacks"][0]["url"]
        return str(address).endswith(f"?transaction={notification.transaction_id}")

    def approve(self, url: str) -> None:
        self.submit(url, "4002 7700 0000 0008")

    def decline(self, url: str) -> None:
        self.submit(url, "4002 7700 0000 0024")

    def submit(self, url: str, number: str) -> httpx.Response:
        form = {"number": number, "expiry": "12/34", "cvc": "000", "name": "Kari Nordmann"}
        answer = self.sandbox.http.post(url, data=form)
        assert answer.status_code == 303
        return answer


class SwishProvider(Provider):
    sandbox_name = "swish"
    option = "swish.swish"
    currency = "SEK"
    direct_capture = True
    remembers_create = False
    notifies_captures = False
    tells_refunds = False
    opens_page = ("/app?", "token")
    verbs = Provider.verbs | {"abort": "cancel"}

    def setup(self) -> None:
        self.number = f"123{int(self.merchant[:10], 16) % 10**7:07d}"

    def connect(
        self, base_url: str, http: httpx.AsyncClient, *, read_timeout: float = PATIENT_SECONDS
    ) -> Connector:
        return Swish(
            f"{base_url}/swish-cpcapi",
            self.number,
            Tools(http, now, read_timeout=read_timeout),
            address_secret=self.merchant,
            app_url=f"{self.sandbox.base_url}/app",
        )

    @property
    def credentials(self) -> dict[str, str]:
        url = self.sandbox.base_url
        return {
            "base_url": f"{url}/swish-cpcapi",
            "swish_number": self.number,
            "app_url": f"{url}/app",
        }

    @property
    def secrets(self) -> tuple[str, ...]:
        return (self.merchant, "proof=", "46739000001")

    def read(self, reference: str) -> dict[str, Any]:
        path = f"/swish-cpcapi/api/v1/paymentrequests/{reference}"
        found: dict[str, Any] = self.sandbox.http.get(self.sandbox.base_url + path).json()
        return found

    def asked(self, reference: str) -> tuple[int, str]:
        payment = self.read(reference)
        kronor, _, ore = payment["amount"].partition(".")
        assert len(ore) == 2
        return int(kronor + ore), payment["currency"]

    def refunded(self, reference: str) -> int:
        url = f"{self.sandbox.base_url}/_admin/refunds"
        rows = self.sandbox.http.get(url, params={"payment": reference}).json()["refunds"]
        return sum(int(one["amount"].replace(".", "")) for one in rows)

    def approve(self, url: str) -> None:
        self._answer(url, "approve")

    def decline(self, url: str) -> None:
        self._answer(url, "decline")

    def _answer(self, url: str, result: str) -> None:
        assert self.sandbox.http.post(url, data={"result": result}).status_code == 303


PROVIDERS: dict[str, type[Provider]] = {
    "card_gateway": CardGatewayProvider,
    "payex.creditcard": SwedbankPayProvider,
    "payex.swish": SwedbankPaySwishProvider,
    "klarna": KlarnaProvider,
    "bambora": BamboraProvider,
    "swish": SwishProvider,
    "vipps": VippsProvider,
}
