"""The demo sends the checkout's link to a phone, and the payer opens it from there."""

from __future__ import annotations

from playwright.sync_api import expect

from tests.support.demo import Demo, Merchant
from tests.support.payer import Payer
from tests.support.waiting import until_on


def test_a_payer_opens_the_checkout_from_a_text_message(
    demo: Demo, merchant: Merchant, payer: Payer
) -> None:
    number = "+4741234567"
    made = merchant.session(
        customer={"phone_number": number},
        configuration={"publish": [{"channel": "push", "type": "app"}]},
    )
    # The demo allows gift cards, so the link goes by SMS and not by push.
    (published,) = merchant.get(f"/v1/sessions/{made['id']}")["configuration"]["publish"]
    assert (published["channel"], published["status"]) == ("sms", "sent")

    page = payer.page
    link = page.get_by_role("link", name=made["url"])
    outbox = f"{demo.facts['sms_url']}/"
    until_on(page, lambda: (page.goto(outbox), link.count())[1], "the SMS comes")
    expect(page.locator("#messages li").first).to_contain_text(number)
    link.click()
    payer.alive()
    assert page.url == made["url"]
    payer.stage("open")
    names = [event["name"] for event in merchant.get(f"/v1/sessions/{made['id']}")["events"]]
    assert names.count("PUSH_NOTIFICATION_SENT") == 1
