"""Every state of the page, and how a payer reaches it.

Tests that check every state (accessibility, width) go through `STATES`. To add a state, add a line.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from playwright.sync_api import expect

from tests.support.callback_server import CallbackServer
from tests.support.demo import Demo, Merchant, Shop
from tests.support.klarna import PENDING
from tests.support.orders import RICH
from tests.support.payer import TIMES_OUT, Payer
from tests.support.waiting import until_on


@dataclass
class Scene:
    """What a test needs to make a state. `language` is the page's."""

    payer: Payer
    merchant: Merchant
    demo: Demo
    shop: Shop
    callbacks: CallbackServer
    language: str

    def open(self, session: dict[str, str]) -> Payer:
        self.payer.open(session, language=self.language)
        return self.payer

    def ready(self, amount: int = 40000, **more: Any) -> Payer:
        """Bring the payer to the gift card and the payment, with the details given."""
        return self.open(self.merchant.ready(amount, **more))

    def with_card(self, amount: int = 40000, **more: Any) -> Payer:
        return self.open(self.merchant.with_card(self.merchant.ready(amount, **more)))


Reach = Callable[[Scene], Any]


def _address(scene: Scene, session: dict[str, str]) -> str:
    return f"{session['url']}?language={scene.language}"


def _without_its_scripts(scene: Scene) -> Payer:
    payer = scene.payer
    payer.page.route("**/assets/*.js", lambda route: route.abort())
    payer.page.goto(_address(scene, scene.merchant.session(**RICH)))
    payer.stage("loading")
    return payer


def _script_failed(scene: Scene) -> None:
    """The test does not wait the usual seconds for the message."""
    slow = _without_its_scripts(scene)["#first-slow"]
    slow.evaluate("p => p.parentElement.getAnimations().forEach(a => a.finish())")
    expect(slow).to_be_visible()


def _errors(scene: Scene) -> None:
    payer = scene.open(scene.merchant.session(**RICH))
    payer["#billing-differs"].check()
    payer["#details-save"].click()
    expect(payer["#email-error"]).to_be_visible()


def _editing(scene: Scene) -> None:
    payer = scene.ready(**RICH)
    payer["#details-edit"].click()
    expect(payer["#email"]).to_be_visible()


def _nothing_delivered(scene: Scene) -> None:
    express = {"shipping_options": [], "shipping_address_callback_url": scene.callbacks.url}
    payer = scene.open(scene.merchant.session(express=express))
    payer.fill_details()
    payer["#details-save"].click()
    expect(payer["#details-problem"]).to_be_visible()


def _consent_missing(scene: Scene) -> None:
    payer = scene.ready(**RICH)
    payer["#pay-button"].click()
    expect(payer[".consent .error"]).to_be_visible()


def _card_refused(scene: Scene) -> None:
    payer = scene.ready()
    payer.type_card("1234 5678 1234 5678", "1234")
    expect(payer["#gift_card_number-error"]).to_be_visible()


def _card_incomplete(scene: Scene) -> None:
    payer = scene.ready()
    payer["#card-add"].click()
    expect(payer["#gift_card_pin-error"]).to_be_visible()


def _preset(scene: Scene) -> None:
    preset = {"dintero.wallets": [{"card_id": scene.merchant.card()["card_id"]}]}
    scene.ready(customer={"gift_cards": preset})


def _preset_held(scene: Scene) -> None:
    """Let a payment that was left open hold the card."""
    preset = {"dintero.wallets": [{"card_id": scene.merchant.card(10000)["card_id"]}]}
    payer = scene.ready(customer={"gift_cards": preset})
    payer.press_pay()
    payer = scene.ready(customer={"gift_cards": preset})
    expect(payer["#card-held"]).to_be_visible()


def _discounts(scene: Scene) -> Payer:
    order = {"amount": 30000, "vat_amount": 6000, "discount_codes": ["SPRING"]}
    scene.callbacks.answers({"order": order})
    codes = {"max_count": 2, "callback_url": scene.callbacks.url}
    payer = scene.ready(express={"shipping_options": [], "discount_codes": codes})
    payer["#discount-summary"].click()
    payer["#discount_code"].fill("spring")
    payer["#discount-apply"].click()
    expect(payer["#discount-codes li"]).to_have_count(1)
    return payer


def _discount_refused(scene: Scene) -> None:
    payer = _discounts(scene)
    payer["#discount_code"].fill("autumn")
    payer["#discount-apply"].click()
    expect(payer["#discount_code-error"]).to_be_visible()


def _locked(scene: Scene) -> None:
    session = scene.merchant.with_card(scene.merchant.ready(**RICH))
    scene.merchant.lock(session)
    expect(scene.open(session)["#locked"]).to_be_visible()


def _changed(scene: Scene) -> None:
    session = scene.merchant.ready()
    payer = scene.open(session)
    scene.merchant.change(session, 45000, without_lock=True)
    expect(payer["#changed"]).to_be_visible()


def _paying(scene: Scene) -> Payer:
    payer = scene.with_card()
    payer.press_pay()
    payer.page.go_back()
    payer.alive()
    payer.stage("paying")
    expect(payer["#wait-continue"]).to_be_visible()
    return payer


def _declined(scene: Scene) -> None:
    session = scene.merchant.ready()
    payer = scene.open(session)
    scene.demo.card_gateway_fault("create", "refuse", status=402)
    payer["#pay-button"].click()
    expect(payer["#notice"]).to_be_visible()


