"""Lines that always sum to the amount, with one adjustment line whose VAT is the order's."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from backend.psp.klarna.requests import MAX_AMOUNT, described, order_lines
from backend.psp.order_lines import common_rate, tax_of, with_adjustment
from backend.psp.protocol import OrderLine
from backend.psp.swedbankpay.requests import described as at_swedbank_pay
from sandbox.klarna.order_lines import checked_lines

NAMES = ("", "Lampe", "é" * 300)
RATES = (0, 600, 1000, 1200, 1500, 2400, 2500, 10_000)
lines = st.lists(
    st.builds(
        OrderLine,
        name=st.sampled_from(NAMES),
        amount=st.integers(-MAX_AMOUNT, MAX_AMOUNT),
        quantity=st.integers(0, 999) | st.just(10**12),
        vat_rate=st.sampled_from(RATES),
        kind=st.sampled_from(("goods", "shipping", "discount")),
        reference=st.sampled_from(NAMES),
    ),
    max_size=6,
)
amounts = st.integers(1, MAX_AMOUNT)


def rates_of(found: list[OrderLine]) -> set[int]:
    return {line.vat_rate for line in found if line.amount > 0}


@given(lines, amounts)
def test_the_sum_is_always_exact(found: list[OrderLine], amount: int) -> None:
    made = with_adjustment(found, amount, "Justering")
    assert sum(line.amount for line in made) == amount
    assert made[: len(found)] == tuple(found)
    rest = amount - sum(line.amount for line in found)
    assert len(made) == len(found) + (rest != 0)
    if rest:
        assert (made[-1].name, made[-1].amount, made[-1].kind) == ("Justering", rest, "adjustment")


@given(lines, amounts)
def test_the_adjustments_vat_is_within_the_orders(found: list[OrderLine], amount: int) -> None:
    rates = rates_of(found)
    rate = common_rate(found)
    assert min(rates, default=0) <= rate <= max(rates, default=0)
    # The total VAT lies between the whole at the lowest rate and at the highest.
    goods = [line for line in found if line.amount > 0]
    bought = sum(line.amount for line in goods)
    vat = sum(tax_of(line.amount, line.vat_rate) for line in goods)
    minimum, maximum = min(rates, default=0), max(rates, default=0)
    made = with_adjustment(goods, amount, "x")
    whole = vat + (tax_of(made[-1].amount, rate) if amount != bought else 0)
    slack = len(made) + amount // 10_000 + bought // 10_000
    assert tax_of(amount, minimum) - slack <= whole <= tax_of(amount, maximum) + slack
    assert -slack <= whole <= amount + slack


@given(lines, amounts, st.integers(0, MAX_AMOUNT))
def test_klarna_takes_what_we_make(found: list[OrderLine], amount: int, card: int) -> None:
    """The lines pass Klarna's checks as the sandbox makes them: units, sums and the VAT of each
    line."""
    whole = with_adjustment(found, amount + card, "Justering") if found else ()
    if card and whole:
        whole = (*whole, OrderLine("Gavekort", -card, kind="tender"))
    made = order_lines(whole, amount, "Ordre 1")
    checked_lines({"order_amount": amount, "order_lines": made})
    types = {"adjustment": {"surcharge", "discount"}, "tender": {"gift_card"}}
    if len(made) == len(whole):
        for line, sent in zip(whole, made, strict=True):
            assert sent["type"] in types.get(line.kind, {sent["type"]})
            assert sent["total_amount"] == line.amount
    part: Any = described(whole, amount)
    if part:
        checked_lines({"order_amount": amount, **part})


@given(lines, amounts, st.integers(0, 1000))
def test_swedbank_pay_takes_what_we_make(found: list[OrderLine], amount: int, card: int) -> None:
    whole = with_adjustment(found, amount + card, "Justering")
    if card:
        whole = (*whole, OrderLine("Gavekort", -card, kind="tender"))
    made = at_swedbank_pay(whole, amount, "Ordre 1")
    sent = made["orderItems"]
    assert sum(line["amount"] for line in sent) == amount
    assert sum(line["vatAmount"] for line in sent) == made["vatAmount"]
    assert 0 <= made["vatAmount"] <= amount
    for line in sent:
        assert line["quantity"] * line["unitPrice"] == line["amount"]
        assert 1 <= line["quantity"] <= 1_000_000
        assert line["reference"] and line["name"] and line["class"]
    if card:
        assert [(line["name"], line["amount"]) for line in sent] == [("Ordre 1", amount)]


def test_an_adjustment_is_taxed_as_the_order_is() -> None:
    goods = [OrderLine("Lamp", 10000, vat_rate=2500), OrderLine("Book", 10000, vat_rate=0)]
    # 20.00 of VAT in 200.00 is a rate of 11.11 %.
    assert common_rate(goods) == 1111
    surcharge = with_adjustment(goods, 20500, "Fee")[-1]
    assert surcharge == OrderLine("Fee", 500, vat_rate=1111, kind="adjustment")
    assert order_lines((*goods, surcharge), 20500, "")[-1] == {
        "type": "surcharge",
        "name": "Fee",
        "quantity": 1,
        "unit_price": 500,
        "total_amount": 500,
        "total_discount_amount": 0,
        "tax_rate": 1111,
        "total_tax_amount": 50,
    }
    less = with_adjustment(goods, 18000, "Discount")[-1]
    sent = order_lines((*goods, less), 18000, "")[-1]
    assert (sent["type"], sent["total_amount"], sent["total_tax_amount"]) == (
        "discount",
        -2000,
        -200,
    )
    # A gift card is not a sale, and neither is a discount alone.
    tender = [OrderLine("Gavekort", -500, kind="tender"), OrderLine("x", -1, vat_rate=2500)]
    assert common_rate(tender) == 0
