"""Settings that would be dangerous are refused, and the message does not repeat a secret."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from backend.cli.accounts import what_is_wrong
from backend.core.settings import Settings, host_name

SECRET = "a master secret of the tests, long enough"


def refused(**given: Any) -> str:
    with pytest.raises(ValidationError) as failed:
        Settings(secret_key=SECRET, **given)
    return what_is_wrong(failed.value)


@pytest.mark.parametrize(
    "url",
    [
        "redis://localhost:6379/0",
        "redis://127.0.0.1",
        "redis://127.8.0.1:6379",
        "redis://[::1]:6379",
        "unix:///run/redis.sock",
        "rediss://:a-password@redis.example:6379/0",
        "rediss://user:a-password@10.0.0.5/0",
        "rediss://redis.example/0?password=a-password",
    ],
)
def test_a_redis_that_only_we_can_write_to(url: str) -> None:
    assert Settings(secret_key=SECRET, redis_url=url).redis_url == url


@pytest.mark.parametrize(
    ("url", "missing"),
    [
        ("redis://redis.example", ("TLS", "password")),
        ("redis://:hunter2-hunter2@redis.example", ("TLS",)),
        ("rediss://redis.example", ("a password",)),
        ("rediss://user@redis.example", ("a password",)),
        ("rediss://:@redis.example", ("a password",)),
        ("redis://10.0.0.5:6379", ("TLS", "password")),
        ("redis://192.168.1.2", ("TLS", "password")),
        ("redis://169.254.1.1", ("TLS", "password")),
        ("redis://localhost.evil.example", ("TLS", "password")),
        ("redis://127.0.0.1.evil.example", ("TLS", "password")),
        ("redis://localhost@evil.example", ("TLS", "password")),
        ("redis://0.0.0.0", ("TLS", "password")),
    ],
)
def test_a_redis_that_others_can_write_to(url: str, missing: tuple[str, ...]) -> None:
    text = refused(redis_url=url)
    assert text.startswith("GAVEKORT_REDIS_URL: ")
    assert all(part in text for part in missing)
    assert "hunter2" not in text
    allowed = Settings(secret_key=SECRET, redis_url=url, allow_insecure_redis=True)
    assert allowed.redis_url == url


@pytest.mark.parametrize("url", ["redis.example:6379", "http://redis.example", "redis:///0", "x"])
def test_what_is_no_redis(url: str) -> None:
    assert "GAVEKORT_REDIS_URL: " in refused(redis_url=url)


@pytest.mark.parametrize(
    "contact",
    ["security@shop.example", "http://shop.example", "mailto:", "mailto:a@b.example\nX: y", "é:x"],
)
def test_what_is_no_security_contact(contact: str) -> None:
    assert "GAVEKORT_SECURITY_CONTACT: " in refused(security_contact=contact)
    assert "GAVEKORT_SECURITY_POLICY: " in refused(security_policy="mailto:a@b.example")


WRONG = (
    "", " ", "nonsense", "-1", "0", "nan", "inf", "1e400", "9" * 30, "9" * 5000, "{", "[1]", "null",
    "http://[::1", "http://host:99999", "http://host:x", "smtp://[", "https://[", "redis://[::1",
    "unix://", "\u0663", "http://a b", "[" * 5000,
)  # fmt: skip


@pytest.mark.parametrize("name", sorted(Settings.model_fields))
def test_a_wrong_value_is_taken_or_refused_by_its_name(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No value of any setting ends in an error that nobody catches."""
    monkeypatch.setenv("GAVEKORT_SECRET_KEY", SECRET)
    refused = []
    for value in WRONG:
        monkeypatch.setenv(f"GAVEKORT_{name.upper()}", value)
        try:
            Settings()
        except ValidationError as error:
            refused.append(value)
            assert what_is_wrong(error).startswith(f"GAVEKORT_{name.upper()}"), value
    field = Settings.model_fields[name].annotation
    if field in (int, float):
        assert {"nonsense", "nan", "inf", "-1", "9" * 30} <= set(refused)


@pytest.mark.parametrize(
    "url",
    [
        "", "nonsense", "checkout.example", "ftp://checkout.example", "http://", "http://[::1",
        "http://checkout.example:99999", "http://checkout.example:0", "https://a b",
        "https://me@checkout.example", "https://checkout.example?a=b", "https://checkout.example#a",
        "https://" + "\u00f8" * 80,
    ],
)  # fmt: skip
def test_an_address_of_our_own_that_no_browser_could_open(url: str) -> None:
    assert refused(base_url=url).startswith("GAVEKORT_BASE_URL: ")


@pytest.mark.parametrize(
    "url", ["https://kasse.example", "http://[::1]:8000", "https://kj\u00f8p.example:8443"]
)
def test_an_address_of_our_own(url: str) -> None:
    settings = Settings(secret_key=SECRET, base_url=url + "/")
    assert settings.base_url == url


@pytest.mark.parametrize("hosts", ["http://a", "a:8000", "a, b/", "me@a", "[::1]:80"])
def test_hosts_are_names_alone(hosts: str) -> None:
    assert refused(allowed_hosts=hosts).startswith("GAVEKORT_ALLOWED_HOSTS: ")


def test_a_host_is_named_as_browsers_name_it() -> None:
    assert host_name("Kj\u00f8p.example") == "xn--kjp-1na.example"


@pytest.mark.parametrize(
    "limits",
    [
        "notjson", "[1]", '{"payer.source": "1000000001/60"}', '{"payer.source": "60/1000000001"}',
        '{"payer.source": "' + "9" * 5000 + '/1"}', '{"payer.source": 5}', '{"nope": "1/1"}',
    ],
)  # fmt: skip
def test_limits_that_cannot_be_read(limits: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GAVEKORT_LIMITS", limits)
    assert refused().startswith("GAVEKORT_LIMITS")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("redis_url", "redis://127.0.0.1:abc"), ("redis_url", "redis://127.0.0.1:99999"),
        ("redis_url", "unix://"), ("smtp_url", "smtp://mail.example:abc"),
        ("smtp_url", "smtps://"), ("smtp_url", "smtp://["), ("sms_countries", "Norway"),
        ("sms_countries", "NO;SE"), ("sms_countries", "N\u00d8"),
    ],
)  # fmt: skip
def test_what_nothing_could_be_reached_at(name: str, value: str) -> None:
    assert refused(**{name: value}).startswith(f"GAVEKORT_{name.upper()}: ")
