"""An operator lists what waits for manual review, reads it at its provider and ends it. The books
balance afterwards."""

from __future__ import annotations

import asyncio
import json
from datetime import timedelta
from typing import Any

import pytest

from backend.accounts.profiles import save_profile
from backend.cli.main import main
from backend.core.errors import NotFound
from backend.payments.attempts.resolve import reopen
from backend.payments.review.manual import (
    OperatorDecision,
    Unresolved,
    WordNeeded,
    list_unresolved,
    resolve,
)
from backend.payments.review.reconcile import reconcile_due
from backend.payments.tables import Transaction
from backend.sessions.view import PageState
from tests.support.card_gateway import CardGatewaySandbox
from tests.support.checkout import ACCOUNT, Merchant, profile

SAID = OperatorDecision("Berit", "the provider's support says so")
NONE = timedelta()


class Shop:
    """A merchant, a gift card of 100.00, and an order of 400.00."""

    def __init__(self, merchant: Merchant, card_gateway: CardGatewaySandbox) -> None:
        self.merchant, self.card_gateway = merchant, card_gateway
        self.card: dict[str, Any] = {}
        self.session_id = self.id = ""

    async def begin(self) -> str:
        self.card = await self.merchant.card(10000)
        self.session_id = await self.merchant.ready(40000, self.card)
        url = (await self.merchant.press_pay(self.session_id)).url
        (listed,) = await self.merchant.get(f"/v1/transactions?session_id={self.session_id}")
        self.id = listed["id"]
        return str(url)

    async def on_hold(self) -> None:
        """Let the provider report 299.00 once."""
        location = self.card_gateway.pay(await self.begin()).headers["location"]
        self.card_gateway.fault("read", "wrong_amount")
        await self.merchant.come_back(location)
        assert (await self.shown())["status"] == "ON_HOLD"

    async def paid(self) -> None:
        await self.merchant.come_back(self.card_gateway.pay(await self.begin()).headers["location"])

    async def shown(self) -> Any:
        return await self.merchant.transaction(self.id)

    async def unresolved(self) -> list[Unresolved]:
        ctx = self.merchant.ctx
        async with ctx.db.reading() as db:
            return await list_unresolved(db, ctx.clock.now(), NONE, NONE)

    async def resolve(self, word: str | None = None, unresolved_id: str = "") -> str:
        return await resolve(self.merchant.ctx, unresolved_id or self.id, SAID, word)

    async def balance(self) -> tuple[int, int, int]:
        return await self.merchant.balance(self.card["card_id"])

    async def state(self) -> PageState:
        return (await self.merchant.view(self.session_id)).state

    async def later(self, minutes: int = 10) -> None:
        self.merchant.clock.ahead += timedelta(minutes=minutes)
        await reconcile_due(self.merchant.ctx)

    async def held_until_later(self) -> Any:
        """Keep the payment ON_HOLD without a decision, then review it, and return the output."""
        assert (await self.shown())["status"] == "ON_HOLD"
        assert await self.balance() == (0, 10000, 0)
        await self.merchant.audit()
        await self.later()
        return await self.shown()

    async def disconnect(self) -> None:
        await save_profile(
            self.merchant.ctx, profile(self.card_gateway.base_url, "x", connections={})
        )


@pytest.fixture
def shop(merchant: Merchant, card_gateway: CardGatewaySandbox) -> Shop:
    return Shop(merchant, card_gateway)


async def test_nothing_waits(shop: Shop) -> None:
    await shop.paid()
    assert await shop.unresolved() == []
    for unresolved_id in (shop.id, "no-such-id"):
        with pytest.raises(NotFound):
            await shop.resolve(unresolved_id=unresolved_id)


async def test_a_payment_on_hold_that_is_what_was_asked_for_after_all(shop: Shop) -> None:
    await shop.on_hold()
    (found,) = await shop.unresolved()
    assert (found.id, found.kind, found.card_amount, found.psp_amount) == (
        shop.id,
        "on_hold",
        10000,
        30000,
    )
    assert "asked for" in found.why
    assert (await shop.resolve()).startswith("authorized")
    shown = await shop.shown()
    assert (shown["status"], shown["amount"]) == ("AUTHORIZED", 40000)
    event = shown["events"][-1]
    assert (event["event"], event["success"], event["created_by"]) == (
        "AUTHORIZE",
        True,
        "operator:Berit",
    )
    assert event["metadata"] == {"resolved_by": "Berit", "reason": SAID.why}
    assert await shop.state() is PageState.PAID
    assert await shop.unresolved() == []
    await shop.merchant.audit()
    captured = await shop.merchant.post(f"/v1/transactions/{shop.id}/capture", {"amount": 40000})
    assert captured["status"] == "CAPTURED"
    await shop.merchant.audit()


