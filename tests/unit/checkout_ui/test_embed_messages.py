"""The tests check the Web SDK's messages: how each end of a session is reported, to whom, and which
messages we understand."""

from __future__ import annotations

import json
from dataclasses import dataclass, field, replace
from typing import Any, cast

import pytest

from backend.sessions.view import CheckoutView, PageState
from checkout_ui.embed import messages, result

SHOP = "https://shop.example"
BACK = f"{SHOP}/back?a=1&merchant_reference=order-7"


@dataclass(frozen=True)
class _View:
    """The few fields that are read of a CheckoutView."""

    state: Any = PageState.OPEN
    leave_url: str = BACK
    transaction_id: str | None = None
    allowed_frame_ancestors: tuple[str, ...] = field(default=())


def view(**fields: Any) -> CheckoutView:
    return cast(CheckoutView, replace(_View(), **fields))


def test_paid() -> None:
    href = f"{BACK}&transaction_id=T1.2"
    told = messages.final(view(state=PageState.PAID, leave_url=href, transaction_id="T1.2"))
    assert told == {
        "type": "SessionPaymentAuthorized",
        "transaction_id": "T1.2",
        "merchant_reference": "order-7",
        "href": href,
    }


def test_on_hold() -> None:
    state = PageState.ON_HOLD
    told = messages.final(view(state=state, transaction_id="T1.2"))
    assert told["type"] == "SessionPaymentOnHold"
    assert (told["transaction_id"], told["href"]) == ("T1.2", BACK)
    assert messages.has_ended(view(state=state))


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        ("", {"type": "SessionCancel"}),
        ("&error=cancelled", {"type": "SessionCancel"}),
        ("&error=authorization", {"type": "SessionPaymentError", "error": "authorization"}),
        ("&error=failed", {"type": "SessionPaymentError", "error": "failed"}),
    ],
)
def test_not_paid(error: str, expected: dict[str, str]) -> None:
    href = BACK + error
    told = messages.final(view(state=PageState.CANCELLED, leave_url=href))
    assert told == {**expected, "href": href}


def test_what_the_shops_own_address_says_by_the_same_name_is_not_ours() -> None:
    href = f"{SHOP}/back?error=x&merchant_reference=its-own&merchant_reference=order-7"
    told = messages.final(view(state=PageState.PAID, leave_url=href, transaction_id="T1.2"))
    assert told["merchant_reference"] == "order-7"
    href += "&error=cancelled"
    told = messages.final(view(state=PageState.CANCELLED, leave_url=href))
    assert told == {"type": "SessionCancel", "href": href}


def test_expired_is_not_found() -> None:
    assert messages.final(view(state=PageState.EXPIRED)) == {"type": "SessionNotFound"}
    assert not messages.has_ended(view(state=PageState.PAYING))


@pytest.mark.parametrize(
    ("asked", "allowed", "secure", "expected"),
    [
        (SHOP, (SHOP,), True, SHOP),
        (SHOP, ("https://other.example", SHOP), True, SHOP),
        ("https://evil.example", (SHOP,), True, ""),
        (f"{SHOP}.evil.example", (SHOP,), True, ""),
        ("http://shop.example", (SHOP,), True, ""),
        ("", (SHOP,), True, SHOP),
        ("", (SHOP, "https://other.example"), True, ""),
        ("", ("https://*.shop.example",), True, ""),
        ("https://no.shop.example", ("https://*.shop.example",), True, "https://no.shop.example"),
        ("http://no.shop.example", ("https://*.shop.example",), True, ""),
        ("https://evilshop.example", ("https://*.shop.example",), True, ""),
        ("", (), True, ""),
        (SHOP, (), True, SHOP),
        ("http://shop.example", (), True, ""),
        ("http://127.0.0.1:8080", (), False, "http://127.0.0.1:8080"),
        ("*", (), True, ""),
        ("null", (), False, ""),
        ("javascript:alert(1)", (), False, ""),
        ("https://shop.example/path", (), True, ""),
        ("https://user@shop.example", (), True, ""),
    ],
)
def test_the_one_origin(asked: str, allowed: tuple[str, ...], secure: bool, expected: str) -> None:
    known = view(allowed_frame_ancestors=allowed)
    assert messages.target(asked, known, secure=secure) == expected


@pytest.mark.parametrize(
    "sent",
    [
        None, 7, b"{}", {}, "", "x", "[]", "null", '{"kind": "pay"}', '{"kind": "hello"}',
        '{"kind": "hello", "page": "../../x"}', '{"kind": "hello", "page": ["a"]}',
        '{"kind": "validate"}', '{"kind": "validate", "form": {"seen": 7}}',
        '{"kind": "answer", "to": "pay", "success": true}',
        '{"kind": "answer", "to": "validate", "success": "maybe"}',
        json.dumps({"kind": "answer", "to": "validate", "success": True, "error": "x" * 1001}),
        json.dumps({"kind": "address", "form": {f"f{n}": "" for n in range(41)}}),
        json.dumps({"kind": "address", "form": {"email": "x" * 301}}),
        json.dumps({"kind": "changed", "more": "x" * messages.MAX_HEARD}),
    ],
)  # fmt: skip
def test_what_is_not_understood_is_nothing(sent: object) -> None:
    assert messages.read(sent) is None


def test_what_is_understood() -> None:
    hello = messages.read('{"kind": "hello", "page": "ab12cd", "origin": "https://shop.example"}')
    assert hello == messages.Hello(kind="hello", page="ab12cd", origin=SHOP)
    form = {"seen": "100", "consent.terms": "on"}
    asked = messages.read(json.dumps({"kind": "validate", "form": form}))
    assert asked == messages.Validate(kind="validate", form=form)
    told = messages.read('{"kind": "answer", "to": "address", "success": false, "error": " no "}')
    assert told == messages.Answer(kind="answer", to="address", success=False, error="no")


@pytest.mark.parametrize(
    ("state", "error", "expected"),
    [
        (PageState.PAID, "failed", "paid"),
        (PageState.CANCELLED, "", "cancelled"),
        (PageState.OPEN, "cancelled", "cancelled"),
        (PageState.OPEN, "failed", "error"),
        (PageState.EXPIRED, "", "error"),
        (PageState.PAYING, "", "on_hold"),
        (PageState.ON_HOLD, "", "on_hold"),
    ],
)
def test_what_the_result_page_shows(state: Any, error: str, expected: str) -> None:
    assert result.how_it_ended(view(state=state), error) == expected
    assert result.how_it_ended(None, error) == "missing"


def test_the_result_of_a_session_that_was_given_up_after_a_decline() -> None:
    gave_up = view(state=PageState.CANCELLED, leave_url=f"{BACK}&error=failed")
    assert result.how_it_ended(gave_up, "cancelled") == "error"
