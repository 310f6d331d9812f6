"""A card's whole life by API: `reference/dintero-api.md#4-wallets-gift-card-api`."""

from __future__ import annotations

import asyncio
import base64
import io
from datetime import timedelta
from typing import Any

import pytest
import zxingcpp
from PIL import Image

from backend.accounts.clients import create_client
from backend.clock import iso
from backend.errors import GavekortError, GiftCardRefused
from backend.payments.attempts import reopen
from backend.payments.pay import pay
from backend.sessions import payer
from tests.support.card_gateway import DECLINED, Acquirer
from tests.support.checkout import ACCOUNT, DETAILS, OPTION, Merchant, sign_in

CARDS = f"/v1/accounts/{ACCOUNT}/wallets/cards"
INFO = f"/v1/accounts/{ACCOUNT}/wallets/info"
MOVES = f"/v1/accounts/{ACCOUNT}/wallets/transactions"
DIGITS = {"length": 16, "numbers": True}
PIN = {"format": {"length": 4, "numbers": True}}


async def batch(merchant: Merchant, *card_ids: str, **more: Any) -> list[dict[str, Any]]:
    body = {
        "cards": [{"card_id": card_id, "type": "gift_card"} | more for card_id in card_ids],
        "options": {"pin": PIN, "card_token": {"format": DIGITS}},
    }
    cards: list[dict[str, Any]] = (await merchant.post(f"{CARDS}/batch", body))["cards"]
    return cards


async def move(merchant: Merchant, expect: int = 200, **body: Any) -> Any:
    whole = {"ref_id": "r", "amount": 100, "currency": "NOK"} | body
    return await merchant.post(MOVES, whole, expect)


def code(answer: Any) -> str:
    return str(answer["error"]["code"])


async def test_a_batch_is_inactive_until_each_card_is_activated(merchant: Merchant) -> None:
    one, two = await batch(merchant, "b1", "b2")
    assert (one["status"], one["amount"], one["amount_available"]) == ("inactive", 0, 0)
    assert "currency" not in one
    number, pin = one["card_token"]["token"]["value"], one["pin"]["pin"]["value"]
    assert (len(number), len(pin)) == (16, 4)
    assert number != two["card_token"]["token"]["value"]

    for body in ({"card_id": "b1"}, {"token": number, "pin": pin}):
        refused = await move(merchant, 400, ref_id=str(body), **body)
        assert (code(refused), refused["error"]["message"]) == (
            "CARD_REFUSED", "the card is not active",
        )  # fmt: skip
    fund = await move(merchant, 400, card_id="b1", type="fund")
    assert code(fund) == "CARD_REFUSED"

    body = {"amount": 25000, "currency": "SEK", "customer_id": "kari", "metadata": {"till": 3}}
    active = await merchant.post(f"{CARDS}/b1/activate", body)
    assert (active["status"], active["amount"], active["currency"]) == ("unused", 25000, "SEK")
    assert (active["amount_available"], active["amount_funds"]) == (25000, 25000)
    assert (active["customer_id"], active["metadata"]) == ("kari", {"till": 3})
    shown = await merchant.post(INFO, {"token": number, "pin": pin})
    assert (shown["card_id"], shown["amount_available"]) == ("b1", 25000)
    assert (await merchant.get(f"{CARDS}/b2"))["status"] == "inactive"
    await merchant.audit()


async def test_a_card_is_sold_once(merchant: Merchant) -> None:
    await batch(merchant, "till")
    path, body = f"{CARDS}/till/activate", {"amount": 5000, "currency": "NOK", "ref_id": "sale-1"}
    answers = await asyncio.gather(*(merchant.api.post(path, json=body) for _ in range(8)))
    assert [a.status_code for a in answers] == [200] * 8
    other = await merchant.post(path, body | {"ref_id": "sale-2"}, expect=409)
    assert code(other) == "ALREADY_ACTIVATED"
    without = {"amount": 5000, "currency": "NOK"}
    assert code(await merchant.post(path, without, expect=409)) == "ALREADY_ACTIVATED"
    assert code(await merchant.post(path, body | {"amount": 1}, expect=409)) == "CONFLICT"
    assert await merchant.balance("till") == (5000, 0, 0)
    await merchant.audit()


