"""Swish knows its merchants by their client certificates: real TLS, with certificates made here.

The right one is accepted in every form in which a profile may store it. A missing or wrong one is
refused as our own mistake, and nothing is carried out.
"""

from __future__ import annotations

import base64
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from backend.core import context
from backend.core.context import Backend
from backend.core.settings import Settings
from backend.psp.client_certificate import CertificateUnusable, tls_context
from backend.psp.protocol import Outcome
from backend.psp.registry import NotConnected, connect
from backend.psp.swish.connector import Swish
from backend.psp.tools import Tools
from tests.psp.provider import now
from tests.psp.providers import SwishProvider
from tests.support.certificates import Authority, Pair
from tests.support.sandbox import Listener, Sandbox

OPTION = "swish.swish"


class TlsSandbox(Sandbox):
    """Accepts only TLS, from clients with a certificate of its authority. The test is one of
    them."""

    def __init__(self, repository: Path, folder: Path) -> None:
        self.authority = Authority.new("Swish Root")
        self.merchant = self.authority.issue("1231181189")
        server = self.authority.issue("127.0.0.1")
        files = {
            "server.pem": server.pem,
            "server.key": server.key_pem(),
            "clients.pem": self.authority.pem,
        }
        for name, text in files.items():
            (folder / name).write_text(text)
        super().__init__(
            repository,
            "swish",
            folder,
            (
                f"--tls-certificate={folder / 'server.pem'}",
                f"--tls-key={folder / 'server.key'}",
                f"--tls-clients={folder / 'clients.pem'}",
            ),
        )
        self.base_url = self.base_url.replace("http:", "https:")
        self.http = httpx.Client(verify=tls_context(**credentials(self, self.merchant)))

    def made(self) -> list[Any]:
        """Return all payment requests that were ever carried out with a push."""
        return list(self.http.get(f"{self.base_url}/_admin/pushes").json()["pushes"])


def credentials(sandbox: TlsSandbox, pair: Pair) -> dict[str, str]:
    return {"certificate": pair.pem, "key": pair.key_pem(), "ca": sandbox.authority.pem}


@dataclass
class Case:
    sandbox: TlsSandbox
    ctx: Backend
    provider: SwishProvider

    async def create(self, **given: str) -> Any:
        profile = {
            "base_url": f"{self.sandbox.base_url}/swish-cpcapi",
            "swish_number": "1231181189",
        } | given
        connector = connect(self.ctx, OPTION, profile)
        return await connector.create_payment(self.provider.request(push_to="+46701234567"))


@pytest.fixture(scope="module")
def _sandbox(repository: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[TlsSandbox]:
    sandbox = TlsSandbox(repository, tmp_path_factory.mktemp("swish-tls"))
    sandbox.start()
    yield sandbox
    sandbox.kill()
    sandbox.http.close()


@pytest.fixture
async def case(_sandbox: TlsSandbox, listener: Listener, tmp_path: Path) -> AsyncIterator[Case]:
    settings = Settings(
        secret_key="a master secret of the tests, long enough",
        database_url=f"sqlite:///{tmp_path / 'none.db'}",
        allow_insecure_addresses=True,
    )
    ctx = context.create(settings)
    yield Case(_sandbox, ctx, SwishProvider(_sandbox, listener, ctx.http))
    # A phone has one push at a time.
    _sandbox.admin("clock", advance=200)
    await ctx.close()


def _forms(sandbox: TlsSandbox) -> dict[str, dict[str, str]]:
    pair, ca = sandbox.merchant, sandbox.authority.pem
    p12 = base64.b64encode(pair.p12("hemlig")).decode()
    return {
        "pem": credentials(sandbox, pair),
        "one pem": {"certificate": pair.pem + pair.key_pem(), "ca": ca},
        "sealed key": {
            "certificate": pair.pem,
            "key": pair.key_pem("hemlig"),
            "passphrase": "hemlig",
            "ca": ca,
        },
        "p12": {"certificate": p12, "passphrase": "hemlig", "ca": ca},
        "base64": {
            "certificate": base64.b64encode(pair.pem.encode()).decode(),
            "key": base64.b64encode(pair.key_pem().encode()).decode(),
            "ca": base64.b64encode(ca.encode()).decode(),
        },
    }


@pytest.mark.parametrize("form", ["pem", "one pem", "sealed key", "p12", "base64"])
async def test_the_right_certificate_is_accepted(case: Case, form: str) -> None:
    before = len(case.sandbox.made())
    result = await case.create(**_forms(case.sandbox)[form])
    assert (result.outcome, result.code) == (Outcome.DONE, None), result
    assert len(case.sandbox.made()) == before + 1


async def test_none_is_refused_before_anything_is_sent(case: Case) -> None:
    before = len(case.sandbox.made())
    with pytest.raises(NotConnected):
        await case.create(ca=case.sandbox.authority.pem)
    # The provider itself would also ensure that.
    async with httpx.AsyncClient(verify=tls_context(ca=case.sandbox.authority.pem)) as http:
        swish = Swish(
            f"{case.sandbox.base_url}/swish-cpcapi",
            "1231181189",
            Tools(http, now),
            address_secret="x",
        )
        result = await swish.create_payment(case.provider.request(push_to="+46701234567"))
    assert (result.outcome, result.code) == (Outcome.REFUSED, "configuration"), result
    assert len(case.sandbox.made()) == before


async def test_a_strangers_certificate_is_refused(case: Case) -> None:
    before = len(case.sandbox.made())
    stranger = Authority.new("Somebody else").issue("1231181189")
    result = await case.create(**credentials(case.sandbox, stranger))
    assert (result.outcome, result.code) == (Outcome.REFUSED, "configuration"), result
    assert len(case.sandbox.made()) == before


async def test_a_provider_that_is_not_trusted_is_told_nothing(case: Case) -> None:
    before = len(case.sandbox.made())
    given = credentials(case.sandbox, case.sandbox.merchant)
    result = await case.create(**given | {"ca": Authority.new("Somebody else").pem})
    assert (result.outcome, result.code) == (Outcome.REFUSED, "unreachable"), result
    assert len(case.sandbox.made()) == before


async def test_credentials_that_cannot_be_used(case: Case) -> None:
    given = credentials(case.sandbox, case.sandbox.merchant)
    other = case.sandbox.authority.issue("another")
    p12 = base64.b64encode(case.sandbox.merchant.p12("hemlig")).decode()
    for wrong in (
        given | {"key": other.key_pem()},
        given | {"certificate": "no certificate"},
        given | {"key": case.sandbox.merchant.key_pem("hemlig"), "passphrase": "fel"},
        {"certificate": p12, "passphrase": "fel"},
        given | {"ca": "no certificate"},
    ):
        with pytest.raises(CertificateUnusable) as refused:
            tls_context(**wrong)
        assert "hemlig" not in str(refused.value)
        with pytest.raises(NotConnected):
            await case.create(**wrong)


async def test_one_client_for_one_certificate(case: Case) -> None:
    """Connections are reused, and never between merchants."""
    forms = _forms(case.sandbox)
    profile = {"base_url": f"{case.sandbox.base_url}/swish-cpcapi", "swish_number": "1"}
    first, again, other = (
        connect(case.ctx, OPTION, profile | forms[form]) for form in ("pem", "pem", "p12")
    )
    clients = [one._wire._transport._http for one in (first, again, other)]  # type: ignore[attr-defined]
    assert clients[0] is clients[1]
    assert clients[0] is not clients[2]
    assert case.ctx.http not in clients
