"""Anybody may load the images of the payment options. These tests try what a stranger may put into
their addresses."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator
from urllib.parse import quote

import pytest

from tests.support.card_gateway import CardGatewaySandbox
from tests.support.checkout import ACCOUNT, Merchant, close_merchant, open_merchant
from tests.support.limits import ELSEWHERE, Stranger, check_refused, stand_still

MARKUP = '"/><script>alert(1)</script>'
HEAD = "/v1/branding/logos/{logos}/variant/{variant}/color/{color}/width/{width}/{template}"
GOOD = {"logos": "visa", "variant": "mono", "color": "444", "width": "60", "template": "logos.svg"}


@pytest.mark.parametrize("part", list(GOOD))
@pytest.mark.parametrize(
    "sent", [MARKUP, "&x;", "url(https://evil.example)", "\u202e", "../../etc/passwd", "9" * 5000]
)
async def test_nothing_that_is_sent_gets_into_an_image(
    merchant: Merchant, part: str, sent: str
) -> None:
    path = HEAD.format(**GOOD | {part: quote(sent, safe="")})
    answer = await merchant.api.get(path)
    assert answer.status_code in (200, 400, 404), answer.text
    if answer.status_code == 200:
        for forbidden in ("<script", "evil.example", "passwd", "&x;", "\u202e", "999"):
            assert forbidden not in answer.text
    else:
        assert answer.json()["error"]["message"]
        assert answer.headers["content-type"] == "application/json"


NO_COLOURS = (
    "red", "44444", "rgb()", "rgba(1,2)", "rgb(1,2,.)", "rgb(nan,1,2)", "rgb(1e9,1,2)", "#",
    "4444444444", "rgb(1,2,3,4,5)", "$white",
)  # fmt: skip


@pytest.mark.parametrize("colour", NO_COLOURS)
async def test_a_colour_that_is_none_is_told_so(merchant: Merchant, colour: str) -> None:
    path = HEAD.format(**GOOD | {"color": quote(colour, safe="")})
    answer = await merchant.get(path, expect=400)
    assert [error["field"] for error in answer["error"]["errors"]] == ["color"]
    assert answer["error"]["code"] == "INVALID_REQUEST_PARAMETER"


@pytest.mark.parametrize("width", ["wide", "-5", "1e9", "6 0", "\u0663"])
async def test_a_width_that_is_none_is_told_so(merchant: Merchant, width: str) -> None:
    path = HEAD.format(**GOOD | {"width": quote(width, safe="")})
    answer = await merchant.get(path, expect=400)
    assert [error["field"] for error in answer["error"]["errors"]] == ["width"]


async def test_a_list_without_end_is_one_small_image(merchant: Merchant) -> None:
    path = HEAD.format(**GOOD | {"logos": "_".join(["visa", "swish", "nonsense"] * 400)})
    answer = await merchant.api.get(path)
    assert answer.status_code == 200
    assert "<title>Visa, Swish</title>" in answer.text
    assert len(answer.content) < 4000


@pytest.fixture
async def narrow(database_url: str, card_gateway: CardGatewaySandbox) -> AsyncIterator[Merchant]:
    key = f"sk_test_{uuid.uuid4().hex}"
    limits = {"branding.source": "5/60"}
    merchant = await open_merchant(database_url, card_gateway.base_url, key, limits=limits)
    stand_still(merchant)
    yield merchant
    await close_merchant(merchant)


async def test_a_flood_is_refused_and_nobody_else_is(narrow: Merchant) -> None:
    looks = "variant/mono/color/444/width/60/logos.png"
    stranger = Stranger(narrow)
    head = "/v1/branding"
    paths = (
        f"{head}/logos/visa/{looks}",
        f"{head}/profiles/default/{looks}",
        f"{head}/nonsense",
        f"{head}/accounts/{ACCOUNT}/profiles/default/{looks}",
        f"{head}/logos//{looks}",
    )
    first = [(await stranger.call("GET", path)).status_code for path in paths]
    assert first == [200, 200, 404, 200, 200]
    for path in paths:
        check_refused(await stranger.call("GET", path), 60)
    # The shop's payers at other addresses see the image, and the same source may still pay.
    assert (await stranger.at(ELSEWHERE).call("GET", paths[0])).status_code == 200
    session_id = await narrow.session()
    assert (await stranger.call("GET", f"/v1/view/{session_id}/session")).status_code == 200
