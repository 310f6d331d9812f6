"""The `amount` of a capture or refund is binding, and its `items` only describe it. Whatever they
say, we store and show them, and they prevent no payment."""

from __future__ import annotations

from typing import Any

import pytest

from backend.accounts.profiles import save_profile
from tests.support.card_gateway import CardGatewaySandbox
from tests.support.checkout import OPTION, Merchant, profile, session_body

LAMP = {"line_id": "1", "id": "lamp", "amount": 30000, "vat": 25, "description": "Lamp"}
BOOK = {"line_id": "2", "id": "book", "amount": 5000, "vat": 15, "description": "Book"}
SHIPPING = {
    "id": "home", "line_id": "ship", "amount": 5000, "operator": "Posten", "title": "Home",
    "vat": 25,
}  # fmt: skip
SHIPPED = {"line_id": "ship", "amount": 5000}


class Paid:
    """A payment of 400.00: a lamp, a book and shipping; the first 100.00 are a gift card's."""

    def __init__(self, merchant: Merchant, transaction_id: str, card: dict[str, Any]) -> None:
        self.merchant, self.card = merchant, card
        self.path = f"/v1/transactions/{transaction_id}"

    async def post(self, verb: str, amount: int, items: Any, expect: int = 200) -> Any:
        body = {"amount": amount, "items": items}
        return await self.merchant.post(f"{self.path}/{verb}", body, expect)

    async def balance(self) -> tuple[int, int, int]:
        return await self.merchant.balance(self.card["card_id"])


async def pay(merchant: Merchant, card_gateway: CardGatewaySandbox) -> Paid:
    order = session_body(40000)["order"] | {"items": [LAMP, BOOK], "shipping_option": SHIPPING}
    card = await merchant.card(10000)
    return Paid(merchant, await merchant.paid(card_gateway, 40000, card, order=order), card)


@pytest.fixture
async def paid(merchant: Merchant, card_gateway: CardGatewaySandbox) -> Paid:
    return await pay(merchant, card_gateway)


def taken(*lines: tuple[Any, Any]) -> list[dict[str, Any]]:
    return [{"line_id": line, "amount": amount} for line, amount in lines]


ODD: list[tuple[str, Any, list[str]]] = [
    ("rounding", taken(("1", 30000), ("2", 5000), ("ship", 4999)), ["items_sum"]),
    ("a lower price", taken(("1", 29000), ("2", 5000), ("ship", 5000)), ["items_sum"]),
    ("one øre more than ordered", taken(("1", 30001), ("2", 5000), ("ship", 4999)),
     ["more_than_left"]),
    ("a fee that was not ordered",
     taken(("1", 30000), ("2", 5000), ("ship", 4990), ("rounding-fee", 10)), ["unknown_line"]),
    ("a discount given later",
     taken(("1", 30000), ("2", 5000), ("ship", 5500), ("rabatt", -500)),
     ["more_than_left", "unknown_line"]),
    ("all the rest in one line", taken(("1", 30000), ("shipping", 10000)), ["unknown_line"]),
    ("other names for all lines", taken(("a", 30000), ("b", 5000), ("c", 5000)),
     ["unknown_line", "unknown_line", "unknown_line"]),
    ("a line below zero", taken(("1", 45000), ("2", -5000)), ["more_than_left", "more_than_left"]),
    ("one line twice", taken(("1", 20000), ("1", 20000)), ["more_than_left"]),
    ("more than the amount", taken(("1", 30000), ("2", 15000)), ["more_than_left", "items_sum"]),
    ("nothing of any line", taken(("1", 0)), ["items_sum"]),
    ("numbers for names", [{"line_id": 1, "amount": 30000.0}, {"line_id": 2, "amount": 10000}],
     ["more_than_left"]),
    ("amounts as text", taken(("1", "30000"), ("2", "5000.0"), ("ship", " 5000 ")), []),
    ("amounts with a fraction", taken(("1", 29999.5), ("2", 5000.49), ("ship", 5000)),
     ["amount_rounded", "amount_rounded"]),
    ("float noise", taken(("1", 29999.999999999996), ("2", 5000), ("ship", 5000)), []),
    ("no line", [{"amount": 40000}], ["line_id_missing"]),
    ("an empty name", [{"line_id": "", "amount": 40000}], ["line_id_missing"]),
    ("no amount", [{"line_id": "1"}], ["amount_missing", "items_sum"]),
    ("null as amount", taken(("1", None)), ["amount_missing", "items_sum"]),
    ("an amount that is none", taken(("1", "free")), ["unreadable", "items_sum"]),
    ("a quantity that is none", [LAMP | {"quantity": "two"}, BOOK, SHIPPED], ["unreadable"]),
    ("an amount of another world", taken(("1", 10**15)), ["unreadable", "items_sum"]),
    ("text for items", ["Lamp", 7, None],
     ["item_unreadable", "item_unreadable", "item_unreadable", "items_sum"]),
    ("text for a list", "all", ["items_unreadable"]),
    ("a list written as an object", {"0": LAMP, "2": BOOK, "7": SHIPPED}, []),
    ("one item without its list", LAMP | {"amount": 30000}, ["items_sum"]),
    ("null", None, []),
    ("nothing", [], []),
    ("an empty object", {}, []),
    ("an empty text", "", []),
]  # fmt: skip


