"""Express sessions of every kind, paid in a browser: each value of each factor meets each value of
each other one. `tests/api/test_embedded_express.py` has all combinations, without a browser."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import FrameLocator, Page, expect

from tests.support.demo import Merchant
from tests.support.express_matrix import (
    ADDRESS,
    ADDRESSES,
    CHOSEN,
    EMAIL,
    MODES,
    OPTIONS,
    PHONE,
    TYPES,
    Cell,
)
from tests.support.host import HostPage
from tests.support.payer import Payer, written

NewHost = Callable[..., HostPage]
NewPayer = Callable[..., Payer]
Scope = Page | FrameLocator

WHERE = ("own page", "embedded")
ROWS = (
    (Cell("absent", "absent", "not in the list", "given", "b2c"), "own page"),
    (Cell("absent", "empty", "not in the list", "given", "b2b"), "embedded"),
    (Cell("absent", "one", "in the list", "not given", "b2b"), "own page"),
    (Cell("absent", "three", "absent", "given", "b2b"), "embedded"),
    (Cell("null", "absent", "absent", "not given", "b2b"), "own page"),
    (Cell("null", "empty", "not in the list", "given", "b2b"), "own page"),
    (Cell("null", "one", "in the list", "not given", "b2c"), "embedded"),
    (Cell("null", "three", "not in the list", "given", "b2c"), "own page"),
    (Cell("shipping_not_required", "absent", "not in the list", "not given", "b2c"), "embedded"),
    (Cell("shipping_not_required", "empty", "absent", "given", "b2b"), "own page"),
    (Cell("shipping_not_required", "one", "absent", "given", "b2c"), "own page"),
    (Cell("shipping_not_required", "three", "in the list", "given", "b2b"), "embedded"),
    (Cell("shipping_required", "absent", "absent", "given", "b2b"), "own page"),
    (Cell("shipping_required", "empty", "absent", "not given", "b2c"), "own page"),
    (Cell("shipping_required", "one", "not in the list", "given", "b2b"), "embedded"),
    (Cell("shipping_required", "three", "in the list", "not given", "b2c"), "embedded"),
)


def factors(cell: Cell, where: str) -> tuple[str, ...]:
    return (cell.mode, cell.options, cell.chosen, cell.address, cell.type, where)


def pairs(values: tuple[str, ...]) -> set[tuple[int, str, int, str]]:
    placed = tuple(enumerate(values))
    return {(*one, *other) for one, other in itertools.combinations(placed, 2)}


def test_every_value_meets_every_other() -> None:
    possible = (
        factors(Cell(*values), where)
        for *values, where in itertools.product(MODES, OPTIONS, CHOSEN, ADDRESSES, TYPES, WHERE)
        if Cell(*values).possible
    )
    wanted = set().union(*map(pairs, possible))
    assert set().union(*(pairs(factors(*row)) for row in ROWS)) == wanted


def give_details(scope: Scope, cell: Cell) -> None:
    """The form shows what the shop knows, and the payer types the rest."""
    known = cell.address == "given"
    expect(scope.locator("#email")).to_have_value(EMAIL if known else "")
    address = scope.locator("#shipping_address-address_line")
    expect(address).to_have_count(1 if cell.asks_address else 0)
    if not known:
        scope.locator("#email").fill(EMAIL)
        scope.locator("#phone_number").fill(PHONE)
    if cell.asks_address:
        expect(address).to_have_value(ADDRESS["address_line"] if known else "")
        for name in () if known else (*ADDRESS,):
            if name != "country":
                scope.locator(f"#shipping_address-{name}").fill(ADDRESS[name])
    scope.locator("#details-save").click()
    expect(scope.locator("#details-edit")).to_be_visible(timeout=20000)


def check_shown(scope: Scope, cell: Cell) -> None:
    expect(scope.locator("#total-to-pay")).to_contain_text(written(_kroner(cell.amount)))
    offered = 3 if cell.options == "three" and cell.chosen != "not in the list" else 0
    choices = scope.locator("input[name=shipping_option]")
    expect(choices).to_have_count(offered)
    if offered:
        assert cell.option is not None
        chosen = scope.locator("label.choice", has=scope.locator("input:checked"))
        expect(chosen.filter(has_text=cell.option["title"])).to_have_count(1)


def _kroner(amount: int) -> str:
    return f"{amount // 100},{amount % 100:02d}"


def add_card(scope: Scope, card: dict[str, str]) -> None:
    scope.locator("#gift_card_number").fill(card["number"])
    scope.locator("#gift_card_pin").fill(card["pin"])
    scope.locator("#card-add").click()
    expect(scope.locator("#card-in-use")).to_be_visible(timeout=15000)


@pytest.mark.parametrize(("cell", "where"), ROWS, ids=lambda value: str(value))
def test_paid_in_a_browser(
    new_host: NewHost,
    new_payer: NewPayer,
    merchant: Merchant,
    embeddable: str,
    cell: Cell,
    where: str,
) -> None:
    more: dict[str, Any] = cell.request()
    if where == "embedded":
        session = merchant.session(profile_id=embeddable, **more)
        page = new_host(session)
        page.embed()
        scope: Scope = page.frame
    else:
        session = merchant.session(**more)
        payer = new_payer()
        payer.open(session)
        scope = payer.page
    give_details(scope, cell)
    check_shown(scope, cell)
    add_card(scope, merchant.card(100000))
    scope.locator("#pay-button").click()
    if where == "embedded":
        paid = page.event("onPayment", seconds=20)
        transaction_id = paid["transaction_id"]
    else:
        payer.at_shop()
        transaction_id = payer.page.url.split("transaction_id=")[1].split("&")[0]
    cell.check_paid(merchant.transaction(transaction_id))


def test_what_keeps_details_from_being_saved_is_said(
    new_payer: NewPayer, merchant: Merchant
) -> None:
    session = merchant.session(express={"shipping_mode": "shipping_not_required"})
    payer = new_payer()
    payer.open(session)
    payer.page.fill("#email", EMAIL)
    payer.page.fill("#phone_number", "12345")
    payer.page.click("#details-save")
    expect(payer["#phone_number-error"]).to_contain_text("telefonnummer")
    payer.focused("phone_number")
    payer.page.fill("#phone_number", "+46 70-123 45 67")
    payer.page.click("#details-save")
    expect(payer["#details-edit"]).to_be_visible()
    expect(payer["#details .folded"]).to_contain_text("+46701234567")


def test_a_country_that_cannot_be_chosen_is_not_kept(
    new_payer: NewPayer, merchant: Merchant
) -> None:
    """The shop knows an address abroad and delivers in one country only. The form has no country
    field that could show an error."""
    order = Cell("absent", "absent", "absent", "given", "b2c").request()["order"]
    order["shipping_address"] |= {"country": "SE", "phone_number": "+4741234567"}
    session = merchant.session(
        order=order, express={}, configuration={"countries": {"allow_countries": ["NO"]}}
    )
    payer = new_payer()
    payer.open(session)
    payer.page.click("#details-save")
    expect(payer["#details-edit"]).to_be_visible()
    kept = merchant.get(f"/v1/sessions/{session['id']}")["order"]["shipping_address"]
    assert kept["country"] == "NO"
