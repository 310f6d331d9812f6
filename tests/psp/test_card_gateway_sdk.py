"""The unmodified Python client of the wire protocol uses the sandbox provider."""

from __future__ import annotations

import json
import urllib.parse
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest
import stripe
from stripe.params import PaymentIntentCaptureParams

from tests.support.card_gateway import (
    APPROVED,
    CHALLENGE,
    DECLINED,
    CardGatewaySandbox,
    Listener,
)

Session = stripe.checkout.Session
PaymentIntent = stripe.PaymentIntent

# The client's own use of httpx.
pytestmark = pytest.mark.filterwarnings("ignore:Use 'content=:DeprecationWarning")


def page_of(session: Session) -> str:
    """Return the address of the page where the payer pays."""
    assert session.url is not None
    return session.url


def intent_of(session: Session) -> PaymentIntent:
    """Return the intent of a session that was read with `expand`."""
    assert isinstance(session.payment_intent, PaymentIntent)
    return session.payment_intent


def charge_of(intent: PaymentIntent) -> stripe.Charge:
    """Return the charge of an intent that was read with `expand`."""
    assert isinstance(intent.latest_charge, stripe.Charge)
    return intent.latest_charge


def card_of(intent: PaymentIntent) -> stripe.Charge.PaymentMethodDetails.Card:
    details = charge_of(intent).payment_method_details
    assert details is not None and details.card is not None
    return details.card


def part(amount: int, *, final: bool | None = None) -> PaymentIntentCaptureParams:
    params: PaymentIntentCaptureParams = {"amount_to_capture": amount}
    if final is not None:
        params["final_capture"] = final
    return params


@pytest.fixture
def client(card_gateway: CardGatewaySandbox, secret_key: str) -> Iterator[stripe.StripeClient]:
    transport = stripe.HTTPXClient(allow_sync_methods=True)
    yield stripe.StripeClient(
        secret_key,
        base_addresses={"api": card_gateway.base_url},
        max_network_retries=0,
        http_client=transport,
    )
    transport.close()  # type: ignore[no-untyped-call]  # the client gives it no types


@pytest.fixture
def create(client: stripe.StripeClient) -> Callable[..., Session]:
    def create(amount: int = 30000, **more: object) -> Session:
        params: Any = {
            "mode": "payment",
            "success_url": "http://127.0.0.1:9/accept?cs={CHECKOUT_SESSION_ID}",
            "cancel_url": "http://127.0.0.1:9/cancel",
            "client_reference_id": "T1",
            "metadata": {"transaction_id": "T1", "note": "æ & [b] = 1"},
            "line_items": [
                {
                    "quantity": 1,
                    "price_data": {
                        "currency": "nok",
                        "unit_amount": amount,
                        "product_data": {"name": "Order 1 (rest after gift card)"},
                    },
                }
            ],
            "payment_intent_data": {
                "capture_method": "manual",
                "metadata": {"transaction_id": "T1"},
            },
            **more,
        }
        return client.v1.checkout.sessions.create(params)

    return create


@pytest.fixture
def pay(
    client: stripe.StripeClient, create: Callable[..., Session], card_gateway: CardGatewaySandbox
) -> Callable[..., PaymentIntent]:
    def pay(amount: int = 30000) -> PaymentIntent:
        session = create(amount)
        card_gateway.pay(page_of(session), APPROVED)
        read = client.v1.checkout.sessions.retrieve(
            session.id, {"expand": ["payment_intent.latest_charge"]}
        )
        return intent_of(read)

    return pay


def test_page_to_authorization(
    client: stripe.StripeClient, create: Callable[..., Session], card_gateway: CardGatewaySandbox
) -> None:
    session = create()
    assert session.id.startswith("cs_test_")
    assert (session.status, session.payment_status) == ("open", "unpaid")
    assert session.payment_intent is None
    assert session.metadata is not None and session.metadata["note"] == "æ & [b] = 1"
    response = card_gateway.pay(page_of(session), APPROVED)
    assert response.status_code == 303
    assert response.headers["location"] == f"http://127.0.0.1:9/accept?cs={session.id}"
    read = client.v1.checkout.sessions.retrieve(session.id, {"expand": ["payment_intent"]})
    assert (read.status, read.payment_status, read.url) == ("complete", "unpaid", None)
    intent = intent_of(read)
    assert (intent.status, intent.amount_capturable, intent.amount_received) == (
        "requires_capture",
        30000,
        0,
    )
    assert intent.metadata["transaction_id"] == "T1"
    assert isinstance(intent.latest_charge, str)


