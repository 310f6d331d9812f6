"""These rules hold for every provider when an answer is lost or nobody answers."""

from __future__ import annotations

from datetime import timedelta

import pytest

from backend.psp.protocol import (
    Outcome,
)
from tests.psp.provider import Provider, now
from tests.psp.till import EFFECT_NOT_TOLD, NO_EFFECT, ProviderHarness
from tests.support.sandbox import free_port
from tests.support.waiting import until_async


@pytest.mark.parametrize("kind", EFFECT_NOT_TOLD)
async def test_a_time_out_after_the_provider_acted_ends_done(
    till: ProviderHarness, verb: str, kind: str
) -> None:
    reference = await till.ready(verb)
    till.provider.fault(verb, kind)
    with till.impatient():
        assert (await till.do(verb, reference)).outcome is Outcome.UNKNOWN
    assert (await till.ask(verb, reference, sent_at=now())).outcome is Outcome.DONE
    assert await till.happened(verb, reference)


@pytest.mark.parametrize("kind", NO_EFFECT)
async def test_a_time_out_before_it_acted_ends_refused(
    till: ProviderHarness, verb: str, kind: str
) -> None:
    reference = await till.ready(verb)
    till.provider.fault(verb, kind)
    assert (await till.do(verb, reference)).outcome is Outcome.UNKNOWN
    # A call that was just sent may still arrive. One of long ago did not.
    assert (await till.ask(verb, reference, sent_at=now())).outcome is Outcome.UNKNOWN
    long_ago = now() - timedelta(hours=1)
    assert (await till.ask(verb, reference, sent_at=long_ago)).outcome is Outcome.REFUSED
    assert not await till.happened(verb, reference)
    assert (await till.do(verb, reference, "key-2")).outcome is Outcome.DONE
    assert await till.happened(verb, reference)


async def test_a_call_that_arrives_after_we_asked(till: ProviderHarness, verb: str) -> None:
    reference = await till.ready(verb)
    till.provider.fault(verb, "hang", seconds=2.5)
    sent_at = now()
    with till.impatient():
        assert (await till.do(verb, reference)).outcome is Outcome.UNKNOWN
    assert (await till.ask(verb, reference, sent_at=sent_at)).outcome is Outcome.UNKNOWN

    async def arrived() -> bool:
        return (await till.ask(verb, reference, sent_at=sent_at)).outcome is Outcome.DONE

    await until_async(arrived, "the call arrives")
    assert await till.happened(verb, reference)
    if till.may_repeat(verb):
        assert (await till.do(verb, reference)).outcome is Outcome.DONE
        assert await till.happened(verb, reference)


async def test_refused(till: ProviderHarness, verb: str) -> None:
    reference = await till.ready(verb)
    till.provider.fault(verb, "refuse")
    result = await till.do(verb, reference)
    assert result.outcome is Outcome.REFUSED
    assert result.code in ("declined", "not_allowed", "invalid", "amount"), result
    assert not await till.happened(verb, reference)
    assert (await till.ask(verb, reference)).outcome is Outcome.REFUSED
    assert (await till.do(verb, reference, "key-2")).outcome is Outcome.DONE


async def test_a_read_that_fails_tells_nothing(till: ProviderHarness, verb: str) -> None:
    reference = await till.ready(verb)
    for kind in ("error_before", "drop_before", "hang"):
        till.provider.fault("read", kind)
        with till.impatient():
            payment = await till.connector.fetch(reference)
        assert (payment.outcome, payment.state, payment.amount) == (Outcome.UNKNOWN, None, None)
        till.provider.fault("read", kind)
        with till.impatient():
            assert (await till.ask(verb, reference)).outcome is Outcome.UNKNOWN
    assert not await till.happened(verb, reference)


async def test_nobody_there(provider: Provider) -> None:
    connector = provider.connect(f"http://127.0.0.1:{free_port()}", provider.http)
    result = await connector.create_payment(provider.request())
    assert (result.outcome, result.code) == (Outcome.REFUSED, "unreachable")


async def test_a_killed_provider_remembers(till: ProviderHarness, verb: str) -> None:
    reference = await till.ready(verb)
    till.provider.fault(verb, "late")
    with till.impatient():
        assert (await till.do(verb, reference)).outcome is Outcome.UNKNOWN
    till.provider.sandbox.kill()
    down = await till.do(verb, reference)
    assert (down.outcome, down.code) == (Outcome.REFUSED, "unreachable")
    till.provider.sandbox.start()
    assert (await till.ask(verb, reference)).outcome is Outcome.DONE
    if till.may_repeat(verb):
        assert (await till.do(verb, reference)).outcome is Outcome.DONE
    assert await till.happened(verb, reference)
