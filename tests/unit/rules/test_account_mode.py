"""The rule says which addresses and keys belong to accounts for real money and for test money."""

from __future__ import annotations

import pytest

from backend.rules.account_mode import WrongMode, takes_real_money, wrong_mode

REAL, TESTS = "P12345678", "T12345678"
GATEWAY, KLARNA, BAMBORA = "dintero_psp.creditcard", "klarna.klarna", "bambora.creditcard"


@pytest.mark.parametrize(("option", "credentials", "field"), [
    (KLARNA, {"base_url": "https://api.playground.klarna.com"}, "base_url"),
    (KLARNA, {"base_url": "https://api-na.playground.klarna.com/"}, "base_url"),
    (KLARNA, {"base_url": "https://API.Playground.Klarna.com./x"}, "base_url"),
    ("payex.creditcard", {"base_url": "https://api.externalintegration.payex.com"}, "base_url"),
    ("vipps", {"base_url": "https://apitest.vipps.no"}, "base_url"),
    ("swish.swish", {"base_url": "https://mss.cpc.getswish.net/swish-cpcapi"}, "base_url"),
    ("swish.swish", {"base_url": "https://swish.example", "app_url": "http://localhost/app"},
     "app_url"),
    (GATEWAY, {"base_url": "https://api.stripe.com", "secret_key": "sk_test_1"}, "secret_key"),
    (GATEWAY, {"base_url": "https://proxy.example", "secret_key": "rk_test_1"}, "secret_key"),
    (BAMBORA, {"checkout_api_url": "https://api.v1.checkout.bambora.com",
               "merchant_number": "T123"}, "merchant_number"),
    (BAMBORA, {"merchant_number": "P123", "transaction_api_url": "https://127.0.0.1:99"},
     "transaction_api_url"),
    (GATEWAY, {"base_url": "http://127.0.0.1:9000"}, "base_url"),
    (GATEWAY, {"base_url": "http://localhost:9000"}, "base_url"),
    (GATEWAY, {"base_url": "https://[::1]:9000"}, "base_url"),
    (GATEWAY, {"base_url": "https://10.0.0.4"}, "base_url"),
    (GATEWAY, {"base_url": "https://provider.test"}, "base_url"),
    (GATEWAY, {"base_url": "https://provider.invalid"}, "base_url"),
    (GATEWAY, {"base_url": "https://provider.local"}, "base_url"),
    (GATEWAY, {"base_url": "https://provider.internal."}, "base_url"),
    ("swish.swish", {"base_url": "https://staging.getswish.pub.tds.tieto.com/x"}, "base_url"),
    ("any", {"access_token": "sk_test_1"}, "access_token"),
    ("any", {"access_token": "rk_test_1"}, "access_token"),
    (BAMBORA, {"merchant_number": "t123"}, "merchant_number"),
    ("bambora.vipps", {"merchant_number": "T"}, "merchant_number"),
    # The first fault is reported.
    (GATEWAY, {"secret_key": "sk_test_1", "base_url": "https://provider.test"}, "base_url"),
])  # fmt: skip
def test_an_account_for_real_money_refuses_test_money(
    option: str, credentials: dict[str, str], field: str
) -> None:
    wrong = wrong_mode(REAL, option, credentials)
    assert wrong is not None
    assert wrong.field == field
    assert wrong_mode(TESTS, option, credentials) is None


