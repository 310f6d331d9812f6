"""A browser without scripts uses the provider's hosted page."""

from __future__ import annotations

import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest

from tests.support.card_gateway import (
    APPROVED,
    AUTHORIZATION_TIMES_OUT,
    CHALLENGE,
    DECLINED,
    CardGatewaySandbox,
)


@pytest.fixture
def merchant(card_gateway: CardGatewaySandbox, secret_key: str) -> Iterator[httpx.Client]:
    headers = {"Authorization": f"Bearer {secret_key}"}
    with httpx.Client(base_url=card_gateway.base_url, headers=headers) as client:
        yield client


def _session(merchant: httpx.Client, **more: str) -> dict[str, str]:
    form = {
        "mode": "payment",
        "success_url": "http://127.0.0.1:9/accept?a=1&cs={CHECKOUT_SESSION_ID}",
        "cancel_url": "http://127.0.0.1:9/cancel?a=1&b=2",
        "line_items[0][quantity]": "1",
        "line_items[0][price_data][currency]": "nok",
        "line_items[0][price_data][unit_amount]": "123400",
        "line_items[0][price_data][product_data][name]": "<b>Order</b> & more",
        "payment_intent_data[capture_method]": "manual",
    }
    response = merchant.post("/v1/checkout/sessions", data=form | more)
    assert response.status_code == 200, response.text
    session: dict[str, str] = response.json()
    return session


def test_page(merchant: httpx.Client) -> None:
    session = _session(merchant)
    response = merchant.get(session["url"])
    page = response.text
    assert response.status_code == 200
    assert '<html lang="en">' in page
    assert "NOK\N{NO-BREAK SPACE}1,234.00" in page
    assert "&lt;b&gt;Order&lt;/b&gt; &amp; more" in page
    assert 'href="http://127.0.0.1:9/cancel?a=1&amp;b=2"' in page
    for purpose in ("cc-number", "cc-exp", "cc-csc", "cc-name"):
        assert f'autocomplete="{purpose}"' in page
    assert "<script" not in page
    # The page loads nothing from elsewhere.
    assert set(re.findall(r'(?:src|<link[^>]* href)="([^"]+)"', page)) == {"data:,", "/c/page.css"}
    policy = response.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "frame-ancestors 'none'" in policy
    assert merchant.get(f"{merchant.base_url}/c/page.css").status_code == 200


@pytest.mark.parametrize(
    ("locale", "accepted", "language"),
    [("nb", "en", "nb"), ("en", "nb", "en"), ("auto", "nn-NO,en", "nb"), ("sv", "nb", "en")],
)
def test_language(merchant: httpx.Client, locale: str, accepted: str, language: str) -> None:
    session = _session(merchant, locale=locale)
    page = merchant.get(session["url"], headers={"Accept-Language": accepted}).text
    assert f'<html lang="{language}">' in page
    assert ("Betal 1\N{NO-BREAK SPACE}234,00\N{NO-BREAK SPACE}kr" in page) == (language == "nb")


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("number", "4000 0000 0000 0003", "Enter a valid card number."),
        ("number", "", "Enter a valid card number."),
        ("expiry", "13/30", "Enter the expiry date as MM / YY."),
        ("expiry", "01/20", "This date has passed."),
        ("cvc", "12", "Enter the security code"),
        ("name", "", "Enter the name on the card."),
    ],
)
def test_wrong_fields(
    merchant: httpx.Client, card_gateway: CardGatewaySandbox, field: str, value: str, message: str
) -> None:
    session = _session(merchant)
    response = card_gateway.pay(session["url"], **({"number": APPROVED} | {field: value}))
    assert response.status_code == 200
    assert message in response.text
    assert f'aria-describedby="card-{field}-error' in response.text
    assert APPROVED not in response.text.split('class="cards"')[0]
    read = merchant.get(f"/v1/checkout/sessions/{session['id']}").json()
    assert (read["status"], read["payment_intent"]) == ("open", None)


