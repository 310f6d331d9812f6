"""Real money and test money: which addresses and keys go with which kind of account."""

from __future__ import annotations

import pytest

from backend.rules.account_mode import wrong_mode

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