async def test_two_tills_at_once_sell_a_card_once(merchant: Merchant) -> None:
    await batch(merchant, "race")
    body = {"amount": 5000, "currency": "NOK"}
    path = f"{CARDS}/race/activate"
    answers = await asyncio.gather(*(merchant.api.post(path, json=body) for _ in range(6)))
    assert sorted(a.status_code for a in answers) == [200] + [409] * 5
    assert await merchant.balance("race") == (5000, 0, 0)
    await merchant.audit()


async def test_a_batch_is_all_or_nothing(merchant: Merchant) -> None:
    await merchant.card(card_id="taken")
    cards = [{"card_id": "new"}, {"card_id": "taken"}]
    answer = await merchant.post(f"{CARDS}/batch", {"cards": cards}, expect=409)
    assert "'taken'" in answer["error"]["message"]
    await merchant.get(f"{CARDS}/new", expect=404)
    twice = [{"card_id": "x"}, {"card_id": "x"}]
    await merchant.post(f"{CARDS}/batch", {"cards": twice}, expect=400)
    await merchant.post(f"{CARDS}/batch", {"cards": []}, expect=400)
    many = [{"card_id": str(n)} for n in range(101)]
    await merchant.post(f"{CARDS}/batch", {"cards": many}, expect=400)


async def test_a_card_made_for_one_currency_is_activated_in_no_other(merchant: Merchant) -> None:
    (made,) = await batch(merchant, "nok", currency="NOK")
    assert made["currency"] == "NOK"
    path = f"{CARDS}/nok/activate"
    await merchant.post(path, {"amount": 1, "currency": "SEK"}, expect=400)
    assert (await merchant.post(path, {"amount": 1, "currency": "NOK"}))["status"] == "unused"


async def test_the_list_pages_and_filters(merchant: Merchant) -> None:
    for n in range(5):
        await merchant.card(1000 * n, card_id=f"c{n}")
    seen, cursor = [], ""
    for _ in range(3):
        page = await merchant.get(f"{CARDS}?limit=2{cursor}")
        seen += [card["card_id"] for card in page["cards"]]
        cursor = f"&starting_after={page.get('starting_after')}"
    assert seen == ["c4", "c3", "c2", "c1", "c0"]
    assert "starting_after" not in page
    for query, found in (
        ("amount_available=2000", ["c2"]),
        ("amount_available.gte=3000", ["c4", "c3"]),
        ("amount_available.gte=1000&amount_available.lte=2000", ["c2", "c1"]),
    ):
        page = await merchant.get(f"{CARDS}?{query}")
        assert [card["card_id"] for card in page["cards"]] == found, query
    await merchant.api.delete(f"{CARDS}/c1")
    listed = await merchant.get(f"{CARDS}?limit=100")
    assert "c1" not in [card["card_id"] for card in listed["cards"]]
    listed = await merchant.get(f"{CARDS}?limit=100&include_deleted=true")
    assert {c["card_id"]: c["status"] for c in listed["cards"]}["c1"] == "deleted"
    for wrong in ("limit=0", "limit=101", "starting_after=nobody", "amount_available=x"):
        await merchant.get(f"{CARDS}?{wrong}", expect=400)