def _provider_down(scene: Scene) -> None:
    payer = scene.ready()
    scene.demo.card_gateway_fault("create", "refuse", status=400, code="parameter_invalid")
    payer["#pay-button"].click()
    expect(payer["#notice"]).to_be_visible()


def _came_back(scene: Scene) -> None:
    payer = _paying(scene)
    payer["#wait-change"].click()
    expect(payer["#notice"]).to_be_visible()


def _outcome_unknown(scene: Scene) -> None:
    scene.demo.card_gateway_settings(settle_seconds=60)
    payer = scene.with_card()
    payer.press_pay()
    payer.pay_with(TIMES_OUT)
    payer["#onward"].click()
    payer.alive()
    payer.stage("paying")
    payer["#wait-change"].click()
    expect(payer["#notice"]).to_be_visible()


def _ended(scene: Scene, stage: str, session: dict[str, str]) -> None:
    scene.open(session).stage(stage)


def _paid(scene: Scene) -> None:
    session = scene.merchant.with_card(scene.merchant.ready(5000))
    payer = scene.open(session)
    payer["#pay-button"].click()
    payer.at_shop()
    _ended(scene, "paid", session)


def _cancelled(scene: Scene) -> None:
    session = scene.merchant.ready()
    answer = scene.merchant.http.post(f"/v1/view/{session['id']}/session/abandon")
    assert answer.status_code == 302, answer.text
    _ended(scene, "cancelled", session)


def _expired(scene: Scene) -> None:
    soon = datetime.now(UTC) + timedelta(seconds=1)
    session = scene.merchant.session(expires_at=soon.isoformat())
    until_on(scene.payer.page, lambda: datetime.now(UTC) > soon, "the session expires")
    _ended(scene, "expired", session)


def _missing(scene: Scene) -> None:
    _ended(scene, "missing", {"url": f"{scene.demo.base_url}/v1/view/T12345678.nobody"})


def _offline(scene: Scene) -> None:
    payer = scene.ready()
    payer.page.context.set_offline(True)
    expect(payer["#offline"]).to_be_visible()


def _asking_to_cancel(scene: Scene) -> None:
    payer = scene.ready()
    payer["#cancel summary"].click()
    expect(payer["#cancel-yes"]).to_be_visible()


def _form_page(scene: Scene) -> None:
    """Send the form as a browser does before the script that handles it has loaded."""
    page = scene.payer.page
    page.goto(_address(scene, scene.merchant.session()))
    with page.expect_navigation():
        page.evaluate(
            """() => {
            const form = Object.assign(document.createElement("form"), { method: "post" });
            document.body.append(form);
            form.submit();
            }"""
        )
    expect(page.locator("main h1")).to_be_visible()


def _on_hold(scene: Scene) -> None:
    session = scene.merchant.ready()
    payer, page = scene.open(session), scene.payer.page
    payer.choose("klarna.klarna")
    page.click("#pay-button")
    page.fill("input[name=email]", PENDING)
    page.click("#continue")
    page.fill("#code", "123456")
    page.click("#approve")
    payer.at_shop()
    _ended(scene, "on_hold", session)


def _on_the_phone(scene: Scene) -> None:
    payer = scene.ready()
    payer.page.set_viewport_size({"width": 1280, "height": 900})
    payer["#phone-show"].click()
    expect(payer["#phone-scan"]).to_be_visible()


STATES: dict[str, Reach] = {
    "loading": _without_its_scripts,
    "a script failed to load": _script_failed,
    "open, details empty": lambda scene: scene.open(scene.merchant.session(**RICH)),
    "details with errors": _errors,
    "details being edited": _editing,
    "nothing delivered there": _nothing_delivered,
    "details done, shipping options, gift card form": lambda scene: scene.ready(**RICH),
    "consent missing": _consent_missing,
    "card refused": _card_refused,
    "card incomplete": _card_incomplete,
    "card added": lambda scene: scene.with_card(**RICH),
    "preset card": _preset,
    "preset card held elsewhere": _preset_held,
    "fully covered": lambda scene: scene.with_card(5000),
    "nothing to pay": lambda scene: scene.ready(0),
    "discount codes": _discounts,
    "discount refused": _discount_refused,
    "locked": _locked,
    "changed by the shop": _changed,
    "declined": _declined,
    "provider down": _provider_down,
    "cancelled at the provider": _came_back,
    "about to cancel": _asking_to_cancel,
    "waiting at the provider": _paying,
    "waiting, outcome unknown": _outcome_unknown,
    "on hold": _on_hold,
    "paid": _paid,
    "cancelled": _cancelled,
    "expired": _expired,
    "missing": _missing,
    "connection lost": _offline,
    "form page": _form_page,
    "going on on a phone": _on_the_phone,
}

WITHOUT_SCRIPT: dict[str, Callable[[Merchant], dict[str, str]]] = {
    "no JavaScript, open": lambda merchant: merchant.session(**RICH),
    "no JavaScript, covered": lambda merchant: merchant.with_card(merchant.ready(5000)),
}


def dumped(found: dict[str, Any]) -> str:
    """Return a name that is readable in a failed assertion."""
    return json.dumps(found, indent=1, ensure_ascii=False)
