"""A screen reader learns names, roles, landmarks, errors, changes and where the focus goes."""

from __future__ import annotations

import itertools
from typing import Any

import pytest
from playwright.sync_api import expect

from tests.e2e.conftest import NewScene
from tests.support.demo import Merchant, Shop
from tests.support.orders import RICH
from tests.support.payer import Payer
from tests.support.states import STATES

# The script lists the shown elements with their names and descriptions.
_HEADINGS = """[...document.querySelectorAll("h1, h2, h3, h4")]
  .filter((heading) => heading.checkVisibility()).map((heading) => Number(heading.tagName[1]))"""
_DESCRIBED = """id => (document.getElementById(id).getAttribute("aria-describedby") || "")
  .split(" ").filter(Boolean)
  .map((other) => document.getElementById(other)?.textContent).join(" ")"""


def described(payer: Payer, element_id: str) -> str:
    found: str = payer.page.evaluate(_DESCRIBED, element_id)
    return found


def tree(payer: Payer) -> dict[str, Any]:
    """Return role and name of every node in the browser's own accessibility tree that is not
    ignored."""
    session = payer.page.context.new_cdp_session(payer.page)
    nodes = session.send("Accessibility.getFullAXTree")["nodes"]
    session.detach()
    return {
        node["nodeId"]: (
            node["role"]["value"],
            node.get("name", {}).get("value", ""),
            node.get("description", {}).get("value", ""),
        )
        for node in nodes
        if not node["ignored"]
    }


def test_roles_and_names(payer: Payer, merchant: Merchant) -> None:
    payer.open(merchant.with_card(merchant.ready(**RICH)), language="en")
    payer["#details-edit"].click()
    expect(payer["#email"]).to_be_visible()
    page = payer.page
    for role, name in (
        ("textbox", "Email"),
        ("textbox", "Mobile number"),
        ("group", "Delivery address"),
        ("combobox", "Country"),
        ("checkbox", "The billing address is different"),
        ("group", "Delivery"),
        ("region", "Gift card"),
        ("button", "Remove the gift card"),
        ("group", "Choose how to pay"),
        ("checkbox", "Jeg godtar kjøpsvilkårene"),
        ("region", "Payment"),
        ("banner", None),
        ("main", None),
        ("contentinfo", None),
        ("complementary", "Your order"),
        ("combobox", "Language"),
    ):
        found = page.get_by_role(role, name=name, exact=True) if name else page.get_by_role(role)  # type: ignore[arg-type]
        expect(found).to_have_count(1)
    known = list(tree(payer).values())
    unnamed = [
        role
        for role, name, _ in known
        if role in ("button", "link", "textbox", "checkbox", "radio", "combobox") and not name
    ]
    assert unnamed == [], "all that can be used has a name"
    assert ("StaticText", "Gift card ending in", "") not in known
    assert any("ending in" in name for _, name, _ in known)
    assert not any("••••" in name for role, name, _ in known if role == "StaticText")


@pytest.mark.parametrize(
    "state",
    ["open, details empty", "card added", "waiting at the provider", "paid", "missing"],
)
def test_landmarks_and_headings(payer: Payer, new_scene: NewScene, state: str) -> None:
    STATES[state](new_scene(payer, "en"))
    levels = payer.page.evaluate(_HEADINGS)
    assert levels[0] == 1 and levels.count(1) == 1
    assert all(after - before <= 1 for before, after in itertools.pairwise(levels))
    expect(payer.page.get_by_role("main")).to_have_count(1)
    expect(payer.page.get_by_role("banner")).to_have_count(1)


def test_each_error_is_tied_to_its_field(payer: Payer, merchant: Merchant) -> None:
    payer.open(merchant.session(), language="en")
    payer["#details-save"].click()
    payer.focused("email")
    for name, message in {
        "email": "Enter your email address.",
        "phone_number": "Enter your mobile number.",
        "shipping_address-first_name": "Enter the first name.",
        "shipping_address-postal_code": "Enter the postal code.",
    }.items():
        assert described(payer, name) == message
        expect(payer[f"#{name}"]).to_have_attribute("aria-invalid", "true")
        expect(payer[f"#{name}"]).to_have_attribute("aria-required", "true")
    payer.fill_details()
    payer["#details-save"].click()
    payer["#card-add"].click()
    payer.focused("gift_card_number")
    assert described(payer, "gift_card_number") == "Enter the gift card number."
    assert described(payer, "gift_card_pin") == "Enter the PIN."
    # The browser's own tree says the same.
    assert ("textbox", "PIN", "Enter the PIN.") in tree(payer).values()


def test_the_focus_after_each_step_and_what_is_said(
    payer: Payer, merchant: Merchant, shop: Shop
) -> None:
    card = merchant.card()
    payer.open(merchant.session(), language="en")
    announcer = payer["#announcer"]
    expect(announcer).to_have_attribute("aria-live", "polite")
    payer.give_details()
    payer.focused("details-edit")
    payer.announced("Your details are saved.")
    payer["#details-edit"].click()
    payer.focused("email")
    payer["#details-form .quiet"].click()
    payer.focused("details-edit")
    payer.add_card(card)
    payer.focused("card-remove")
    payer.announced("The gift card is added and pays NOK 100.00. Remaining total: NOK 300.00.")
    payer["#card-remove"].click()
    payer.focused("gift_card_number")
    payer.announced("The gift card is removed. Remaining total: NOK 400.00.")
    payer.press_pay()
    payer.page.go_back()
    payer.alive()
    payer["#wait-change"].click()
    payer.focused("notice")
    expect(payer["#notice"]).to_contain_text("You cancelled on the payment page.")


def test_no_payer_types_anything_twice(payer: Payer, merchant: Merchant) -> None:
    """WCAG 3.3.7: known values are filled in, also the billing address' country."""
    payer.open(merchant.ready(**RICH))
    payer["#details-edit"].click()
    expect(payer["#email"]).to_have_value("kari@example.no")
    expect(payer["#shipping_address-postal_code"]).to_have_value("0154")
    payer["#billing-differs"].check()
    expect(payer["#billing_address-country"]).to_have_value("NO")


def test_every_field_about_the_payer_says_what_it_is_for(payer: Payer, merchant: Merchant) -> None:
    """WCAG 1.3.5: a browser does not know its user's gift card number."""
    payer.open(merchant.session(**RICH))
    payer["#billing-differs"].check()
    tokens: dict[str, str] = payer.page.evaluate(
        """Object.fromEntries([...document.querySelectorAll(
        '#details-form input:not([type=checkbox]), #details-form select')]
        .map((field) => [field.name, field.autocomplete]))"""
    )
    parts = {
        "first_name": "given-name",
        "last_name": "family-name",
        "address_line": "address-line1",
        "postal_code": "postal-code",
        "postal_place": "address-level2",
        "country": "country",
    }
    wanted = {"email": "email", "phone_number": "tel"}
    for kind in ("shipping", "billing"):
        wanted |= {f"{kind}_address.{name}": f"{kind} {token}" for name, token in parts.items()}
    assert tokens == wanted