async def test_every_status(merchant: Merchant) -> None:
    card = await merchant.card(300, card_id="s", expires_at=_in(merchant, days=30))
    path = f"{CARDS}/s"

    async def status() -> str:
        return str((await merchant.get(path))["status"])

    assert await status() == "unused"
    await move(merchant, card_id="s", ref_id="a")
    assert await status() == "partially_used"
    held = await move(merchant, card_id="s", ref_id="b", amount=200, pending=True)
    assert await status() == "partially_used"
    await merchant.post(f"{MOVES}/{held['id']}/capture", {"ref_id": "c"})
    assert await status() == "used"
    merchant.clock.ahead = timedelta(days=31)
    merchant.api.headers["authorization"] = f"Bearer {await sign_in(merchant)}"
    assert await status() == "expired"
    assert code(await move(merchant, 400, card_id="s", ref_id="d")) == "CARD_REFUSED"
    assert (await merchant.api.delete(path)).json()["status"] == "deleted"
    await merchant.get(path, expect=404)
    await merchant.post(INFO, {"token": card["number"], "pin": card["pin"]}, expect=404)
    await merchant.audit()


def _in(merchant: Merchant, **time: int) -> str:
    return iso(merchant.clock.now() + timedelta(**time))


async def test_before_active_from_it_is_funded_and_not_drawn(merchant: Merchant) -> None:
    await merchant.card(100, card_id="later", active_from=_in(merchant, days=1))
    assert code(await move(merchant, 400, card_id="later")) == "CARD_REFUSED"
    await move(merchant, card_id="later", ref_id="f", type="fund")
    assert await merchant.balance("later") == (200, 0, 0)


async def test_a_card_with_money_held_is_not_deleted(
    merchant: Merchant, acquirer: Acquirer
) -> None:
    card = await merchant.card(10000)
    path = f"{CARDS}/{card['card_id']}"
    transaction_id = await merchant.paid(acquirer, 40000, card)
    refused = await merchant.api.delete(path)
    assert (refused.status_code, code(refused.json())) == (409, "CARD_IN_USE")
    await merchant.post(f"/v1/transactions/{transaction_id}/capture", {"amount": 40000})
    assert (await merchant.api.delete(path)).status_code == 200
    again = await merchant.api.delete(path)
    assert (again.status_code, again.json()["status"]) == (200, "deleted")
    # The money goes back into the card's books all the same: nothing is lost, it is only not used.
    await merchant.post(f"/v1/transactions/{transaction_id}/refund", {"amount": 40000})
    listed = await merchant.get(f"{CARDS}?include_deleted=true")
    assert [c["amount_available"] for c in listed["cards"]] == [10000]
    await merchant.audit()
    # Its `card_id` is not given out again.
    body = {"card_id": card["card_id"], "amount": 1, "currency": "NOK"}
    await merchant.post(CARDS, body, expect=409)


async def test_a_deleted_card_pays_nothing_in_an_open_checkout(merchant: Merchant) -> None:
    card = await merchant.card(10000)
    session_id = await merchant.ready(40000, card)
    await merchant.api.delete(f"{CARDS}/{card['card_id']}")
    with pytest.raises(GavekortError) as refused:
        await pay(merchant.ctx, session_id, OPTION, 30000, "nb")
    assert refused.value.code == "SPLIT_CHANGED"
    assert (await merchant.view(session_id)).to_pay == 40000


async def test_delete_and_pay_at_once(merchant: Merchant) -> None:
    """Whoever is first: never a deleted card with money held."""
    for _ in range(4):
        card = await merchant.card(10000)
        session_id = await merchant.ready(40000, card)
        gone, paid = await asyncio.gather(
            merchant.api.delete(f"{CARDS}/{card['card_id']}"),
            pay(merchant.ctx, session_id, OPTION, 30000, "nb"),
            return_exceptions=True,
        )
        assert not isinstance(gone, BaseException)
        if gone.status_code == 200:
            assert isinstance(paid, GavekortError) and paid.code == "SPLIT_CHANGED"
        else:
            assert (gone.status_code, getattr(paid, "state", paid)) == (409, "redirect")
    await merchant.audit()


