"""SMS pumping sent 18 messages to one foreign number in 22 seconds, at the operator's cost."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from backend.accounts.profiles import save_profile
from backend.core.errors import TooManyRequests
from backend.limits import rules
from backend.outbox.deliver import deliver_due
from backend.sessions.device_handoff import make_link
from backend.sessions.publish import note_delivered
from tests.support.card_gateway import CardGatewaySandbox
from tests.support.checkout import Merchant, close_merchant, open_merchant, profile, session_body
from tests.support.limits import ELSEWHERE, SOURCE, Stranger, check_refused, stand_still
from tests.support.mail import MailServer
from tests.support.pins import advance as move_clock
from tests.support.receiver import Receiver

NORWAY, SWEDEN, FRANCE, TONGA = "+4799887766", "+46701234567", "+33612345678", "+6767712345"


@pytest.fixture
def gateway() -> Iterator[Receiver]:
    with Receiver().running() as receiver:
        yield receiver


@pytest.fixture
def post() -> Iterator[MailServer]:
    with MailServer().running() as server:
        yield server


@pytest.fixture
async def shop(
    database_url: str, card_gateway: CardGatewaySandbox, gateway: Receiver, post: MailServer
) -> AsyncIterator[Merchant]:
    merchant = await open_merchant(
        database_url,
        card_gateway.base_url,
        f"sk_test_{uuid.uuid4().hex}",
        sms_url=f"{gateway.url}/messages",
        smtp_url=post.url,
        smtp_tls="none",
    )
    stand_still(merchant)
    yield merchant
    await close_merchant(merchant)


async def published(shop: Merchant, number: str, **configuration: Any) -> str:
    """Create a session that is published by SMS, and return the outcome of the message."""
    body = session_body(customer={"phone_number": number})
    body["configuration"]["publish"] = [{"channel": "sms", "type": "checkout-link"}]
    body["configuration"] |= configuration
    made = await shop.post("/v1/sessions-profile", body)
    return str(made["publish"][0]["status"])


async def sent(shop: Merchant, gateway: Receiver) -> list[str]:
    while await deliver_due(shop.ctx, delivered=note_delivered):
        pass
    return [got.json["to"] for got in gateway.got]


def advance(shop: Merchant, **by: float) -> None:
    move_clock(shop, timedelta(**by))


async def test_many_messages_to_one_phone(shop: Merchant, gateway: Receiver) -> None:
    first = [await published(shop, NORWAY) for _ in range(18)]
    assert first == ["sent"] * rules.SMS_PHONE.amount + ["failed"] * (18 - rules.SMS_PHONE.amount)
    assert await sent(shop, gateway) == [NORWAY] * rules.SMS_PHONE.amount
    assert await published(shop, "+4799887755") == "sent"
    # A whole day allows a day's budget plus what refills meanwhile, and no more.
    for _ in range(48):
        advance(shop, minutes=30)
        shop.api.headers["authorization"] = await _token(shop)
        await published(shop, NORWAY)
    count = (await sent(shop, gateway)).count(NORWAY)
    assert rules.SMS_PHONE_DAY.amount <= count <= 2 * rules.SMS_PHONE_DAY.amount


async def _token(shop: Merchant) -> str:
    from tests.support.checkout import sign_in

    return f"Bearer {await sign_in(shop)}"


async def test_countries_that_the_shop_has_nothing_to_do_with(
    shop: Merchant, gateway: Receiver
) -> None:
    assert [await published(shop, n) for n in (NORWAY, SWEDEN)] == ["sent", "sent"]
    assert [await published(shop, n) for n in (FRANCE, TONGA)] == ["failed", "failed"]
    assert sorted(await sent(shop, gateway)) == sorted([NORWAY, SWEDEN])
    # The countries that the shop or its profile delivers to replace the operator's list.
    allowed = {"countries": {"allow_countries": ["FR"]}}
    assert await published(shop, FRANCE, **allowed) == "sent"
    assert await published(shop, SWEDEN, **allowed) == "failed"
    denied = {"countries": {"deny_countries": ["SE"]}}
    assert await published(shop, SWEDEN, **denied) == "failed"
    setup = profile("", "", configuration={"countries": {"allow_countries": ["FR", "NO"]}})
    await save_profile(shop.ctx, setup)
    assert [await published(shop, n) for n in (FRANCE, SWEDEN)] == ["sent", "failed"]
    await save_profile(shop.ctx, profile("", "", configuration={}))
    shop.ctx.settings.sms_countries = "*"
    assert await published(shop, TONGA) == "sent"
    shop.ctx.settings.sms_countries = ""
    assert await published(shop, NORWAY) == "failed"


async def test_many_phones_of_a_foreign_country(shop: Merchant, gateway: Receiver) -> None:
    shop.ctx.limiter._rules["sms.country"] = replace(rules.SMS_COUNTRY, amount=4)
    shop.ctx.limiter._rules["sms.merchant"] = replace(rules.SMS_MERCHANT, amount=9)
    swedes = [await published(shop, f"+4670123456{n}") for n in range(7)]
    assert swedes == ["sent"] * 4 + ["failed"] * 3
    # Another country has its own budget. The shop's own country has only the account's.
    assert await published(shop, "+4520123456") == "sent"
    home = [await published(shop, f"+479988776{n}") for n in range(6)]
    assert home == ["sent"] * 4 + ["failed"] * 2
    assert len(await sent(shop, gateway)) == 9


async def test_codes_for_strangers_numbers(shop: Merchant, gateway: Receiver) -> None:
    """A stranger asks for codes from many sessions, for many numbers."""
    stranger = Stranger(shop)
    shop.ctx.settings.scc_sends_per_source = 10_000
    shop.ctx.limiter._rules["sms.source"] = replace(rules.SMS_SOURCE, amount=6)

    async def asked(number: str, at: Stranger = stranger) -> Any:
        path = f"/v1/view/{await shop.session()}/session/publish/scc"
        return await at.call("POST", path, json={"phone_number": number})

    for n in range(6):
        assert (await asked(f"+479988776{n}")).status_code == 200
    check_refused(await asked("+4799887769"), 3600)
    assert (await asked("+4799887769", stranger.at(ELSEWHERE))).status_code == 200
    foreign = await asked(TONGA, stranger.at(ELSEWHERE))
    assert foreign.status_code == 400
    assert foreign.json()["error"]["errors"][0]["code"] == "no_number"
    # None of the numbers is known, so no message went out and no phone's budget was spent.
    assert await sent(shop, gateway) == []
    assert await published(shop, "+4799887760") == "sent"


async def test_links_to_a_phone(shop: Merchant, gateway: Receiver) -> None:
    """A stranger typed the payer's own number."""
    shop.ctx.limiter._rules["sms.source"] = replace(rules.SMS_SOURCE, amount=8)
    outcomes = []
    for _ in range(6):
        session_id = await shop.ready()
        for _ in range(3):
            try:
                link = await make_link(shop.ctx, session_id, "nb", by_sms=True, source=SOURCE)
                outcomes.append("sent" if link.sent else "shown")
            except TooManyRequests as error:
                outcomes.append(error.limit)
    assert outcomes[:6] == ["sent"] * 6
    assert outcomes[6:8] == ["sms.phone"] * 2
    assert set(outcomes[8:]) == {"sms.source"}
    assert await sent(shop, gateway) == [NORWAY] * 6
    # The code on the screen costs nothing and still works, up to its own limit.
    links = [await _made(shop, session_id) for _ in range(40)]
    assert links.count(True) == rules.HANDOVER.amount - 3