def test_final_part_capture_releases_the_rest(
    client: stripe.StripeClient, pay: Callable[..., PaymentIntent]
) -> None:
    intent = pay()
    captured = client.v1.payment_intents.capture(intent.id, part(12000))
    assert (captured.status, captured.amount_received, captured.amount_capturable) == (
        "succeeded",
        12000,
        0,
    )
    with pytest.raises(stripe.InvalidRequestError) as again:
        client.v1.payment_intents.capture(intent.id, part(1000))
    assert again.value.code == "payment_intent_unexpected_state"
    assert again.value.http_status == 400


def test_several_captures(
    client: stripe.StripeClient, pay: Callable[..., PaymentIntent], card_gateway: CardGatewaySandbox
) -> None:
    intent = pay()
    multicapture = card_of(intent).multicapture
    assert multicapture is not None and multicapture.status == "available"
    first_part = part(10000, final=False)
    first = client.v1.payment_intents.capture(intent.id, first_part)
    assert (first.status, first.amount_capturable) == ("requires_capture", 20000)
    with pytest.raises(stripe.InvalidRequestError) as over:
        client.v1.payment_intents.capture(intent.id, part(20001))
    assert over.value.code == "amount_too_large"
    with pytest.raises(stripe.InvalidRequestError) as void:
        client.v1.payment_intents.cancel(intent.id)
    assert void.value.code == "payment_intent_unexpected_state"
    last = client.v1.payment_intents.capture(intent.id)
    assert (last.status, last.amount_received) == ("succeeded", 30000)
    card_gateway.admin("settings", multicapture=False)
    other = pay()
    with pytest.raises(stripe.InvalidRequestError) as refused:
        client.v1.payment_intents.capture(other.id, first_part)
    assert refused.value.param == "final_capture"
    assert client.v1.payment_intents.retrieve(other.id).amount_received == 0


def test_part_refunds_and_over_refund(
    client: stripe.StripeClient, pay: Callable[..., PaymentIntent]
) -> None:
    intent = pay()
    with pytest.raises(stripe.InvalidRequestError):
        client.v1.refunds.create({"payment_intent": intent.id, "amount": 1})
    client.v1.payment_intents.capture(intent.id)
    refund = client.v1.refunds.create(
        {"payment_intent": intent.id, "amount": 10000, "metadata": {"key": "k1"}}
    )
    assert (refund.status, refund.amount) == ("succeeded", 10000)
    with pytest.raises(stripe.InvalidRequestError) as over:
        client.v1.refunds.create({"payment_intent": intent.id, "amount": 20001})
    assert "greater than unrefunded amount" in str(over.value)
    client.v1.refunds.create({"payment_intent": intent.id})
    with pytest.raises(stripe.InvalidRequestError) as none_left:
        client.v1.refunds.create({"payment_intent": intent.id})
    assert none_left.value.code == "charge_already_refunded"
    listed = client.v1.refunds.list({"payment_intent": intent.id, "limit": 1})
    amounts = [one.amount for one in listed.auto_paging_iter()]
    assert amounts == [20000, 10000]
    kept = client.v1.refunds.retrieve(refund.id)
    assert kept.metadata is not None and kept.metadata["key"] == "k1"
    charge = client.v1.charges.retrieve(charge_of(intent).id)
    assert (charge.amount_refunded, charge.refunded) == (30000, True)


