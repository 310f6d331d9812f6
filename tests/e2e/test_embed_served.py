"""The tests check the headers of a framed page, the result page in the frame, and a frame without
storage."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Literal

import httpx
import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, expect

from tests.support.browser import ColorScheme
from tests.support.demo import Demo, Merchant
from tests.support.host import VERSION, HostPage, HostServer
from tests.support.payer import violations
from tests.support.waiting import until_on

NewHost = Callable[..., HostPage]


@pytest.fixture
def session(merchant: Merchant, embeddable: str) -> dict[str, str]:
    return merchant.session(profile_id=embeddable)


def result(demo: Demo, query: str, **headers: str) -> httpx.Response:
    return httpx.get(f"{demo.base_url}/embedResult/?{query}", headers=headers)


# --- the result page -----------------------------------------------------------------------------


def paid(merchant: Merchant, embeddable: str) -> dict[str, str]:
    card = merchant.card(50000)
    session = merchant.session(
        profile_id=embeddable,
        customer={"gift_cards": {"dintero.wallets": [{"card_id": card["card_id"]}]}},
    )
    address = {
        "first_name": "Kari",
        "last_name": "Nordmann",
        "address_line": "Karl Johans gate 1",
        "postal_code": "0154",
        "postal_place": "Oslo",
        "country": "NO",
        "email": "kari@example.no",
        "phone_number": "41234567",
    }
    view = f"/v1/view/{session['id']}/session/order/shipping_address"
    assert merchant.http.put(view, json=address).status_code == 200
    done = merchant.post(
        f"/v1/sessions/{session['id']}/pay", {"payment_product_type": "dintero.wallets"}
    )
    assert done["success"], done
    return session


def test_the_result_is_what_the_session_says(
    demo: Demo, merchant: Merchant, embeddable: str, host: HostServer
) -> None:
    session = paid(merchant, embeddable)
    # The SDK writes it without encoding.
    query = f"sid={session['id']}&merchant_reference=order 1/<b>&transaction_id=x&sdk={VERSION}"
    for error in ("", "&error=cancelled", "&error=failed"):
        answer = result(demo, f"{query}&language=no{error}")
        assert answer.status_code == 200
        assert "<h1>Betalingen er fullført</h1>" in answer.text
    assert "<b>" not in answer.text and "order 1" not in answer.text
    assert answer.headers["cache-control"] == "no-store"
    policy = answer.headers["content-security-policy"]
    assert f"frame-ancestors {host.origin}" in policy
    assert "default-src 'none'; script-src 'self'; style-src 'self'" in policy
    assert "unsafe" not in policy
    assert 'lang="nb"' in answer.text


@pytest.mark.parametrize(
    ("more", "heading"),
    [
        ("", "The payment is being checked"),
        ("&error=cancelled", "The payment was cancelled"),
        ("&error=authorization", "The payment did not go through"),
        ("&error=<script>", "The payment did not go through"),
    ],
)
def test_an_address_alone_says_never_that_it_is_paid(
    demo: Demo, session: dict[str, str], more: str, heading: str
) -> None:
    answer = result(
        demo, f"sid={session['id']}&transaction_id=1{more}", **{"accept-language": "en"}
    )
    assert (answer.status_code, f"<h1>{heading}</h1>" in answer.text) == (200, True)
    assert "<script>" not in answer.text


@pytest.mark.parametrize("sid", ["", "nobody", "../../etc", "a" * 300, "%00", "<b>"])
def test_no_session_no_result(demo: Demo, sid: str) -> None:
    answer = result(demo, f"sid={sid}&transaction_id=1", **{"accept-language": "en"})
    assert answer.status_code == 404
    assert "Payment not found" in answer.text and "<b>" not in answer.text


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_result_is_accessible_and_keeps_still_where_asked(
    browser: Browser, demo: Demo, merchant: Merchant, embeddable: str, scheme: ColorScheme
) -> None:
    session = paid(merchant, embeddable)
    motions: tuple[tuple[Literal["reduce", "no-preference"], bool], ...] = (
        ("reduce", False),
        ("no-preference", True),
    )
    for motion, moves in motions:
        context = browser.new_context(
            color_scheme=scheme,
            reduced_motion=motion,
        )
        page = context.new_page()
        page.goto(f"{demo.base_url}/embedResult/?sid={session['id']}")
        drawn = page.locator(".ended path").evaluate("e => getComputedStyle(e).animationName")
        assert (drawn != "none") is moves
        # The page has been drawn completely.
        page.locator(".ended path").evaluate(
            "e => Promise.all(e.getAnimations().map(animation => animation.finished))"
        )
        expect(page.locator(".ended path")).to_be_visible()
        assert violations(Axe().run(page)) == []
        context.close()


def test_the_result_sets_the_frames_height(new_host: NewHost, session: dict[str, str]) -> None:
    page = new_host(session)
    page.embed()
    high = page.height()
    page.frame.locator("#cancel summary").click()
    page.frame.locator("#cancel-yes").click()
    page.event("onSessionCancel")
    expect(page.frame.locator("h1")).to_have_text("Betalingen ble avbrutt")

    def fits() -> bool:
        content = page.frame.locator("html").evaluate("e => e.getBoundingClientRect().height")
        return abs(page.height() - content) <= 1 and page.height() < high

    until_on(page.page, fits, f"the frame becomes lower than {high} px")


# --- how a framed page is served -----------------------------------------------------------------


def test_the_script_is_for_frames_alone_and_may_be_kept(
    demo: Demo, session: dict[str, str]
) -> None:
    framed = httpx.get(session["url"], headers={"sec-fetch-dest": "iframe"})
    address = re.search(r'data-embed="(/embed\.js\?v=[0-9a-f]{12})"', framed.text)
    assert address is not None
    assert framed.headers["link"] == f"<{address[1]}>; rel=preload; as=script"
    assert "link" not in httpx.get(session["url"]).headers
    script = httpx.get(demo.base_url + address[1])
    assert script.status_code == 200
    assert script.headers["cache-control"] == "public, max-age=31536000, immutable"
    assert "set-cookie" not in framed.headers


def test_a_pop_outs_way_back_is_remembered_for_its_session_alone(
    demo: Demo, session: dict[str, str]
) -> None:
    query = "?ui=fullscreen&role=pop_out_payment&language=no"
    cookie = httpx.get(session["url"] + query).headers["set-cookie"]
    assert cookie.startswith("gavekort_pop_out=no;")
    for part in ("HttpOnly", "SameSite=lax", f"Path=/v1/sessions/{session['id']}/redirect"):
        assert part in cookie
    for odd in ("&language=x%0d%0aa:b", "&language=%22;x"):
        answer = httpx.get(session["url"] + "?role=pop_out_payment" + odd)
        assert answer.status_code == 200 and "a" not in answer.headers


@pytest.mark.parametrize("query", ["role=evil%22%3E", "hide_test_message=1", "loader=true"])
def test_what_the_address_does_not_mean_is_not_written(session: dict[str, str], query: str) -> None:
    text = httpx.get(f"{session['url']}?{query}").text
    head = text[: text.index("<head")]
    assert "data-" not in head and "evil" not in head


# --- no storage ----------------------------------------------------------------------------------


def test_a_frame_without_any_storage_works(
    new_host: NewHost, session: dict[str, str], merchant: Merchant, demo: Demo
) -> None:
    """Block all cookies, so that any access to the storage throws."""
    page = new_host(session)
    page.page.add_init_script(
        f"""if (location.origin === {demo.base_url!r}) for (const name of
          ["localStorage", "sessionStorage"]) Object.defineProperty(window, name, {{
            configurable: true,
            get() {{ throw new DOMException("denied", "SecurityError"); }},
          }});"""
    )
    page.page.reload()
    page.embed()
    page.event("onSession")
    assert page.page.context.cookies() == []
    page.give_details()
    page.add_card(merchant.card(50000))
    page.frame.locator("#pay-button").click()
    page.event("onPayment")


@pytest.mark.parametrize("referrer", [True, False])
def test_a_browser_that_names_no_ancestors(
    new_host: NewHost, session: dict[str, str], referrer: bool
) -> None:
    """Without storage the referrer tells the host's origin, also after the frame has loaded again.
    If the host's page sends no referrer, it is the only possible origin."""
    page = new_host(session)
    scripts = ["Object.defineProperty(DOMStringList.prototype, 'length', {get: () => 0})"]
    if not referrer:
        scripts.append("Object.defineProperty(document, 'referrer', {value: ''})")
    page.page.add_init_script(";".join(scripts))
    page.page.reload()
    page.embed()
    assert page.event("onSession")["session"]["id"] == session["id"]
    page.frame.locator("html").evaluate("location.reload()")
    page.event("onSession", 2)