@pytest.mark.parametrize(("option", "credentials", "field"), [
    (KLARNA, {"base_url": "https://api.klarna.com"}, "base_url"),
    ("payex.swish", {"base_url": "https://api.payex.com/"}, "base_url"),
    ("vipps", {"base_url": "https://api.vipps.no"}, "base_url"),
    ("swish.swish", {"base_url": "https://cpc.getswish.net/swish-cpcapi"}, "base_url"),
    (GATEWAY, {"base_url": "https://api.stripe.com", "secret_key": "sk_live_1"}, "secret_key"),
    (GATEWAY, {"base_url": "https://api.stripe.com", "secret_key": "rk_live_1"}, "secret_key"),
    (KLARNA, {"base_url": "https://api-na.klarna.com"}, "base_url"),
    (KLARNA, {"base_url": "https://api-oc.klarna.com"}, "base_url"),
    (KLARNA, {"name": "x", "other_url": "", "base_url": "https://API.klarna.com."}, "base_url"),
])  # fmt: skip
def test_an_account_for_tests_refuses_real_money(
    option: str, credentials: dict[str, str], field: str
) -> None:
    wrong = wrong_mode(TESTS, option, credentials)
    assert wrong is not None
    assert wrong.field == field
    assert wrong_mode(REAL, option, credentials) is None


@pytest.mark.parametrize("host", ["playground.klarna.com.evil.example", "notplayground.example"])
def test_a_name_that_only_looks_like_a_test_host_is_none(host: str) -> None:
    assert wrong_mode(REAL, KLARNA, {"base_url": f"https://{host}"}) is None


@pytest.mark.parametrize(("option", "credentials"), [
    (KLARNA, {}),
    (KLARNA, {"base_url": "https://api.other.example"}),
    (KLARNA, {"base_url": "https://8.8.8.8"}),
    (KLARNA, {"base_url": ""}),
    (KLARNA, {"base_url": "https://["}),
    (KLARNA, {"base_url": "api.klarna.com"}),
    (KLARNA, {"base_url": "localhost"}),
    (KLARNA, {"base_url": "//localhost"}),
    (KLARNA, {"base_url": "//api.klarna.com"}),
    (KLARNA, {"base_url": "https://"}),
    # Only a field that is named as an address counts as one.
    (KLARNA, {"note": "https://api.klarna.com"}),
    (KLARNA, {"note": "https://localhost"}),
    (GATEWAY, {"base_url": "https://api.stripe.com"}),
    (GATEWAY, {"secret_key": "sk_other_1", "access_token": "sk_other_2"}),
    (GATEWAY, {"base_url": "https://proxy.example", "secret_key": "sk_live_1"}),
    (GATEWAY, {"note": "sk_test_1"}),
    # A merchant number means something with its own provider alone.
    (KLARNA, {"merchant_number": "T123"}),
    ("bambora", {"merchant_number": "T123"}),
    (BAMBORA, {"merchant_number": "P123"}),
    (BAMBORA, {"merchant_number": "1T23"}),
    (BAMBORA, {"merchant_number": ""}),
    (BAMBORA, {"merchant": "T123"}),
])  # fmt: skip
def test_what_fits_both_kinds(option: str, credentials: dict[str, str]) -> None:
    assert wrong_mode(TESTS, option, credentials) is None
    real = wrong_mode(REAL, option, credentials)
    assert real is None


def test_a_key_without_an_address_tells_of_real_money_alone() -> None:
    """A key tells that money is real only with a host that takes both kinds."""
    assert wrong_mode(TESTS, GATEWAY, {"secret_key": "sk_live_1"}) is None


def test_an_accounts_name_says_its_kind() -> None:
    assert takes_real_money("P12345678") is True
    assert takes_real_money("T12345678") is False
    assert takes_real_money("T1234567P") is False


def test_what_is_wrong_is_said_with_the_host() -> None:
    assert wrong_mode(REAL, KLARNA, {"base_url": "https://api.playground.klarna.com:443/x"}) == (
        WrongMode(
            "base_url",
            "api.playground.klarna.com is for test money, and this account is for real money",
        )
    )
    wrong = wrong_mode(TESTS, KLARNA, {"base_url": "https://api.klarna.com"})
    assert wrong == WrongMode(
        "base_url", "api.klarna.com takes real money, and this account is for tests"
    )
    private = wrong_mode(REAL, KLARNA, {"base_url": "https://shop.test"})
    assert private is not None and "private address" in private.why