async def test_a_new_pin_ends_the_old_one_and_its_tries(merchant: Merchant) -> None:
    card = await merchant.card(10000)
    wrong = {"token": card["number"], "pin": "wrong"}
    for _ in range(11):
        await merchant.post(INFO, wrong, expect=404)
    right = {"token": card["number"], "pin": card["pin"]}
    await merchant.post(INFO, right, expect=404)  # no try is left
    made = await merchant.post(f"{CARDS}/{card['card_id']}/rotate-pin", None)
    pin = made["pin"]["pin"]["value"]
    assert (made["card_id"], len(pin), pin.isdigit()) == (card["card_id"], 4, True)
    if pin != card["pin"]:
        await merchant.post(INFO, right, expect=404)
    assert (await merchant.post(INFO, right | {"pin": pin}))["amount_available"] == 10000
    longer = {"pin": {"format": {"length": 8, "characters": True}}}
    made = await merchant.post(f"{CARDS}/{card['card_id']}/rotate-pin", longer)
    assert (len(made["pin"]["pin"]["value"]), made["pin"]["format"]["length"]) == (8, 8)
    short = {"pin": {"format": {"length": 3}}}
    await merchant.post(f"{CARDS}/{card['card_id']}/rotate-pin", short, expect=400)


async def test_whoever_knew_the_old_pin_is_out_of_an_open_checkout(merchant: Merchant) -> None:
    card = await merchant.card(10000)
    session_id = await merchant.ready(40000, card)
    made = await merchant.post(f"{CARDS}/{card['card_id']}/rotate-pin", {})
    shown = await merchant.view(session_id)
    assert (shown.gift_card, shown.to_pay) == (None, 40000)
    with pytest.raises(GavekortError) as refused:
        await pay(merchant.ctx, session_id, OPTION, 30000, "nb")
    assert refused.value.code == "SPLIT_CHANGED"
    pin = made["pin"]["pin"]["value"]
    await payer.add_gift_card(merchant.ctx, session_id, card["number"], pin, "1.2.3.4")
    assert (await merchant.view(session_id)).to_pay == 30000


async def test_a_preset_card_needs_no_pin_old_or_new(merchant: Merchant) -> None:
    card = await merchant.card(10000)
    preset = {"gift_cards": {"dintero.wallets": [{"card_id": card["card_id"]}]}}
    session_id = await merchant.session(40000, customer=preset)
    await merchant.post(f"{CARDS}/{card['card_id']}/rotate-pin", {})
    assert (await merchant.view(session_id)).to_pay == 30000


# --- temporary tokens --------------------------------------------------------------------------


async def token(
    merchant: Merchant, card: dict[str, Any], expect: int = 200, **body: Any
) -> dict[str, Any]:
    whole = {"ref_id": "t1", "expires_in": 600} | body
    path = f"{CARDS}/{card['card_id']}/tokens"
    made: dict[str, Any] = await merchant.post(path, whole, expect)
    return made


async def test_a_token_stands_for_the_number_until_it_expires(merchant: Merchant) -> None:
    card = await merchant.card(10000)
    made = await token(merchant, card, metadata={"till": "1"})
    value = made["token"]["value"]
    assert value.startswith("DINCARD:")
    assert (made["ref_id"], made["expires_in"], made["metadata"]) == ("t1", 600, {"till": "1"})
    assert await token(merchant, card, metadata={"till": "1"}) == made
    assert code(await token(merchant, card, 409, expires_in=60)) == "CONFLICT"

    await merchant.post(INFO, {"token": value}, expect=404)  # it stands for no PIN
    shown = await merchant.post(INFO, {"token": value, "pin": card["pin"]})
    assert shown["card_id"] == card["card_id"]
    masks = [one["masked_code"] for one in shown["tokens"]]
    assert masks == ["*" * 12 + card["number"][-4:],
                     "DINCARD:********-****-****-****-********" + value[-4:]]  # fmt: skip
    assert [one.get("expires_at") for one in shown["tokens"]] == [None, made["expires_at"]]
    await move(merchant, token=value, pin=card["pin"])
    await move(merchant, token=value, pin=card["pin"], ref_id="again")

    merchant.clock.ahead = timedelta(seconds=601)
    await merchant.post(INFO, {"token": value, "pin": card["pin"]}, expect=404)
    # What it paid for before is answered again; nothing new.
    assert (await move(merchant, token=value, pin=card["pin"]))["ref_id"] == "r"
    refused = await move(merchant, 400, token=value, pin=card["pin"], ref_id="new")
    assert code(refused) == "TOKEN_REFUSED"
    tokens = (await merchant.get(f"{CARDS}/{card['card_id']}"))["tokens"]
    assert len(tokens) == 1
    assert await merchant.balance(card["card_id"]) == (9800, 0, 200)


