"""Each payment has one receipt. The tests check its text and its addressees."""

from __future__ import annotations

import asyncio
import re
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from backend.outbox.deliver import deliver_due
from backend.payments.attempts.start import Press, pay
from backend.payments.receipts import read_view
from backend.receipts.facts import GiftCardPart, Line
from backend.sessions import payer
from backend.sessions.load import lock_session
from backend.sessions.publish import note_delivered
from backend.sessions.view import PageState
from tests.support.card_gateway import CardGatewaySandbox
from tests.support.checkout import (
    ACCOUNT,
    BASE_URL,
    DETAILS,
    ON,
    OPTION,
    Merchant,
    session_body,
)
from tests.support.mail import MailServer
from tests.support.receiver import Receiver

DELIVERIES = f"/v1/accounts/{ACCOUNT}/hooks/deliveries"
QUIET = {"return_url": "https://shop.example/accept"}


def wants(**switches: Any) -> dict[str, Any]:
    wallets = {"type": "payment_type", "wallets": ON}
    return {
        "url": QUIET,
        "configuration": {
            "active_payment_types": {"enabled": True},
            "dintero": wallets,
            "receipt": switches,
        },
    }


async def deliver(merchant: Merchant) -> int:
    return await deliver_due(merchant.ctx, delivered=note_delivered)


async def rows(merchant: Merchant, query: str) -> list[dict[str, Any]]:
    async with merchant.ctx.db.reading() as db:
        connection = await db.connection()
        return [dict(row) for row in (await connection.execute(text(query))).mappings()]


async def receipt_of(merchant: Merchant, transaction_id: str) -> Any:
    transaction = await merchant.transaction(transaction_id)
    view = await read_view(merchant.ctx, transaction["session_id"])
    assert view.receipt is not None
    return view.receipt


async def test_what_it_states(shop: Merchant, card_gateway: CardGatewaySandbox) -> None:
    expires = "2030-06-01T00:00:00.000Z"
    # The four figures of a PIN might also occur in the amount or at the end of the number.
    long = {"format": {"length": 12, "characters": True}}
    card = await shop.card(15000, expires_at=expires, pin=long)
    order = session_body()["order"] | {
        "amount": 45000,
        "items": [
            {
                "id": "1",
                "line_id": "1",
                "amount": 40000,
                "quantity": 2,
                "vat": 25,
                "description": "Ullpledd \r\n med frynser",
            },
        ],
        "shipping_option": {
            "id": "post",
            "line_id": "9",
            "amount": 5000,
            "title": "Hjem",
            "operator": "Posten",
        },
    }
    paid = await shop.paid(card_gateway, card=card, order=order, **wants())
    facts = (await receipt_of(shop, paid)).facts
    assert (facts.merchant, facts.reference, facts.transaction_id) == (
        "Fjord & Form",
        "order-1",
        paid,
    )
    assert (facts.amount, facts.currency, facts.vat_amount) == (45000, "NOK", 8000)
    assert facts.lines == (Line("Ullpledd med frynser", "2", 40000, "25"),)
    assert (facts.shipping_amount, facts.shipping_title) == (5000, "Hjem")
    assert facts.gift_card == GiftCardPart(card["number"][-4:], 15000, 0, expires)
    assert facts.other is not None
    assert (facts.other.option, facts.other.amount) == ("dintero_psp.creditcard", 30000)
    assert facts.other.card == "Visa •••• 0002"
    assert (facts.time_zone, facts.is_test) == ("Europe/Oslo", True)
    assert card["number"] not in str(facts.as_json()) and card["pin"] not in str(facts.gift_card)


async def test_later_captures_and_refunds_do_not_change_it(
    shop: Merchant, card_gateway: CardGatewaySandbox
) -> None:
    card = await shop.card(10000)
    paid = await shop.paid(card_gateway, card=card, **wants())
    before = await receipt_of(shop, paid)
    assert (before.later.refunded, before.later.cancelled) == (0, False)
    await shop.post(f"/v1/transactions/{paid}/capture", {"amount": 40000})
    await shop.post(f"/v1/transactions/{paid}/refund", {"amount": 12000})
    after = await receipt_of(shop, paid)
    assert after.facts == before.facts
    assert (after.later.refunded, after.later.cancelled) == (12000, False)
    voided = await shop.paid(card_gateway, **wants())
    await shop.post(f"/v1/transactions/{voided}/void", {})
    assert (await receipt_of(shop, voided)).later.cancelled
    # The database itself refuses a change of the receipt.
    for statement in ("UPDATE receipt SET language = 'x'", "DELETE FROM receipt_message"):
        if statement.startswith("DELETE"):
            await shop.paid(card_gateway, **wants(email=True))
        with pytest.raises(DBAPIError):
            async with shop.ctx.db.unit_of_work() as db:
                await (await db.connection()).execute(text(statement))


