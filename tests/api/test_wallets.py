"""The API issues, looks up, draws, funds and holds gift cards. The tests also repeat and misuse
`ref_id`."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlmodel import func, select

from backend.cards.tables import PinBudget, WalletTransaction
from tests.support.checkout import ACCOUNT, Merchant

WALLETS = f"/v1/accounts/{ACCOUNT}/wallets"
MOVES = f"{WALLETS}/transactions"


async def move(merchant: Merchant, card: dict[str, Any], expect: int = 200, **more: Any) -> Any:
    body = {"card_id": card["card_id"], "ref_id": "r", "amount": 3000, "currency": "NOK"} | more
    return await merchant.post(MOVES, {k: v for k, v in body.items() if v is not None}, expect)


def code(answer: Any) -> str:
    return str(answer["error"]["code"])


async def count(merchant: Merchant) -> int:
    async with merchant.ctx.db.reading() as db:
        return (await db.exec(select(func.count()).select_from(WalletTransaction))).one()


async def test_a_card_shows_number_and_pin_once(merchant: Merchant) -> None:
    body = {
        "card_id": "gift-1",
        "amount": 50000.0,
        "currency": "NOK",
        "name": "For you",
        "customer_id": "c-1",
        "pin": {"format": {"length": 6, "numbers": True}},
        "card_token": {"format": {"length": 16, "numbers": True, "prefix": "AB"}},
        "metadata": {"dintero_transaction_id": "t"},
        "unknown": {"kept": [1]},
        "expires_at": "2100-01-01T00:00:00Z",
        "originated_by": "till 4",
    }
    made = await merchant.post(f"{WALLETS}/cards", body)
    number, pin = made["card_token"]["token"]["value"], made["pin"]["pin"]["value"]
    assert (len(number), number[:2], number[2:].isdigit()) == (18, "AB", True)
    assert (len(pin), pin.isdigit()) == (6, True)
    expected = {
        "card_id": "gift-1",
        "amount": 50000,
        "currency": "NOK",
        "status": "unused",
        "amount_balance": 50000,
        "amount_available": 50000,
        "amount_funds": 50000,
        "amount_drawdown": 0,
        "amount_pending": 0,
        "amount_reserved": 0,
        "name": "For you",
        "customer_id": "c-1",
        "unknown": {"kept": [1]},
        "originated_by": "till 4",
        "metadata": {"dintero_transaction_id": "t"},
        "expires_at": "2100-01-01T00:00:00.000Z",
        "created_by": merchant.client_id,
        "type": "gift_card",
    }
    assert {key: made[key] for key in expected} == expected
    shown = await merchant.get(f"{WALLETS}/cards/gift-1")
    assert {key: shown[key] for key in expected} == expected
    assert shown["tokens"][0]["masked_code"] == "AB" + "*" * 12 + number[-4:]
    assert number not in str(shown) and f"'{pin}'" not in str(shown)
    again = await merchant.post(f"{WALLETS}/cards", body, expect=409)
    assert code(again) == "CONFLICT"
    assert await merchant.balance("gift-1") == (50000, 0, 0)
    await merchant.audit()


async def test_cards_that_cannot_be_made(merchant: Merchant) -> None:
    body = {"card_id": "c", "amount": 1, "currency": "NOK"}
    for change in (
        {"card_id": ""},
        {"card_id": " c"},
        {"card_id": "x" * 256},
        {"card_id": 1},
        {"amount": -1},
        {"amount": 1.5},
        {"amount": None},
        {"currency": "GBP"},
        {"currency": "nok"},
        {"type": "debit"},
        {"pin": {"format": {"length": 3}}},
        {"card_token": {"format": {"length": 7, "numbers": True}}},
        {"card_token": {"format": {"length": 65}}},
        {"expires_at": "soon"},
        {"metadata": [1]},
    ):
        answer = await merchant.post(f"{WALLETS}/cards", body | change, expect=400)
        assert code(answer) == "INVALID_REQUEST_PARAMETER", change
    await merchant.get(f"{WALLETS}/cards/c", expect=404)
    assert await count(merchant) == 0


async def test_one_card_id_asked_for_at_once_is_one_card(merchant: Merchant) -> None:
    body = {"card_id": "c", "amount": 700, "currency": "NOK"}
    answers = await asyncio.gather(
        *(merchant.api.post(f"{WALLETS}/cards", json=body) for _ in range(10))
    )
    assert sorted(a.status_code for a in answers) == [200] + [409] * 9
    assert await merchant.balance("c") == (700, 0, 0)
    await merchant.audit()


async def test_look_up_by_number_and_pin(merchant: Merchant) -> None:
    card = await merchant.card(10000)
    info = f"{WALLETS}/info"
    right = {"token": card["number"], "pin": card["pin"]}
    found = await merchant.post(info, right)
    assert (found["card_id"], found["amount_available"]) == (card["card_id"], 10000)
    typed = " ".join(card["number"][i : i + 4] for i in range(0, 16, 4))
    assert (await merchant.post(info, right | {"token": typed}))["card_id"] == card["card_id"]
    wrong_pin = "0000" if card["pin"] != "0000" else "1111"
    answers = [
        await merchant.post(info, body, expect=404)
        for body in (
            {"token": card["number"]},
            {"token": card["number"], "pin": wrong_pin},
            {"token": card["number"], "pin": ""},
            {"token": "9" * 16, "pin": card["pin"]},
            {"token": "9" * 16},
            {"token": card["card_id"], "pin": card["pin"]},
        )
    ]
    assert all(answer == answers[0] for answer in answers)
    plain = await merchant.post(
        f"{WALLETS}/cards", {"card_id": "no pin", "amount": 5, "currency": "NOK"}
    )
    token = plain["card_token"]["token"]["value"]
    assert token.startswith("DINCARD:") and "pin" not in plain
    assert (await merchant.post(info, {"token": token}))["card_id"] == "no pin"
    await merchant.post(info, {"token": token, "pin": "1234"}, expect=404)
    await merchant.post(info, {"pin": "1234"}, expect=400)


async def test_a_clients_many_customers_do_not_lock_each_other_out(merchant: Merchant) -> None:
    """The session budget applies to a payer. A shop's till is not a session."""
    cards = [await merchant.card(100) for _ in range(12)]
    for card in cards:
        wrong = "0000" if card["pin"] != "0000" else "1111"
        await merchant.post(f"{WALLETS}/info", {"token": card["number"], "pin": wrong}, expect=404)
    last = cards[-1]
    found = await merchant.post(f"{WALLETS}/info", {"token": last["number"], "pin": last["pin"]})
    assert found["card_id"] == last["card_id"]
    async with merchant.ctx.db.reading() as db:
        scopes = {row.scope.split(":")[0] for row in await db.exec(select(PinBudget))}
    assert "session" not in scopes