async def test_a_payment_on_hold_is_given_back(shop: Shop) -> None:
    await shop.on_hold()
    shop.card_gateway.fault("read", "wrong_amount", times=20)
    with pytest.raises(WordNeeded):
        await shop.resolve()
    assert (await shop.resolve("void")).startswith("released")
    shop.card_gateway.reset()
    shown = await shop.shown()
    assert shown["status"] == "FAILED"
    event = shown["events"][-1]
    assert (event["event"], event["success"], event["amount"]) == ("VOID", True, 40000)
    assert event["metadata"]["resolved_by"] == "Berit"
    assert await shop.balance() == (10000, 0, 0)
    assert await shop.state() is PageState.OPEN
    await shop.merchant.audit()
    # The second attempt is paid.
    again = await shop.merchant.press_pay(shop.session_id)
    await shop.merchant.come_back(shop.card_gateway.pay(str(again.url)).headers["location"])
    assert await shop.state() is PageState.PAID
    assert await shop.balance() == (0, 10000, 0)
    await shop.merchant.audit()


async def test_the_merchant_voids_what_is_on_hold(shop: Shop) -> None:
    await shop.on_hold()
    path = f"/v1/transactions/{shop.id}"
    for verb in ("capture", "refund"):
        await shop.merchant.post(f"{path}/{verb}", {"amount": 1}, expect=400)
    shop.card_gateway.fault("cancel", "drop_before")
    await shop.merchant.post(f"{path}/void", expect=202)
    shown = await shop.held_until_later()
    assert shown["status"] == "FAILED"
    assert [e["event"] for e in shown["events"]] == [
        "INITIALIZE",
        "AUTHORIZE",
        "INITIATE_VOID",
        "VOID",
    ]
    assert await shop.balance() == (10000, 0, 0)
    await shop.merchant.post(f"{path}/void", expect=400)
    await shop.merchant.audit()


@pytest.mark.parametrize("fault", ["drop_before", "drop_after"])
async def test_what_is_heard_of_it_meanwhile_is_not_the_end_of_its_void(
    shop: Shop, fault: str
) -> None:
    """The payer returns or the provider reports the void before we know its outcome. The read that
    follows is neither a payment nor a refusal of the void."""
    await shop.on_hold()
    shop.card_gateway.fault("cancel", fault)
    await shop.merchant.post(f"/v1/transactions/{shop.id}/void", expect=202)
    async with shop.merchant.ctx.db.reading() as db:
        transaction = await db.get(Transaction, shop.id)
    assert transaction is not None
    back = f"/v1/sessions/{shop.session_id}/redirect/{transaction.return_ref}"
    await shop.merchant.come_back(back)
    shown = await shop.held_until_later()
    assert shown["status"] == "FAILED"
    events = [(e["event"], e["success"]) for e in shown["events"]]
    assert events[-2:] == [("INITIATE_VOID", True), ("VOID", True)]
    assert await shop.balance() == (10000, 0, 0)
    assert await shop.state() is PageState.OPEN
    await shop.merchant.audit()


async def test_a_capture_that_the_provider_tells_of_at_last(shop: Shop) -> None:
    await shop.paid()
    shop.card_gateway.fault("capture", "drop_after")
    path = f"/v1/transactions/{shop.id}/capture"
    await shop.merchant.post(path, {"amount": 40000, "metadata": {"a": 1}}, expect=202)
    shop.card_gateway.reset()
    (found,) = await shop.unresolved()
    assert (found.transaction_id, found.kind, found.psp_amount) == (shop.id, "capture", 30000)
    # The operator's word counts only if the provider does not know.
    assert await shop.resolve("refused", found.id) == "capture done, by the provider's word"
    event = (await shop.shown())["events"][-1]
    assert (event["event"], event["success"]) == ("CAPTURE", True)
    assert event["metadata"] == {"a": 1, "resolved_by": "Berit", "reason": SAID.why}
    assert await shop.balance() == (0, 0, 10000)
    await shop.merchant.audit()