async def test_items_never_forbid_a_capture_or_a_refund(
    merchant: Merchant, card_gateway: CardGatewaySandbox
) -> None:
    for name, items, codes in ODD:
        paid = await pay(merchant, card_gateway)
        captured = await paid.post("capture", 40000, items)
        assert captured["status"] == "CAPTURED", name
        assert [one["code"] for one in captured.get("warnings", [])] == codes, name
        assert ("warnings" in captured) is bool(codes), name
        event = captured["events"][-1]
        assert (event["event"], event["success"], event["amount"]) == ("CAPTURE", True, 40000)
        assert event["gift_cards"][0]["amount"] == 10000, name
        assert await paid.balance() == (0, 0, 10000), name
        refunded = await paid.post("refund", 40000, items)
        assert refunded["status"] == "REFUNDED", name
        assert refunded["events"][-1]["items"] == event["items"], name
        assert await paid.balance() == (10000, 0, 0), name
        await paid.post("refund", 1, items, 400)
    await merchant.audit()


async def test_items_are_kept_and_shown(paid: Paid) -> None:
    items = [
        {"line_id": 1, "amount": "29990", "sku": "L-1", "color": None},
        {"line_id": "rounding-fee", "amount": 10, "description": "Avrunding", "vat": 0},
        {"id": "book", "amount": 4999.6, "quantity": "2", "nested": {"a": [1]}},
    ]
    done = await paid.post("capture", 35000, items)
    assert done["events"][-1]["items"] == [
        {"line_id": "1", "amount": 29990, "sku": "L-1"},
        {"line_id": "rounding-fee", "amount": 10, "description": "Avrunding", "vat": 0},
        {"id": "book", "amount": 5000, "quantity": 2, "nested": {"a": [1]}},
    ]
    # The VAT is 25 % of the lamp, nothing of the rounding, and 15 % of the line with the book's id.
    assert done["events"][-1]["calculated_vat_amount"] == 5998 + 652
    shown = await paid.merchant.get(paid.path)
    assert shown["events"][-1]["items"] == done["events"][-1]["items"]
    assert "warnings" not in shown