async def test_drawdown_and_fund(merchant: Merchant) -> None:
    card = await merchant.card(10000)
    drawn = await move(merchant, card, metadata={"k": 1}, originated_by="till")
    expected = {
        "ref_id": "r",
        "card_id": card["card_id"],
        "type": "drawdown",
        "pending": False,
        "amount": 3000,
        "currency": "NOK",
        "metadata": {"k": 1},
        "originated_by": "till",
    }
    assert {key: drawn[key] for key in expected} == expected
    assert await merchant.balance(card["card_id"]) == (7000, 0, 3000)
    funded = await move(merchant, card, ref_id="f", type="fund", amount=500)
    assert (funded["type"], funded["amount"]) == ("fund", 500)
    shown = await merchant.get(f"{WALLETS}/cards/{card['card_id']}")
    assert (shown["amount_funds"], shown["amount_available"], shown["status"]) == (
        10500,
        7500,
        "partially_used",
    )
    by_token = await move(
        merchant, card, card_id=None, token=card["number"], pin=card["pin"], ref_id="t", amount=7500
    )
    assert by_token["card_id"] == card["card_id"]
    shown = await merchant.get(f"{WALLETS}/cards/{card['card_id']}")
    assert (shown["amount_available"], shown["status"]) == (0, "used")
    for amount in (1, 0):
        answer = await move(merchant, card, 400, ref_id=f"empty{amount}", amount=amount)
        assert code(answer) == "INSUFFICIENT_FUNDS"
    wrong = await move(merchant, card, 404, card_id=None, token=card["number"], pin="x", ref_id="w")
    assert code(wrong) == "NOT_FOUND"
    await move(merchant, card, 400, card_id=None)
    other = await merchant.card(5)
    await move(merchant, card, 400, token=other["number"], ref_id="two")
    listed = await merchant.get(f"{WALLETS}/cards/{card['card_id']}/transactions")
    assert sorted((t["type"], t["amount"]) for t in listed["transactions"]) == [
        ("drawdown", 3000),
        ("drawdown", 7500),
        ("fund", 500),
        ("fund", 10000),
    ]
    await merchant.audit()