async def test_by_mail_in_the_payers_language(
    shop: Merchant, card_gateway: CardGatewaySandbox, post: MailServer
) -> None:
    card = await shop.card(10000)
    paid = await shop.paid(card_gateway, card=card, **wants(email=True))
    assert post.got == []  # the row first, the message after
    session_id = (await shop.transaction(paid))["session_id"]
    assert await deliver(shop) == 1
    (mail,) = post.got
    assert (mail.sender, mail.recipients) == ("kvittering@checkout.example", ["kari@example.com"])
    head = mail.message
    assert str(head["From"]) == "Fjord & Form <kvittering@checkout.example>"
    assert str(head["To"]) == "kari@example.com"
    assert str(head["Subject"]) == "Kvittering fra Fjord & Form, ordre order-1"
    assert str(head["Message-ID"]) == f"<receipt.{paid}@checkout.example>"
    assert (str(head["Content-Language"]), str(head["Auto-Submitted"])) == ("nb", "auto-generated")
    link = f"{BASE_URL}/v1/view/{session_id}?language=nb"
    for part in (mail.part("plain"), mail.part("html")):
        said = part.replace("\u00a0", " ")
        for words in (
            "Forsvinnignspølse × 2",
            "400,00 kr",
            "100,00 kr",
            "300,00 kr",
            "80,00 kr",
            f"•••• {card['number'][-4:]}",
            paid,
            "Bankkort",
            "Visa •••• 0002",
            "Testbetaling",
        ):
            assert words in said, words
        assert link in part
        assert card["number"] not in part
    events = (await shop.get(f"/v1/sessions/{session_id}"))["events"]
    (sent,) = [event for event in events if event.get("own_name") == "RECEIPT_SENT"]
    assert sent["details"] == {"channel": "email", "transaction_id": paid}
    assert await deliver(shop) == 0


async def test_by_sms(shop: Merchant, card_gateway: CardGatewaySandbox, gateway: Receiver) -> None:
    paid = await shop.paid(card_gateway, **wants(sms=True))
    await deliver(shop)
    (got,) = gateway.got
    session_id = (await shop.transaction(paid))["session_id"]
    assert got.json["to"] == "+4799887766"
    assert got.json["text"] == (
        "Fjord & Form: Kvittering på 400,00 kr, ordre order-1: "
        f"{BASE_URL}/v1/view/{session_id}?language=nb"
    )
    assert got.headers["idempotency-key"] == got.json["reference"]


async def test_one_of_each_channel_with_workers_beside_each_other(
    shop: Merchant, card_gateway: CardGatewaySandbox, post: MailServer, gateway: Receiver
) -> None:
    paid = await shop.paid(card_gateway, **wants(email=True, sms=True))
    await asyncio.gather(*(deliver(shop) for _ in range(6)))
    assert (len(post.got), len(gateway.got)) == (1, 1)
    kept = await rows(shop, "SELECT channel, why FROM receipt_message ORDER BY channel")
    assert kept == [{"channel": "email", "why": None}, {"channel": "sms", "why": None}]
    assert await rows(shop, "SELECT transaction_id FROM receipt") == [{"transaction_id": paid}]


async def test_whose_payment_is_seen_twice_gets_one(
    shop: Merchant, card_gateway: CardGatewaySandbox, post: MailServer
) -> None:
    session_id = await shop.ready(**wants(email=True))
    result = await shop.press_pay(session_id)
    assert result.url is not None
    back = card_gateway.pay(result.url).headers["location"]
    await asyncio.gather(*(shop.come_back(back) for _ in range(4)))
    await deliver(shop)
    await deliver(shop)
    assert len(post.got) == 1


async def test_the_card_pays_all_and_an_order_of_nothing(
    shop: Merchant, card_gateway: CardGatewaySandbox, post: MailServer
) -> None:
    card = await shop.card(50000)
    paid = await shop.paid(card_gateway, card=card, **wants(email=True))
    facts = (await receipt_of(shop, paid)).facts
    assert facts.other is None
    assert facts.gift_card == GiftCardPart(card["number"][-4:], 40000, 10000, None)
    await deliver(shop)
    assert "Igjen på gavekortet: 100,00 kr" in post.got[0].part("plain").replace("\u00a0", " ")


async def test_none_is_sent_unless_asked_for_and_none_before_the_payment(
    shop: Merchant, card_gateway: CardGatewaySandbox, post: MailServer
) -> None:
    await shop.paid(card_gateway, **wants())
    await shop.paid(card_gateway, **wants(email=False, sms=False, show=True))
    session_id = await shop.ready(**wants(email=True))
    await shop.press_pay(session_id)
    assert await deliver(shop) == 0
    assert await rows(shop, "SELECT * FROM receipt_message") == []
    assert post.got == []