async def test_what_each_line_has_left_is_advice(paid: Paid) -> None:
    first = await paid.post("capture", 20000, taken(("1", 20000)))
    assert "warnings" not in first
    second = await paid.post("capture", 11000, taken(("1", 11000)))
    assert second["warnings"] == [
        {
            "code": "more_than_left",
            "field": "items.0.amount",
            "message": "10000 of line '1' is left to capture, not 11000",
        }
    ]
    third = await paid.post(
        "capture",
        9000,
        [{"line_id": "another", "id": "book", "amount": 4000}, {"line_id": "ship", "amount": 5000}],
    )
    # The line has another name and the same id, and enough of it is left.
    assert "warnings" not in third
    assert third["status"] == "CAPTURED"
    back = await paid.post("refund", 4001, taken(("2", 4001)))
    assert [one["code"] for one in back["warnings"]] == ["more_than_left"]
    await paid.merchant.audit()


@pytest.mark.parametrize("items", [None, [], taken(("1", 10)), taken(("?", 10))])
async def test_parts_with_and_without_items(paid: Paid, items: Any) -> None:
    """Whatever the parts say, their sum is the amount, and the gift card pays first."""
    assert (await paid.post("capture", 9999, items))["status"] == "PARTIALLY_CAPTURED"
    assert await paid.balance() == (0, 1, 9999)
    assert (await paid.post("capture", 2, taken(("1", 2))))["status"] == "PARTIALLY_CAPTURED"
    assert await paid.balance() == (0, 0, 10000)
    await paid.post("capture", 30000, items, 400)
    await paid.post("capture", 0, items, 400)
    assert (await paid.post("capture", 29999, None))["status"] == "CAPTURED"
    assert (await paid.post("refund", 10000, items))["status"] == "PARTIALLY_REFUNDED"
    assert await paid.balance() == (10000, 0, 0)
    await paid.post("refund", 30001, items, 400)
    assert (await paid.post("refund", 30000, items))["status"] == "REFUNDED"
    await paid.merchant.audit()


async def test_other_fields_say_nothing_too(paid: Paid) -> None:
    """Null, an empty text and an empty list count as not given. A number counts as a reference."""
    path = f"{paid.path}/capture"
    empty: dict[str, object] = {
        "metadata": [],
        "items": {},
        "final_capture": None,
        "capture_reference": "",
    }
    done = await paid.merchant.post(path, {"amount": 100} | empty)
    assert "event_reference" not in done["events"][-1]
    assert done["events"][-1]["metadata"] == {}
    done = await paid.merchant.post(path, {"amount": 100, "capture_reference": 4711})
    assert done["events"][-1]["event_reference"] == "4711"
    reason = "Kunden angret. " * 100
    body = {"amount": 200, "refund_reference": "r" * 300, "reason": reason, "refund_to": ""}
    done = await paid.merchant.post(f"{paid.path}/refund", body | {"metadata": None})
    event = done["events"][-1]
    assert (event["event_reference"], event["metadata"]) == ("r" * 300, {"reason": reason})
    await paid.merchant.audit()


@pytest.mark.parametrize("body", [{"items": []}, {"amount": None}, {"amount": 1.5}, {"amount": -1}])
async def test_the_amount_binds(paid: Paid, body: Any) -> None:
    for verb in ("capture", "refund"):
        answer = await paid.merchant.post(f"{paid.path}/{verb}", body, 400)
        assert answer["error"]["errors"][0]["field"] == "amount"
    assert (await paid.merchant.get(paid.path))["status"] == "AUTHORIZED"


async def test_the_strict_reading_by_header(paid: Paid) -> None:
    headers = paid.merchant.api.headers
    headers["Dintero-Feature-Toggles"] = "unknown-one, strict-items"
    for name, items, codes in ODD:
        if codes:
            answer = await paid.post("capture", 40000, items, 400)
            assert answer["error"]["code"] == "INVALID_REQUEST_PARAMETER", name
            assert answer["error"]["errors"][0]["code"] == codes[0], name
    shown = await paid.merchant.get(paid.path)
    assert (shown["status"], len(shown["events"])) == ("AUTHORIZED", 2)
    assert await paid.balance() == (0, 10000, 0)
    fitting = taken(("1", 30000), ("2", 5000), ("ship", 5000))
    for verb, status in (("capture", "CAPTURED"), ("refund", "REFUNDED")):
        assert (await paid.post(verb, 40000, fitting))["status"] == status
    await paid.merchant.audit()


