"""`/.well-known/security.txt` follows RFC 9116."""

from __future__ import annotations

from datetime import datetime, timedelta

from tests.support.checkout import Merchant

PATH = "/.well-known/security.txt"


async def test_an_installation_without_a_contact_has_none(merchant: Merchant) -> None:
    answer = await merchant.get(PATH, expect=404)
    assert answer["error"]["code"] == "NOT_FOUND"


async def test_the_contact_of_the_settings(merchant: Merchant) -> None:
    settings = merchant.ctx.settings
    settings.security_contact = "mailto:security@shop.example"
    answer = await merchant.api.get(PATH, headers={"authorization": ""})
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "text/plain; charset=utf-8"
    fields = dict(line.split(": ", 1) for line in answer.text.splitlines())
    expires = datetime.fromisoformat(fields.pop("Expires"))
    assert expires - merchant.ctx.clock.now() > timedelta(days=179)
    assert fields == {
        "Contact": "mailto:security@shop.example",
        "Canonical": f"{settings.base_url}{PATH}",
    }
    settings.security_policy = "https://shop.example/security"
    answer = await merchant.api.get(PATH)
    assert "Policy: https://shop.example/security\n" in answer.text