async def test_a_single_use_token_pays_once_even_at_once(merchant: Merchant) -> None:
    card = await merchant.card(10000)
    made = await token(merchant, card, expires_after_transaction=True)
    body = {"amount": 100, "currency": "NOK", "token": made["token"]["value"], "pin": card["pin"]}
    answers = await asyncio.gather(
        *(merchant.api.post(MOVES, json=body | {"ref_id": str(n)}) for n in range(5))
    )
    assert sorted(a.status_code for a in answers) == [200, 400, 400, 400, 400]
    assert await merchant.balance(card["card_id"]) == (9900, 0, 100)
    # Looking it up still works.
    shown = await merchant.post(INFO, {"token": body["token"], "pin": card["pin"]})
    assert shown["amount_available"] == 9900
    await merchant.audit()


async def test_a_voided_drawdown_gives_the_token_back(merchant: Merchant) -> None:
    card = await merchant.card(10000)
    made = await token(merchant, card, expires_after_transaction=True)
    by = {"token": made["token"]["value"], "pin": card["pin"]}
    held = await move(merchant, ref_id="1", pending=True, **by)
    assert code(await move(merchant, 400, ref_id="2", **by)) == "TOKEN_REFUSED"
    await merchant.post(f"{MOVES}/{held['id']}/void", {"ref_id": "v"})
    await move(merchant, ref_id="3", **by)
    assert code(await move(merchant, 400, ref_id="4", **by)) == "TOKEN_REFUSED"


async def test_a_single_use_token_in_two_checkouts(merchant: Merchant, acquirer: Acquirer) -> None:
    card = await merchant.card(10000)
    made = await token(merchant, card, expires_after_transaction=True)
    by_token = card | {"number": made["token"]["value"]}
    first = await merchant.ready(40000, by_token)
    second = await merchant.ready(2000, by_token)
    # Pay is pressed in the first and declined: nothing came of it, the token is whole.
    result = await merchant.press_pay(first)
    assert (await merchant.view(second)).gift_card is None
    acquirer.pay(str(result.url), DECLINED)
    await reopen(merchant.ctx, first)
    assert (await merchant.view(second)).to_pay == 0
    assert (await merchant.press_pay(second)).state == "paid"
    shown = await merchant.view(first)
    assert (shown.gift_card, shown.to_pay) == (None, 40000)
    with pytest.raises(GiftCardRefused) as refused:
        await payer.add_gift_card(merchant.ctx, first, by_token["number"], card["pin"], "1.2.3.4")
    assert refused.value.reason == "expired"
    # The card itself has money, and its own number is good.
    await payer.add_gift_card(merchant.ctx, first, card["number"], card["pin"], "1.2.3.4")
    assert (await merchant.view(first)).to_pay == 32000
    await merchant.audit()


async def test_a_cards_own_number_can_be_for_one_transaction(merchant: Merchant) -> None:
    form = {"format": DIGITS, "expires_in": 600, "expires_after_transaction": True}
    card = await merchant.card(1000, card_token=form)
    by = {"token": card["number"], "pin": card["pin"]}
    await move(merchant, ref_id="1", **by)
    assert code(await move(merchant, 400, ref_id="2", **by)) == "TOKEN_REFUSED"
    await move(merchant, ref_id="2", card_id=card["card_id"])  # the merchant needs no number
    merchant.clock.ahead = timedelta(seconds=601)
    await merchant.post(INFO, by, expect=404)