@pytest.mark.parametrize(
    ("word", "status", "balance"),
    [("done", "CAPTURED", (0, 0, 10000)), ("refused", "AUTHORIZED", (0, 10000, 0))],
)
async def test_an_operation_that_nobody_tells_of(
    shop: Shop, word: str, status: str, balance: tuple[int, int, int]
) -> None:
    await shop.paid()
    shop.card_gateway.fault("capture", "drop_after")
    await shop.merchant.post(f"/v1/transactions/{shop.id}/capture", {"amount": 40000}, expect=202)
    await shop.disconnect()
    with pytest.raises(WordNeeded):
        await shop.resolve()
    assert await shop.resolve(word) == f"capture {word}, by the operator's word"
    shown = await shop.shown()
    assert (shown["status"], shown["events"][-1]["success"]) == (status, word == "done")
    assert shown["events"][-1]["metadata"]["resolved_by"] == "Berit"
    assert await shop.balance() == balance
    assert await shop.unresolved() == []
    await shop.merchant.audit()


async def test_a_payment_that_nobody_can_tell_of(shop: Shop) -> None:
    await shop.begin()
    await shop.disconnect()
    with pytest.raises(WordNeeded):
        await shop.resolve()
    assert (await shop.resolve("unknown")).startswith("unknown for good")
    shown = await shop.shown()
    assert (shown["status"], shown["events"][-1]["success"]) == ("UNKNOWN", False)
    assert await shop.state() is PageState.CANCELLED
    assert await shop.balance() == (10000, 0, 0)
    session = await shop.merchant.get(f"/v1/sessions/{shop.session_id}")
    assert [e["name"] for e in session["events"]][-2:] == ["UNKNOWN", "CANCELLED"]
    assert session["cancelled_by"] == "operator:Berit"
    await reopen(shop.merchant.ctx, shop.session_id)
    assert await shop.unresolved() == []
    await shop.merchant.audit()


async def test_a_payment_that_is_still_open_is_given_up_there(shop: Shop) -> None:
    await shop.begin()
    assert await shop.resolve("unknown") == "the provider has decided: FAILED"
    event = (await shop.shown())["events"][-1]
    assert event["metadata"] == {"resolved_by": "Berit", "reason": SAID.why}
    assert await shop.state() is PageState.OPEN
    await shop.merchant.audit()


async def test_two_operators_at_once(shop: Shop) -> None:
    await shop.on_hold()
    shop.card_gateway.fault("cancel", "drop_before")
    with pytest.raises(WordNeeded):
        await shop.resolve("void")
    (found,) = await shop.unresolved()
    assert (found.kind, found.transaction_id) == ("void", shop.id)
    assert await shop.resolve("void") == "void done, by the provider's word"
    with pytest.raises(NotFound):
        await shop.resolve("void")
    await shop.merchant.audit()


async def test_the_command(
    shop: Shop,
    database_url: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("GAVEKORT_DATABASE_URL", database_url)
    monkeypatch.setenv("GAVEKORT_SECRET_KEY", "a master secret of the tests, long enough")
    # The provider runs on this machine.
    monkeypatch.setenv("GAVEKORT_ALLOW_INSECURE_ADDRESSES", "true")

    async def run(*arguments: str) -> tuple[int, str]:
        status = await asyncio.to_thread(main, ["review", *arguments])
        shown = capsys.readouterr()
        return status, shown.out + shown.err

    assert await run() == (0, "nothing waits for a review\n")
    await shop.on_hold()
    status, listed = await run("--json")
    (found,) = json.loads(listed)
    assert (status, found["id"], found["account_id"]) == (1, shop.id, ACCOUNT)
    assert (found["kind"], found["card_amount"], found["psp_amount"]) == (
        "on_hold",
        10000,
        30000,
    )
    status, listed = await run()
    assert (status, listed.count("\n")) == (1, 1)
    for part in (shop.id, ACCOUNT, "order-1", "on_hold", "10000", "30000 NOK", found["why"]):
        assert part in listed
    said = ("--by", "Berit", "--why", "the bank says so")
    status, answer = await run("resolve", "no-such-id", *said)
    assert (status, answer) == (2, "gavekort: nothing under this id waits for a review\n")
    status, answer = await run("resolve", shop.id, *said, "--outcome", "void")
    assert (status, answer) == (
        0,
        "released: nothing is held, and the session is open again\n",
    )
    assert (await shop.shown())["events"][-1]["metadata"]["reason"] == "the bank says so"
    assert await run("--json") == (0, "[]\n")
    await shop.merchant.audit()
