"""The notifications of every provider only cause a read."""

from __future__ import annotations

import pytest

from backend.psp.protocol import (
    NotificationRefused,
    PaymentState,
)
from tests.psp.provider import Provider
from tests.psp.till import ProviderHarness
from tests.support.sandbox import Received
from tests.support.waiting import pause_async, until_async


def _told(provider: Provider, reference: str) -> list[Received]:
    """Return the notifications that name this payment by its reference."""
    connector = provider.connector()
    found = []
    for one in list(provider.listener.received):
        try:
            notification = connector.parse_notification(one.headers, one.body)
        except NotificationRefused:
            continue
        if provider.names(notification, reference):
            found.append(one)
    return found


async def _wait_for(provider: Provider, reference: str, count: int = 1) -> list[Received]:
    async def enough() -> list[Received]:
        found = _told(provider, reference)
        return found if len(found) >= count else []

    return await until_async(enough, f"{count} notifications")


async def _anything(provider: Provider) -> None:
    async def came() -> bool:
        return bool(provider.listener.received)

    await until_async(came, "a notification")


async def test_told_of_a_payment(till: ProviderHarness) -> None:
    reference = await till.paid()
    for one in await _wait_for(till.provider, reference):
        first = till.connector.parse_notification(one.headers, one.body)
        # A replay is the same event and only causes a read.
        assert till.connector.parse_notification(one.headers, one.body) == first
        assert till.provider.names(first, reference)
        assert first.event_id
        assert first.event_type
    payment = await till.read(reference)
    assert payment.state in (PaymentState.AUTHORIZED, PaymentState.CAPTURED)


async def test_told_before_the_payer_has_done_anything(till: ProviderHarness) -> None:
    till.provider.sandbox.fault("early", "send")
    reference, url = await till.created()
    await _wait_for(till.provider, reference)
    assert (await till.read(reference)).state is PaymentState.OPEN
    till.provider.approve(url)
    assert (await till.read(reference)).amount == till.whole


async def test_told_five_times(till: ProviderHarness) -> None:
    reference, url = await till.created()
    till.provider.sandbox.fault("notify", "repeat", times=20)
    till.provider.approve(url)
    told = await _wait_for(till.provider, reference, 5)
    events = [till.connector.parse_notification(one.headers, one.body).event_id for one in told]
    assert max(events.count(one) for one in events) == 5


async def test_never_told(till: ProviderHarness) -> None:
    reference, url = await till.created()
    till.provider.sandbox.fault("notify", "drop", times=20)
    till.provider.approve(url)
    await pause_async(0.6, "a notification that is dropped leaves no trace to wait for")
    assert _told(till.provider, reference) == []
    payment = await till.read(reference)
    assert payment.state in (PaymentState.AUTHORIZED, PaymentState.CAPTURED)


async def test_told_wrongly_signed(till: ProviderHarness) -> None:
    reference, url = await till.created()
    till.provider.sandbox.fault("notify", "forge", times=20)
    till.provider.approve(url)
    await _anything(till.provider)
    if till.provider.signs:
        assert _told(till.provider, reference) == []


async def test_forged_notifications(till: ProviderHarness) -> None:
    reference = await till.paid()
    true = (await _wait_for(till.provider, reference))[0]
    no_headers = {":path": "/notifications"}
    for headers, body in (
        (no_headers, true.body),
        (true.headers, b"not json"),
        (true.headers, b"[]"),
        (true.headers, b"\xff"),
        (no_headers, b""),
    ):
        if not till.provider.signs and body == true.body:
            continue
        with pytest.raises(NotificationRefused):
            till.connector.parse_notification(headers, body)


async def test_tried_again_until_it_is_heard(till: ProviderHarness) -> None:
    reference, url = await till.created()
    till.provider.sandbox.admin("settings", retry_gap=1)
    till.provider.listener.statuses = [503]
    till.provider.approve(url)
    await _wait_for(till.provider, reference)
    received = till.provider.listener.received

    async def came_again() -> bool:
        # The rejected notification comes once more. It may be about something else than a
        # reference.
        return any(_same(one, received[0]) for one in received[1:])

    await until_async(came_again, "what was turned away is sent again")


def _same(one: Received, other: Received) -> bool:
    return (one.headers[":path"], one.body) == (other.headers[":path"], other.body)