async def test_the_profile_says_and_the_request_has_the_last_word(
    shop: Merchant, card_gateway: CardGatewaySandbox, post: MailServer
) -> None:
    path = "/v1/admin/session/profiles/default"
    answer = await shop.api.put(path, json={"configuration": {"receipt": {"email": True}}})
    assert answer.status_code == 200, answer.text
    silent = await shop.paid(card_gateway, **wants(email=False))
    loud = await shop.paid(card_gateway, **wants(show=True))
    await deliver(shop)
    assert [str(mail.message["Message-ID"]) for mail in post.got] == [
        f"<receipt.{loud}@checkout.example>"
    ]
    assert silent != loud
    for wrong in ({"email": "yes"}, {"show": 1}, {"time_zone": "Europe/Atlantis"}, "all"):
        answer = await shop.api.put(path, json={"configuration": {"receipt": wrong}})
        assert answer.status_code == 400, wrong


async def test_nobody_to_send_it_to(
    shop: Merchant, card_gateway: CardGatewaySandbox, post: MailServer
) -> None:
    """The shop gave the session's details, and they hold no valid address."""
    session_id = await shop.ready(**wants(email=True, sms=True))
    async with shop.ctx.db.unit_of_work() as db:
        session = await lock_session(db, session_id)
        order = {k: v for k, v in session.body["order"].items() if not k.endswith("_address")}
        session.body = session.body | {
            "order": order,
            "customer": {"email": "kari@example.com\r\nBcc: all@example.com"},
        }
    result = await shop.press_pay(session_id)
    assert result.url is not None
    await shop.come_back(card_gateway.pay(result.url).headers["location"])
    assert await deliver(shop) == 0
    kept = await rows(
        shop, "SELECT channel, why, delivery_id FROM receipt_message ORDER BY channel"
    )
    assert kept == [
        {"channel": "email", "why": "not an e-mail address", "delivery_id": None},
        {"channel": "sms", "why": "no phone number is known", "delivery_id": None},
    ]


async def test_the_merchant_sees_it_and_sends_it_again(
    shop: Merchant, card_gateway: CardGatewaySandbox, post: MailServer
) -> None:
    paid = await shop.paid(card_gateway, **wants(email=True, sms=True))
    await deliver(shop)
    found = (await shop.get(f"{DELIVERIES}?subject={paid}"))["deliveries"]
    assert {(one["kind"], one["event"], one["state"]) for one in found} == {
        ("email", "receipt", "delivered"),
        ("sms", "receipt", "delivered"),
    }
    (mail,) = (await shop.get(f"{DELIVERIES}?kind=email"))["deliveries"]
    whole = await shop.get(f"{DELIVERIES}/{mail['id']}")
    assert whole["request"]["url"] == "mailto:kari@example.com"
    (tried,) = whole["tries"]
    assert (tried["request"]["method"], tried["response"]["status"]) == ("MAIL", 250)
    await shop.post(f"{DELIVERIES}/{mail['id']}/redeliver")
    await deliver(shop)
    assert len({str(got.message["Message-ID"]) for got in post.got}) == 1
    assert len(post.got) == 2
    session_id = (await shop.transaction(paid))["session_id"]
    events = (await shop.get(f"/v1/sessions/{session_id}"))["events"]
    sent = [event["details"]["channel"] for event in events if "own_name" in event]
    assert sorted(sent) == ["email", "sms"]


async def test_another_language_and_zone(
    shop: Merchant, card_gateway: CardGatewaySandbox, post: MailServer
) -> None:
    switches = wants(email=True, time_zone="America/New_York")
    session_id = await shop.ready(40000, await shop.card(40000), **switches)
    shown = await shop.view(session_id)
    await pay(shop.ctx, session_id, Press(None, shown.to_pay, "en"))
    await deliver(shop)
    mail = post.got[0]
    assert str(mail.message["Subject"]) == "Receipt from Fjord & Form, order order-1"
    text = mail.part("plain").replace("\u00a0", " ")
    assert "Total: NOK 400.00" in text
    assert re.search(r"Paid: \d+ \w+ 20\d\d, \d\d:\d\d:\d\d Eastern (Standard|Daylight) Time", text)


async def test_a_session_of_before_has_no_receipt(shop: Merchant) -> None:
    session_id = await shop.session()
    await payer.set_details(shop.ctx, session_id, DETAILS)
    assert (await read_view(shop.ctx, session_id)).receipt is None
    shop.clock.ahead = timedelta(days=2)
    assert (await read_view(shop.ctx, session_id)).receipt is None


async def test_no_language_keeps_a_payment_from_ending(
    shop: Merchant, card_gateway: CardGatewaySandbox
) -> None:
    """The API accepts longer texts than a receipt keeps."""
    session_id = await shop.ready(40000, await shop.card(10000), url=QUIET)
    path = f"/v1/sessions/{session_id}/pay?language=nb-NO-x-abcdefghijkl"
    begun = await shop.post(path, {"payment_product_type": OPTION})
    await shop.come_back(card_gateway.pay(begun["redirect_url"]).headers["location"])
    view = await read_view(shop.ctx, session_id)
    assert (view.state, view.receipt is not None) == (PageState.PAID, True)
    (kept,) = await rows(shop, "SELECT language FROM receipt")
    assert kept == {"language": "nb-NO-x-abcdefgh"}
    await shop.audit()