@pytest.mark.parametrize(
    "body",
    [{"expires_in": 0}, {"expires_in": 10**12}, {"ref_id": ""}, {"format": {"length": 7}},
     {"format": {"length": 16, "prefix": "æ", "barcode": True}}],
)  # fmt: skip
async def test_tokens_that_are_not_made(merchant: Merchant, body: dict[str, Any]) -> None:
    card = await merchant.card(1000)
    await token(merchant, card, 400, **body)


# --- bar codes ---------------------------------------------------------------------------------


def read_barcode(uri: str) -> str:
    head = "data:image/png;base64,"
    assert uri.startswith(head)
    image = Image.open(io.BytesIO(base64.b64decode(uri[len(head) :])))
    (found,) = zxingcpp.read_barcodes(image)
    assert found.format == zxingcpp.BarcodeFormat.Code128
    return str(found.text)


async def test_bar_codes_are_read_back_by_a_scanner(merchant: Merchant) -> None:
    body = {
        "card_id": "bars", "amount": 1, "currency": "NOK",
        "pin": {"format": {"length": 6, "numbers": True, "barcode": True}},
        "card_token": {"format": {"length": 20, "characters": True, "prefix": "GK-",
                                  "barcode": True}},
    }  # fmt: skip
    made = await merchant.post(CARDS, body)
    for part in (made["card_token"]["token"], made["pin"]["pin"]):
        assert read_barcode(part["barcode_128"]) == part["value"]
    form = {"length": 36, "prefix": "DINCARD:", "numbers": True, "barcode": True}
    tokened = await token(merchant, {"card_id": "bars"}, format=form)
    assert read_barcode(tokened["token"]["barcode_128"]) == tokened["token"]["value"]
    # Shown when they are made, and never again.
    assert "barcode_128" not in str(await merchant.get(f"{CARDS}/bars?includes=pin&includes=x"))
    plain = await merchant.post(CARDS, {"card_id": "plain", "amount": 1, "currency": "NOK"})
    assert "barcode_128" not in plain["card_token"]["token"]


# --- a customer's own cards ---------------------------------------------------------------------


async def user_token(merchant: Merchant, customer_id: str | None, expect: int = 200) -> str:
    answer = await merchant.api.post(
        f"/v1/accounts/{ACCOUNT}/auth/token",
        auth=(merchant.client_id, merchant.client_secret),
        json={
            "grant_type": "account_user_token",
            "audience": f"https://api.dintero.com/v1/accounts/{ACCOUNT}",
            "customer_id": customer_id,
        },
    )
    assert answer.status_code == expect, answer.text
    return f"Bearer {answer.json().get('access_token')}"