def test_cancel_and_expire(
    client: stripe.StripeClient,
    pay: Callable[..., PaymentIntent],
    create: Callable[..., Session],
    card_gateway: CardGatewaySandbox,
) -> None:
    intent = pay()
    voided = client.v1.payment_intents.cancel(intent.id, {"cancellation_reason": "abandoned"})
    assert (voided.status, voided.cancellation_reason, voided.amount_capturable) == (
        "canceled",
        "abandoned",
        0,
    )
    session = create()
    url = page_of(session)
    assert client.v1.checkout.sessions.expire(session.id).status == "expired"
    with pytest.raises(stripe.InvalidRequestError):
        client.v1.checkout.sessions.expire(session.id)
    card_gateway.pay(url)
    assert client.v1.checkout.sessions.retrieve(session.id).payment_intent is None


def test_card_error_leaves_its_traces(client: stripe.StripeClient) -> None:
    with pytest.raises(stripe.CardError) as declined:
        params: Any = {
            "amount": 5000,
            "currency": "nok",
            "payment_method": "pm_card_visa_chargeDeclined",
            "confirm": True,
            "capture_method": "manual",
            "payment_method_types": ["card"],
        }
        client.v1.payment_intents.create(params)
    assert declined.value.http_status == 402
    assert declined.value.code == "card_declined"
    told = declined.value.error
    assert told is not None and told.decline_code == "generic_decline"
    assert told.payment_intent is not None
    kept = client.v1.payment_intents.retrieve(told.payment_intent.id)
    assert kept.status == "requires_payment_method"
    assert kept.last_payment_error is not None
    assert kept.last_payment_error.code == "card_declined"
    confirmed = client.v1.payment_intents.confirm(kept.id, {"payment_method": "pm_card_visa"})
    assert confirmed.status == "requires_capture"
    assert confirmed.last_payment_error is None


def test_idempotency(client: stripe.StripeClient, pay: Callable[..., PaymentIntent]) -> None:
    intent = pay()
    options: stripe.RequestOptions = {"idempotency_key": "k-1"}
    first = client.v1.payment_intents.capture(intent.id, part(1000, final=False), options)
    second = client.v1.payment_intents.capture(intent.id, part(1000, final=False), options)
    assert second.amount_received == first.amount_received == 1000
    assert second.last_response is not None
    assert second.last_response.headers["idempotent-replayed"] == "true"
    with pytest.raises(stripe.IdempotencyError) as other:
        client.v1.payment_intents.capture(intent.id, part(2000), options)
    assert other.value.http_status == 400
    assert client.v1.payment_intents.retrieve(intent.id).amount_received == 1000


def test_errors(client: stripe.StripeClient, card_gateway: CardGatewaySandbox) -> None:
    with pytest.raises(stripe.InvalidRequestError) as missing:
        client.v1.payment_intents.retrieve("pi_none")
    assert (missing.value.http_status, missing.value.code) == (404, "resource_missing")
    with pytest.raises(stripe.InvalidRequestError) as unknown:
        params: Any = {"payment_intent": "pi_none", "wrong": 1}
        client.v1.refunds.create(params)
    assert unknown.value.code == "parameter_unknown"
    stranger = stripe.StripeClient(
        "sk_live_real", base_addresses={"api": card_gateway.base_url}, max_network_retries=0
    )
    with pytest.raises(stripe.AuthenticationError):
        stranger.v1.refunds.list()


def test_merchants_do_not_see_each_other(
    card_gateway: CardGatewaySandbox, pay: Callable[..., PaymentIntent]
) -> None:
    intent = pay()
    other = stripe.StripeClient("sk_test_other", base_addresses={"api": card_gateway.base_url})
    with pytest.raises(stripe.InvalidRequestError) as missing:
        other.v1.payment_intents.cancel(intent.id)
    assert missing.value.http_status == 404


