"""A merchant who wants receipts sent, with a mail server and an SMS gateway on real sockets."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator, Iterator

import pytest

from tests.support.card_gateway import CardGatewaySandbox
from tests.support.checkout import Merchant, close_merchant, open_merchant
from tests.support.mail import MailServer
from tests.support.receiver import Receiver


@pytest.fixture
def post() -> Iterator[MailServer]:
    with MailServer().running() as server:
        yield server


@pytest.fixture
def gateway() -> Iterator[Receiver]:
    with Receiver().running() as receiver:
        yield receiver


@pytest.fixture
async def shop(
    database_url: str, card_gateway: CardGatewaySandbox, post: MailServer, gateway: Receiver
) -> AsyncIterator[Merchant]:
    merchant = await open_merchant(
        database_url,
        card_gateway.base_url,
        f"sk_test_{uuid.uuid4().hex}",
        smtp_url=post.url,
        smtp_tls="none",
        smtp_sender="kvittering@checkout.example",
        sms_url=f"{gateway.url}/messages",
    )
    yield merchant
    await merchant.audit()
    await close_merchant(merchant)
