"""Settings that would be dangerous are refused, and the message does not repeat a secret."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from backend.cli_accounts import what_is_wrong
from backend.settings import Settings

SECRET = "a master secret of the tests, long enough"


def refused(**given: object) -> str:
    with pytest.raises(ValidationError) as failed:
        Settings(secret_key=SECRET, **given)  # type: ignore[arg-type]
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
    assert Settings(secret_key=SECRET, redis_url=url).redis_url == url  # type: ignore[arg-type]


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
    allowed = Settings(secret_key=SECRET, redis_url=url, allow_insecure_redis=True)  # type: ignore[arg-type]
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
