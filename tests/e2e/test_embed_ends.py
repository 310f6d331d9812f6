"""An embedded session can end on hold, or declined and cancelled. Whoever ends it, the host hears
of it once."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from tests.support.demo import Demo, Merchant
from tests.support.host import HANDLERS, HostPage, HostServer, make_profile
from tests.support.payer import DECLINED, Payer
from tests.support.pop_out import BACKDROP, BUTTON, give_details, launch, opened, pay_by_bank_card

NewHost = Callable[..., HostPage]


@pytest.fixture
def session(merchant: Merchant, embeddable: str, host: HostServer) -> dict[str, str]:
    addresses = merchant.addresses() | {"return_url": f"{host.origin}/accept"}
    return merchant.session(profile_id=embeddable, url=addresses)


def happened(page: HostPage, handler: str) -> int:
    count: int = page.page.evaluate("n => events.filter(e => e.name === n).length", handler)
    return count


# --- on hold -------------------------------------------------------------------------------------


@pytest.fixture
def looked_into(demo: Demo, merchant: Merchant, host: HostServer) -> dict[str, str]:
    """Create a session in which Klarna is the only option."""
    seed = json.loads((demo.directory / "seed.json").read_text(encoding="utf-8"))
    server, _, port = demo.base_url.rpartition(":")
    klarna = {
        "base_url": f"{server}:{int(port) + 12}",
        "username": "PK_demo",
        "password": f"klarna_test_{seed['provider_secrets']['klarna']}",
    }
    offered = {"type": "payment_product_type", "enabled": True}
    configuration = {
        "dintero": {"type": "payment_type", "wallets": offered},
        "klarna": {"type": "payment_type", "klarna": offered},
    }
    profile = make_profile(
        demo,
        merchant,
        host.origin,
        configuration=configuration,
        connections={"klarna.klarna": klarna},
    )
    addresses = merchant.addresses() | {"return_url": f"{host.origin}/accept"}
    return merchant.session(profile_id=profile, url=addresses)


def pay_at_klarna(page: Page) -> None:
    """Pay as somebody whom Klarna reviews first."""
    page.click("#pay-button")
    page.fill("input[name=email]", "customer+pending@email.no")
    page.click("#continue")
    page.fill("#code", "123456")
    page.click("#approve")


def test_on_hold_is_told_to_the_frame_that_waits(
    new_host: NewHost,
    new_payer: Callable[..., Payer],
    looked_into: dict[str, str],
    merchant: Merchant,
) -> None:
    """The payer has finished in another tab."""
    page = new_host(looked_into)
    page.embed()
    card = merchant.card(10000)
    page.give_details()
    page.add_card(card)
    elsewhere = new_payer()
    elsewhere.open(looked_into)
    pay_at_klarna(elsewhere.page)
    elsewhere.page.wait_for_url("**/accept?*")
    held = page.event("onPayment", seconds=20)
    assert held["type"] == "SessionPaymentOnHold"
    assert held["merchant_reference"] == "order-1"
    assert merchant.transaction(held["transaction_id"])["status"] == "ON_HOLD"
    assert held["href"] == elsewhere.page.url
    expect(page.frame.locator("h1")).to_have_text("Betalingen kontrolleres")
    assert page.page.url.endswith("/host")
    assert happened(page, "onPayment") == 1
    assert merchant.balance(card) == (0, 10000)


@pytest.mark.parametrize("handlers", [HANDLERS, ()])
def test_on_hold_is_told_by_the_window(
    new_host: NewHost,
    looked_into: dict[str, str],
    merchant: Merchant,
    handlers: tuple[str, ...],
) -> None:
    page = new_host(looked_into)
    launch(page, handlers)
    window = opened(page)
    give_details(window)
    with window.expect_event("close", timeout=30000):
        pay_at_klarna(window)
    if not handlers:
        page.page.wait_for_url("**/accept?*transaction_id=*")
        assert "error" not in page.page.url
        return
    held = page.event("onPayment")
    assert held["type"] == "SessionPaymentOnHold"
    assert f"transaction_id={held['transaction_id']}" in held["href"]
    assert merchant.transaction(held["transaction_id"])["status"] == "ON_HOLD"
    expect(page.page.locator(BACKDROP)).to_have_count(0)
    expect(page.frame.locator("h1")).to_have_text("Betalingen kontrolleres", timeout=15000)
    expect(page.page.locator(BUTTON)).to_have_count(0)


# --- an error ------------------------------------------------------------------------------------


def decline(page: Page) -> None:
    """Decline at the provider's page and return to ours."""
    pay_by_bank_card(page, DECLINED)
    expect(page.locator("#back")).to_be_visible(timeout=15000)
    page.click("#back")
    expect(page.locator("#notice")).to_contain_text("Ingenting er trukket", timeout=20000)


@pytest.mark.parametrize("handlers", [HANDLERS, ()])
def test_given_up_after_a_decline_is_an_error(
    new_host: NewHost,
    session: dict[str, str],
    merchant: Merchant,
    host: HostServer,
    handlers: tuple[str, ...],
) -> None:
    """The provider's page takes the whole window. Back in the shop the frame reports what
    happened."""
    page = new_host(session)
    page.embed(handlers)
    page.give_details()
    card = merchant.card(10000)
    page.add_card(card)
    page.frame.locator("#pay-button").click()
    decline(page.page)
    page.page.goto(f"{host.origin}/host")
    page.embed(handlers)
    expect(page.frame.locator("#notice")).to_contain_text("Ingenting er trukket")
    page.frame.locator("#cancel summary").click()
    page.frame.locator("#cancel-yes").click()
    if not handlers:
        page.page.wait_for_url("**/accept?*error=failed*")
        return
    error = page.event("onPaymentError")
    assert (error["type"], error["error"]) == ("SessionPaymentError", "failed")
    assert error["href"].startswith(f"{host.origin}/accept?")
    assert error["href"].endswith("merchant_reference=order-1&error=failed")
    expect(page.frame.locator("h1")).to_have_text("Betalingen gikk ikke gjennom")
    assert page.page.url.endswith("/host")
    assert (happened(page, "onPaymentError"), happened(page, "onSessionCancel")) == (1, 0)
    assert merchant.balance(card) == (10000, 0)


def test_given_up_in_the_window_after_a_decline(new_host: NewHost, session: dict[str, str]) -> None:
    page = new_host(session)
    launch(page)
    window = opened(page)
    give_details(window)
    window.click("#pay-button")
    decline(window)
    window.locator("#cancel summary").click()
    with window.expect_event("close", timeout=20000):
        window.click("#cancel-yes")
    assert page.event("onPaymentError")["error"] == "failed"
    expect(page.page.locator(BACKDROP)).to_have_count(0)
    expect(page.frame.locator("h1")).to_have_text("Betalingen gikk ikke gjennom")
    assert happened(page, "onSessionCancel") == 0


def test_a_cancel_after_another_try_is_a_cancel(new_host: NewHost, session: dict[str, str]) -> None:
    """Only the payer's last action counts."""
    page = new_host(session)
    launch(page)
    window = opened(page)
    give_details(window)
    window.click("#pay-button")
    decline(window)
    window.click("#pay-button")
    expect(window.locator("input[name=number]")).to_be_visible(timeout=15000)
    window.go_back()
    window.locator("#wait-change").click(timeout=20000)
    window.locator("#cancel summary").click()
    with window.expect_event("close", timeout=20000):
        window.click("#cancel-yes")
    assert "error=cancelled" in page.event("onSessionCancel")["href"]
    assert happened(page, "onPaymentError") == 0