async def test_pages_of_movements(merchant: Merchant) -> None:
    card = await merchant.card(10000)
    for number in range(4):
        await move(merchant, card, ref_id=f"r{number}", amount=number + 1)
    path = f"{WALLETS}/cards/{card['card_id']}/transactions"
    seen: list[int] = []
    after = ""
    for _ in range(3):
        page = await merchant.get(f"{path}?limit=2{after}")
        seen += [t["amount"] for t in page["transactions"]]
        if "starting_after" not in page:
            break
        after = f"&starting_after={page['starting_after']}"
    assert seen == [4, 3, 2, 1, 10000]
    await merchant.get(f"{path}?starting_after=unknown", expect=400)
    other = await merchant.card(1)
    theirs = await merchant.get(f"{WALLETS}/cards/{other['card_id']}/transactions")
    foreign = theirs["transactions"][0]["id"]
    await merchant.get(f"{path}?starting_after={foreign}", expect=400)


async def test_a_pending_drawdown_is_captured_or_voided_once(merchant: Merchant) -> None:
    card = await merchant.card(10000)
    held = await move(merchant, card, pending=True)
    assert (held["pending"], await merchant.balance(card["card_id"])) == (True, (7000, 3000, 0))
    path = f"{MOVES}/{held['id']}"
    for amount in (0, 3001):
        await merchant.post(f"{path}/capture", {"ref_id": f"c{amount}", "amount": amount}, 400)
    taken = await merchant.post(f"{path}/capture", {"ref_id": "c", "amount": 1000})
    assert (taken["type"], taken["amount"], taken["parent_id"]) == (
        "pending_capture",
        1000,
        held["id"],
    )
    assert await merchant.balance(card["card_id"]) == (9000, 0, 1000)
    # The same request again gives the same result, and another one does not.
    assert await merchant.post(f"{path}/capture", {"ref_id": "c", "amount": 1000}) == taken
    for verb, body in (
        ("capture", {"ref_id": "c", "amount": 999}),
        ("capture", {"ref_id": "c"}),
        ("void", {"ref_id": "c"}),
        ("capture", {"ref_id": "again"}),
        ("void", {"ref_id": "v"}),
        ("capture", {"ref_id": "r"}),
    ):
        await merchant.post(f"{path}/{verb}", body, expect=409)
    assert await merchant.balance(card["card_id"]) == (9000, 0, 1000)

    second = await move(merchant, card, pending=True, ref_id="r2")
    path = f"{MOVES}/{second['id']}"
    gone = await merchant.post(f"{path}/void", {"ref_id": "v2"})
    assert (gone["type"], gone["amount"]) == ("voided", 3000)
    assert await merchant.post(f"{path}/void", {"ref_id": "v2"}) == gone
    await merchant.post(f"{path}/capture", {"ref_id": "c2"}, expect=409)
    assert await merchant.balance(card["card_id"]) == (9000, 0, 1000)
    await merchant.post(f"{MOVES}/unknown/void", {"ref_id": "x"}, expect=404)
    plain = await move(merchant, card, ref_id="plain", amount=1)
    await merchant.post(f"{MOVES}/{plain['id']}/void", {"ref_id": "x"}, expect=400)
    wrong: tuple[dict[str, object], ...] = (
        {},
        {"ref_id": ""},
        {"ref_id": None},
        {"ref_id": "x" * 201},
    )
    for void in wrong:
        await merchant.post(f"{path}/void", void, expect=400)
    await merchant.audit()