async def test_a_customers_token_shows_that_customers_active_cards(merchant: Merchant) -> None:
    mine = await merchant.card(1000, card_id="mine", customer_id="kari", metadata={"note": "x"})
    await merchant.card(1000, card_id="theirs", customer_id="ola")
    old = await merchant.card(1000, card_id="old", customer_id="kari",
                              expires_at=_in(merchant, days=1))  # fmt: skip
    await batch(merchant, "unsold", customer_id="kari")
    await merchant.card(1000, card_id="gone", customer_id="kari")
    await merchant.api.delete(f"{CARDS}/gone")
    path = f"/v1/accounts/{ACCOUNT}/wallets/customers"
    whole = await merchant.get(f"{path}/kari/cards")
    assert [card["card_id"] for card in whole] == ["old", "mine"]
    assert whole[1]["metadata"] == {"note": "x"}

    merchant.api.headers["authorization"] = await user_token(merchant, "kari")
    seen = await merchant.get(f"{path}/kari/cards")
    assert [card["card_id"] for card in seen] == ["old", "mine"]
    assert "metadata" not in seen[1] and "created_by" not in seen[1]
    assert (await merchant.get(f"{path}/kari/cards/mine"))["amount_available"] == 1000
    last = await merchant.get(f"{path}/kari/cards?limit=1&starting_after={seen[0]['id']}")
    assert [card["card_id"] for card in last] == ["mine"]
    for other in ("theirs", "unsold", "gone", "nothing"):
        await merchant.get(f"{path}/kari/cards/{other}", expect=404)
    for closed in (f"{path}/ola/cards", f"{path}/ola/cards/theirs", CARDS, f"{CARDS}/mine",
                   "/v1/transactions/x", "/v1/admin/signature"):  # fmt: skip
        await merchant.get(closed, expect=403)
    await move(merchant, 403, card_id="mine")
    await merchant.post(f"{CARDS}/mine/tokens", {"ref_id": "x", "expires_in": 1}, expect=403)
    # Looking a card up takes its PIN.
    await merchant.post(INFO, {"token": mine["number"]}, expect=404)
    by_pin = {"token": mine["number"], "pin": mine["pin"]}
    assert (await merchant.post(INFO, by_pin))["card_id"] == "mine"
    merchant.clock.ahead = timedelta(hours=3)
    assert len(await merchant.get(f"{path}/kari/cards")) == 2
    merchant.clock.ahead = timedelta(days=2)
    merchant.api.headers["authorization"] = await user_token(merchant, "kari")
    assert [c["card_id"] for c in await merchant.get(f"{path}/kari/cards")] == ["mine"]
    assert old["card_id"] == "old"


async def test_a_client_that_may_not_issue_customers_tokens(merchant: Merchant) -> None:
    await user_token(merchant, None, 400)
    few = await create_client(merchant.ctx, ACCOUNT, frozenset({"write:wallets", "user:wallets"}))
    merchant.client_id, merchant.client_secret = few.client_id, few.client_secret
    await user_token(merchant, "kari", 403)
    # `user:wallets` of a client that stands for no customer opens nothing.
    merchant.api.headers["authorization"] = f"Bearer {await sign_in(merchant)}"
    await merchant.get(f"/v1/accounts/{ACCOUNT}/wallets/customers/kari/cards", expect=403)


async def test_a_customers_wrong_tries_lock_nobody_else_out(merchant: Merchant) -> None:
    cards = [await merchant.card(1000) for _ in range(12)]
    merchants = merchant.api.headers["authorization"]
    merchant.api.headers["authorization"] = await user_token(merchant, "eve")
    for card in cards[:11]:
        await merchant.post(INFO, {"token": card["number"], "pin": "wrong"}, expect=404)
    right = {"token": cards[11]["number"], "pin": cards[11]["pin"]}
    await merchant.post(INFO, right, expect=404)
    merchant.api.headers["authorization"] = await user_token(merchant, "kari")
    await merchant.post(INFO, right)
    merchant.api.headers["authorization"] = merchants
    for card in cards[:11]:
        await merchant.post(INFO, {"token": card["number"], "pin": "wrong"}, expect=404)
    # A till with many mistaken customers goes on: each card guards itself.
    await merchant.post(INFO, right)


async def test_tokens_of_a_card_share_its_budget(merchant: Merchant) -> None:
    card = await merchant.card(1000)
    values = [(await token(merchant, card, ref_id=str(n)))["token"]["value"] for n in range(6)]
    for value in (*values, *values):
        await merchant.post(INFO, {"token": value, "pin": "wrong"}, expect=404)
    await merchant.post(INFO, {"token": values[0], "pin": card["pin"]}, expect=404)
    session_id = await merchant.session(40000)
    await payer.set_details(merchant.ctx, session_id, DETAILS)
    with pytest.raises(GiftCardRefused):
        await payer.add_gift_card(merchant.ctx, session_id, card["number"], card["pin"], "9.9.9.9")