def test_webhooks_verify_with_the_client(
    client: stripe.StripeClient,
    create: Callable[..., Session],
    card_gateway: CardGatewaySandbox,
    listener: Listener,
) -> None:
    endpoint = client.v1.webhook_endpoints.create({"url": listener.url, "enabled_events": ["*"]})
    assert endpoint.secret is not None and endpoint.secret.startswith("whsec_")
    listed = client.v1.webhook_endpoints.list()
    assert [one.id for one in listed.data] == [endpoint.id]
    assert listed.data[0].to_dict().get("secret") is None
    listener.statuses = [500]
    session = create()
    card_gateway.pay(page_of(session))
    seen = {}
    for kind in ("payment_intent.amount_capturable_updated", "checkout.session.completed"):
        delivery = listener.wait_for(1, f'"type": "{kind}"'.encode())[0]
        event = stripe.Webhook.construct_event(
            delivery.body, delivery.headers["stripe-signature"], endpoint.secret
        )
        seen[kind] = event.data.object["id"]
    assert seen["checkout.session.completed"] == session.id
    # The notification that got a 500 arrives again.
    first = json.loads(listener.received[0].body)["id"]
    assert len(listener.wait_for(2, first.encode())) == 2
    with pytest.raises(stripe.SignatureVerificationError):
        stripe.Webhook.construct_event(
            delivery.body, delivery.headers["stripe-signature"], "whsec_wrong"
        )
    assert client.v1.webhook_endpoints.delete(endpoint.id).deleted is True
    before = len(listener.received)
    client.v1.checkout.sessions.expire(create().id)
    assert len(listener.received) == before


def test_declined_then_challenge_on_one_page(
    client: stripe.StripeClient, create: Callable[..., Session], card_gateway: CardGatewaySandbox
) -> None:
    session = create()
    assert (
        card_gateway.pay(page_of(session), DECLINED).headers["location"] == f"/c/pay/{session.id}"
    )
    read = client.v1.checkout.sessions.retrieve(session.id, {"expand": ["payment_intent"]})
    assert (read.status, intent_of(read).status) == ("open", "requires_payment_method")
    location = card_gateway.pay(page_of(session), CHALLENGE).headers["location"]
    assert location == f"/c/pay/{session.id}/challenge"
    done = card_gateway.answer_challenge(page_of(session), "complete")
    assert done.headers["location"].startswith("http://127.0.0.1:9/accept")
    read = client.v1.checkout.sessions.retrieve(
        session.id, {"expand": ["payment_intent.latest_charge"]}
    )
    three_d_secure = card_of(intent_of(read)).three_d_secure
    assert three_d_secure is not None and three_d_secure.authentication_flow == "challenge"


def test_clock(
    client: stripe.StripeClient,
    create: Callable[..., Session],
    pay: Callable[..., PaymentIntent],
    card_gateway: CardGatewaySandbox,
) -> None:
    session, untouched, part = create(), pay(), pay()
    client.v1.payment_intents.capture(part.id, {"amount_to_capture": 100, "final_capture": False})
    card_gateway.admin("clock", advance=24 * 3600 + 1)
    assert client.v1.checkout.sessions.retrieve(session.id).status == "expired"
    assert client.v1.payment_intents.retrieve(untouched.id).status == "requires_capture"
    card_gateway.admin("clock", advance=6 * 24 * 3600)
    lapsed = client.v1.payment_intents.retrieve(untouched.id)
    assert (lapsed.status, lapsed.cancellation_reason) == ("canceled", "automatic")
    released = client.v1.payment_intents.retrieve(part.id)
    assert (released.status, released.amount_received) == ("succeeded", 100)


@pytest.mark.parametrize("brackets", ["raw", "encoded"])
@pytest.mark.parametrize("index", ["", "0"])
def test_bracket_forms(
    card_gateway: CardGatewaySandbox,
    secret_key: str,
    pay: Callable[..., PaymentIntent],
    brackets: str,
    index: str,
) -> None:
    intent = pay()
    name = f"expand[{index}]"
    name = name if brackets == "raw" else urllib.parse.quote(name)
    response = httpx.get(
        f"{card_gateway.base_url}/v1/payment_intents/{intent.id}?{name}=latest_charge",
        headers={"Authorization": f"Bearer {secret_key}", "Stripe-Version": "2026-10-28.endive"},
    )
    assert response.json()["latest_charge"]["object"] == "charge"
    assert response.headers["stripe-version"] == "2026-10-28.endive"
    assert response.headers["request-id"].startswith("req_")
    assert "_card" not in response.json()