async def test_a_ref_id_is_one_movement_of_one_card(merchant: Merchant) -> None:
    card, other = await merchant.card(10000), await merchant.card(10000)
    first = await move(merchant, card)
    assert await move(merchant, card) == first
    for change in (
        {"amount": 3001},
        {"type": "fund"},
        {"pending": True},
        {"currency": "SEK"},
    ):
        answer = await move(merchant, card, 409, **change)
        assert code(answer) == "CONFLICT", change
    assert await merchant.balance(card["card_id"]) == (7000, 0, 3000)
    # It need not be unique among cards.
    assert (await move(merchant, other))["id"] != first["id"]
    # A repeat still returns what was done, even if the card can no longer pay.
    await move(merchant, card, ref_id="rest", amount=7000)
    assert await move(merchant, card) == first
    await merchant.audit()


async def test_one_hold_resolved_by_many_at_once(merchant: Merchant) -> None:
    card = await merchant.card(10000)
    held = await move(merchant, card, pending=True)
    path = f"{MOVES}/{held['id']}"

    async def resolve(number: int) -> int:
        verb = "capture" if number % 2 else "void"
        answer = await merchant.api.post(f"{path}/{verb}", json={"ref_id": f"x{number}"})
        return answer.status_code

    statuses = await asyncio.gather(*(resolve(i) for i in range(20)))
    assert sorted(statuses) == [200] + [409] * 19
    assert await merchant.balance(card["card_id"]) in ((7000, 0, 3000), (10000, 0, 0))
    await merchant.audit()


async def test_a_checkouts_hold_is_not_the_wallets_to_resolve(merchant: Merchant) -> None:
    card = await merchant.card(10000)
    session_id = await merchant.ready(3000, card)
    assert (await merchant.press_pay(session_id)).state == "paid"
    listed = await merchant.get(f"{WALLETS}/cards/{card['card_id']}/transactions")
    held = next(t for t in listed["transactions"] if t["pending"])
    for verb in ("capture", "void"):
        answer = await merchant.post(f"{MOVES}/{held['id']}/{verb}", {"ref_id": "x"}, expect=409)
        assert code(answer) == "CONFLICT"
    assert await merchant.balance(card["card_id"]) == (7000, 3000, 0)
    await merchant.audit()


async def test_cards_that_cannot_pay(merchant: Merchant) -> None:
    now = datetime.now(UTC)
    later = (now + timedelta(hours=1)).isoformat()
    expiring, coming = await merchant.card(expires_at=later), await merchant.card(active_from=later)
    assert code(await move(merchant, coming, 400)) == "CARD_REFUSED"
    assert code(await move(merchant, coming, 400, pending=True)) == "CARD_REFUSED"
    await move(merchant, coming, ref_id="f", type="fund")  # funding is allowed before
    await move(merchant, expiring)
    for change in ({"currency": "SEK"}, {"currency": "SEK", "type": "fund"}):
        assert code(await move(merchant, expiring, 400, ref_id="s", **change)) == "CARD_REFUSED"
    merchant.clock.ahead = timedelta(hours=2)
    token_age = merchant.ctx.settings.token_lifetime
    assert token_age > 7200
    await move(merchant, coming, ref_id="now")
    for kind in ("drawdown", "fund"):
        assert code(await move(merchant, expiring, 400, ref_id=kind, type=kind)) == "CARD_REFUSED"
    shown = await merchant.get(f"{WALLETS}/cards/{expiring['card_id']}")
    assert (shown["status"], shown["amount_available"]) == ("expired", 7000)
    wrong: tuple[dict[str, object], ...] = (
        {"type": "fund", "pending": True},
        {"amount": -1},
        {"amount": 1.5},
        {"pending": True, "amount": 0},
        {"type": "x"},
        {"ref_id": ""},
    )
    for bad in wrong:
        await move(merchant, coming, 400, **{"ref_id": "bad"} | bad)
    await move(merchant, {"card_id": "unknown"}, 404)
    await merchant.audit()