async def _made(shop: Merchant, session_id: str) -> bool:
    try:
        await make_link(shop.ctx, session_id, "nb")
    except TooManyRequests:
        return False
    return True


async def test_receipts_to_one_address(
    shop: Merchant, card_gateway: CardGatewaySandbox, gateway: Receiver, post: MailServer
) -> None:
    """A payment never fails because of its receipt. The merchant sees why it was not sent."""
    shop.ctx.limiter._rules["mail.address"] = replace(rules.MAIL_ADDRESS, amount=2)
    shop.ctx.limiter._rules["sms.phone"] = replace(rules.SMS_PHONE, amount=1)
    receipt = {"email": True, "sms": True}
    body = session_body()["configuration"] | {"receipt": receipt}
    for _ in range(3):
        await shop.paid(card_gateway, configuration=body)
    assert await sent(shop, gateway) == [NORWAY]
    assert len(post.got) == 2
    found = await shop.get("/v1/accounts/T12345678/hooks/deliveries?state=failed&limit=100")
    failed = sorted(one["kind"] for one in found["deliveries"])
    assert failed == ["email", "sms", "sms"]
    (mail,) = [one for one in found["deliveries"] if one["kind"] == "email"]
    told = await shop.get(f"/v1/accounts/T12345678/hooks/deliveries/{mail['id']}")
    assert told["tries"][0]["error"] == "not sent: the limit mail.address is spent"
