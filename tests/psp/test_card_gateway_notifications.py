"""The tests check which notifications the provider signs and which the connector believes."""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta

import httpx
import pytest

from backend.psp.protocol import NotificationRefused, PaymentRequest
from backend.psp.stripe.connector import CardGateway
from backend.psp.tools import Tools
from backend.rules.money import Money
from tests.support.card_gateway import CardGatewaySandbox, Listener

Create = Callable[[], Awaitable[tuple[CardGateway, str, str]]]
NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
SECRET = "whsec_test"
EVENT = {
    "id": "evt_1",
    "type": "checkout.session.completed",
    "data": {
        "object": {
            "id": "cs_1",
            "object": "checkout.session",
            "client_reference_id": "T1",
            "metadata": {"transaction_id": "T1"},
        }
    },
}
BODY = json.dumps(EVENT).encode()


def _v1(body: bytes, moment: datetime, secret: str = SECRET) -> str:
    signed = f"{int(moment.timestamp())}.".encode() + body
    return hmac.new(secret.encode(), signed, hashlib.sha256).hexdigest()


def _header(body: bytes = BODY, moment: datetime = NOW, secret: str = SECRET) -> dict[str, str]:
    signature = _v1(body, moment, secret)
    return {"stripe-signature": f"t={int(moment.timestamp())},v1={signature}"}


@pytest.fixture
def receiver() -> CardGateway:
    return CardGateway(
        "https://provider.example", "sk_test_1", SECRET, Tools(httpx.AsyncClient(), lambda: NOW)
    )


def test_right(receiver: CardGateway) -> None:
    notification = receiver.parse_notification(_header(), BODY)
    assert notification.event_id == "evt_1"
    assert notification.event_type == "checkout.session.completed"
    assert (notification.reference, notification.transaction_id) == ("cs_1", "T1")


def test_intent_has_no_reference_but_our_id(receiver: CardGateway) -> None:
    event = {
        "id": "evt_2",
        "type": "payment_intent.succeeded",
        "data": {
            "object": {
                "id": "pi_1",
                "object": "payment_intent",
                "metadata": {"transaction_id": "T2"},
            }
        },
    }
    body = json.dumps(event).encode()
    notification = receiver.parse_notification(_header(body), body)
    assert (notification.reference, notification.transaction_id) == (None, "T2")


def test_any_of_several_signatures_while_a_secret_is_rolled(receiver: CardGateway) -> None:
    moment = int(NOW.timestamp())
    header = f"t={moment},v1={_v1(BODY, NOW, 'old')},v1={_v1(BODY, NOW)},v0=x"
    assert receiver.parse_notification({"stripe-signature": header}, BODY).event_id == "evt_1"


@pytest.mark.parametrize("age", [0, 299, 300, -300])
def test_young_enough(receiver: CardGateway, age: int) -> None:
    headers = _header(moment=NOW - timedelta(seconds=age))
    assert receiver.parse_notification(headers, BODY).event_id == "evt_1"


_T = int(NOW.timestamp())


@pytest.mark.parametrize(
    ("headers", "body"),
    [
        ({}, BODY),
        ({"stripe-signature": ""}, BODY),
        ({"stripe-signature": f"t={_T}"}, BODY),
        ({"stripe-signature": f"v1={_v1(BODY, NOW)}"}, BODY),
        ({"stripe-signature": f"t={_T},v0={_v1(BODY, NOW)}"}, BODY),
        ({"stripe-signature": f"t={_T},v1=\u00e6"}, BODY),
        ({"stripe-signature": f"t=-{_T},v1={_v1(BODY, NOW)}"}, BODY),
        ({"stripe-signature": f"t={_T + 1},v1={_v1(BODY, NOW)}"}, BODY),
        (_header(secret="forged"), BODY),
        (_header(), BODY + b" "),
        (_header(moment=NOW - timedelta(seconds=301)), BODY),
        (_header(moment=NOW + timedelta(seconds=301)), BODY),
        (_header(b"not json"), b"not json"),
        (_header(b"[]"), b"[]"),
        (_header(b"\xff"), b"\xff"),
        (_header(b'{"id": "evt_1"}'), b'{"id": "evt_1"}'),
    ],
)
def test_refused(receiver: CardGateway, headers: dict[str, str], body: bytes) -> None:
    with pytest.raises(NotificationRefused):
        receiver.parse_notification(headers, body)


def test_without_a_secret_nothing_is_believed() -> None:
    open_door = CardGateway(
        "https://provider.example", "sk_test_1", "", Tools(httpx.AsyncClient(), lambda: NOW)
    )
    with pytest.raises(NotificationRefused):
        open_door.parse_notification(_header(secret=""), BODY)


@pytest.fixture
async def create(
    card_gateway: CardGatewaySandbox, secret_key: str, http: httpx.AsyncClient, listener: Listener
) -> Create:
    """Return a connector whose notifications reach the listener, and a payment made with it."""
    endpoint = await http.post(
        f"{card_gateway.base_url}/v1/webhook_endpoints",
        data={"url": listener.url, "enabled_events[]": "checkout.session.completed"},
        headers={"Authorization": f"Bearer {secret_key}"},
    )
    gateway = CardGateway(
        card_gateway.base_url,
        secret_key,
        endpoint.json()["secret"],
        Tools(http, lambda: datetime.now(UTC)),
    )

    async def create() -> tuple[CardGateway, str, str]:
        result = await gateway.create_payment(
            PaymentRequest(
                key="op-1",
                amount=Money(30000, "NOK"),
                transaction_id="T1",
                session_id="S1",
                merchant_reference="order-1",
                description="Order 1",
                return_url="http://127.0.0.1:9/return",
                cancel_url="http://127.0.0.1:9/cancel",
                notification_url=listener.url,
                language="en",
                expires_at=datetime.now(UTC) + timedelta(hours=1),
            )
        )
        assert result.reference is not None
        assert result.redirect_url is not None
        return gateway, result.reference, result.redirect_url

    return create


async def test_over_a_socket(
    create: Create, card_gateway: CardGatewaySandbox, listener: Listener
) -> None:
    gateway, reference, url = await create()
    card_gateway.pay(url)
    delivery = listener.wait_for(1)[0]
    notification = gateway.parse_notification(delivery.headers, delivery.body)
    assert (notification.reference, notification.transaction_id) == (reference, "T1")
    card_gateway.admin(f"events/{notification.event_id}/resend")
    again = listener.wait_for(2)[1]
    assert gateway.parse_notification(again.headers, again.body) == notification


async def test_five_times_and_never(
    create: Create, card_gateway: CardGatewaySandbox, listener: Listener
) -> None:
    gateway, _, url = await create()
    card_gateway.fault("notify", "repeat")
    card_gateway.pay(url)
    deliveries = listener.wait_for(5)
    ids = {gateway.parse_notification(one.headers, one.body).event_id for one in deliveries}
    assert len(ids) == 1


async def test_dropped(
    create: Create, card_gateway: CardGatewaySandbox, listener: Listener
) -> None:
    _, _, url = await create()
    card_gateway.fault("notify", "drop")
    card_gateway.pay(url)
    with pytest.raises(AssertionError):
        listener.wait_for(1, seconds=0.6)


async def test_delivery_survives_a_killed_provider(
    create: Create, card_gateway: CardGatewaySandbox, listener: Listener
) -> None:
    _, _, url = await create()
    listener.statuses = [503]
    card_gateway.pay(url)
    listener.wait_for(1)
    card_gateway.kill()
    card_gateway.start()
    assert len(listener.wait_for(2)) == 2