def test_a_chosen_test_card_fills_the_form(merchant: httpx.Client) -> None:
    session = _session(merchant)
    page = merchant.get(session["url"] + "?card=4100000000000076").text
    assert 'value="4100 0000 0000 0076"' in page
    assert "Test card filled in: Declined." in page
    # Only cards of the table come into the page from its address.
    assert "4111" not in merchant.get(session["url"] + "?card=4111111111111111").text


def test_declined_then_back(merchant: httpx.Client, card_gateway: CardGatewaySandbox) -> None:
    session = _session(merchant)
    response = card_gateway.pay(session["url"], DECLINED)
    assert response.status_code == 303
    page = merchant.get(session["url"]).text
    assert "Your card was declined. Nothing was charged." in page
    assert 'role="alert"' in page
    assert 'id="back"' in page
    unknown = card_gateway.pay(session["url"], "4111 1111 1111 1111")
    assert unknown.status_code == 303
    assert "This is not a test card." in merchant.get(session["url"]).text


def test_sent_twice_at_once(merchant: httpx.Client, card_gateway: CardGatewaySandbox) -> None:
    session = _session(merchant)
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: card_gateway.pay(session["url"]), range(8)))
    targets = {answer.headers["location"] for answer in answers}
    assert targets == {f"http://127.0.0.1:9/accept?a=1&cs={session['id']}"}
    kinds = [event["type"] for event in merchant.get("/v1/events?limit=100").json()["data"]]
    assert kinds.count("charge.succeeded") == 1
    assert kinds.count("checkout.session.completed") == 1


def test_challenge_page(merchant: httpx.Client, card_gateway: CardGatewaySandbox) -> None:
    session = _session(merchant)
    card_gateway.pay(session["url"], CHALLENGE)
    assert merchant.get(session["url"]).headers["location"] == f"/c/pay/{session['id']}/challenge"
    page = merchant.get(session["url"] + "/challenge").text
    assert 'value="complete"' in page
    assert 'value="fail"' in page
    # The previous page's form, sent again from another tab, also leads to the challenge.
    again = card_gateway.pay(session["url"], APPROVED)
    assert again.headers["location"].endswith("/challenge")
    first = card_gateway.answer_challenge(session["url"], "complete")
    second = card_gateway.answer_challenge(session["url"], "fail")
    assert first.headers["location"] == second.headers["location"]
    assert first.headers["location"].startswith("http://127.0.0.1:9/accept")


def test_waiting_and_done(merchant: httpx.Client, card_gateway: CardGatewaySandbox) -> None:
    session = _session(merchant)
    card_gateway.pay(session["url"], AUTHORIZATION_TIMES_OUT)
    page = merchant.get(session["url"] + "/waiting").text
    assert "No answer from the bank yet" in page
    # The payer continues when ready, because a timed redirect would fail WCAG 2.2.1.
    assert 'http-equiv="refresh"' not in page
    assert f"cs={session['id']}" in page
    intent = merchant.get(f"/v1/checkout/sessions/{session['id']}").json()["payment_intent"]
    card_gateway.admin(f"payment_intents/{intent}/settle", outcome="authorized")
    assert (
        merchant.get(session["url"] + "/waiting")
        .headers["location"]
        .startswith("http://127.0.0.1:9")
    )
    done = merchant.get(session["url"])
    assert (done.status_code, "You are all done here" in done.text) == (200, True)


def test_expired_and_unknown(merchant: httpx.Client, card_gateway: CardGatewaySandbox) -> None:
    session = _session(merchant)
    merchant.post(f"/v1/checkout/sessions/{session['id']}/expire")
    page = merchant.get(session["url"])
    assert "This page has expired" in page.text
    assert card_gateway.pay(session["url"]).headers["location"] == f"/c/pay/{session['id']}"
    for path in ("/c/pay/cs_none", "/c/pay/cs_none/challenge", "/c/pay/cs_none/waiting"):
        missing = merchant.get(f"{merchant.base_url}{path}")
        assert missing.status_code == 404
        assert "This page does not exist" in missing.text