@pytest.mark.parametrize(
    ("by_profile", "by_session", "strict"),
    [(None, None, False), (True, None, True), (True, False, False), (False, True, True)],
)
async def test_the_strict_reading_by_profile(
    merchant: Merchant,
    card_gateway: CardGatewaySandbox,
    by_profile: Any,
    by_session: Any,
    strict: bool,
) -> None:
    wanted = profile(card_gateway.base_url, f"sk_test_{by_profile}{by_session}".ljust(40, "x"))
    configuration = {} if by_profile is None else {"strict_items": by_profile}
    wanted = profile(
        card_gateway.base_url, wanted.connections[OPTION]["secret_key"], configuration=configuration
    )
    await save_profile(merchant.ctx, wanted)
    own = session_body()["configuration"]
    if by_session is not None:
        own = own | {"strict_items": by_session}
    path = f"/v1/transactions/{await merchant.paid(card_gateway, configuration=own)}"
    for verb in ("capture", "refund"):
        body = {"amount": 40000, "items": taken(("1", 39999))}
        answer = await merchant.post(f"{path}/{verb}", body, 400 if strict else 200)
        if strict:
            assert answer["error"]["errors"][0]["field"] == "items"
            await merchant.post(f"{path}/{verb}", {"amount": 40000, "items": taken(("1", 40000))})
    assert (await merchant.get(path))["status"] == "REFUNDED"
    await merchant.audit()


async def test_a_repeat_under_a_key_has_the_same_warnings(paid: Paid) -> None:
    body = {"amount": 40000, "items": taken(("x", 1))}
    key = {"Idempotency-Key": "one"}
    api = paid.merchant.api
    first = await api.post(f"{paid.path}/capture", json=body, headers=key)
    again = await api.post(f"{paid.path}/capture", json=body, headers=key)
    assert first.status_code == again.status_code == 200
    assert first.json() == again.json()
    codes = [one["code"] for one in again.json()["warnings"]]
    assert codes == ["unknown_line", "items_sum"]
    await paid.merchant.audit()


async def test_a_void_reads_no_items(paid: Paid) -> None:
    await paid.post("capture", 5000, taken(("?", 1)))
    done = await paid.merchant.post(f"{paid.path}/void", {"items": taken(("?", 1))})
    assert done["status"] == "CAPTURED"
    assert await paid.balance() == (5000, 0, 5000)
    await paid.merchant.audit()


@pytest.mark.parametrize("verb", ["capture", "refund"])
async def test_every_amount_of_an_item_is_an_integer(paid: Paid, verb: str) -> None:
    """Answers show as integers what a shop computes in floats or writes as text."""
    if verb == "refund":
        await paid.post("capture", 100, None)
    item = {
        "line_id": "1",
        "amount": 100,
        "gross_amount": 119.6,
        "discount_lines": [{"amount": "19.6", "percentage": 2.5, "line_id": 1}, "ten", None],
        "splits": [{"amount": 99.5, "payout_destination_id": "p"}, {"amount": "half"}],
    }
    answer = await paid.post(verb, 100, [item])
    kept = answer["events"][-1]["items"][0]
    assert kept["gross_amount"] == 120 and isinstance(kept["gross_amount"], int)
    assert kept["discount_lines"] == [{"amount": 20, "percentage": 2.5, "line_id": 1}, "ten"]
    assert kept["splits"] == [{"amount": 100, "payout_destination_id": "p"}, {}]
    told = [warning["field"] for warning in answer["warnings"]]
    assert {"items.0.gross_amount", "items.0.splits.1.amount"} <= {*told}
