"""Shops embed images of the payment options: `docs/branding.md`."""

from __future__ import annotations

import io
from xml.etree import ElementTree

import pytest
from PIL import Image

from backend.accounts.clients import create_account
from backend.accounts.profiles import save_profile
from tests.support.checkout import ACCOUNT, OPTION, Merchant, profile

LOOKS = "variant/colors/color/cfcfcf/width/600/dintero_top_frame.svg"
SVG = "{http://www.w3.org/2000/svg}"


async def title(merchant: Merchant, path: str) -> str:
    """Return the image's title, and assert that the answer is a cacheable image."""
    answer = await merchant.api.get(f"/v1/branding/{path}", headers={"authorization": ""})
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == "image/svg+xml"
    assert answer.headers["cache-control"].startswith("public, max-age=")
    return ElementTree.fromstring(answer.text).findtext(f"{SVG}title") or ""  # noqa: S314  # ours


@pytest.mark.parametrize("variant", ["colors", "mono", "darkcolors", "logomark", "smallmark"])
@pytest.mark.parametrize("template", ["dintero_top_frame", "dintero_left_frame", "logos", "logo"])
@pytest.mark.parametrize("kind", ["svg", "png"])
async def test_every_look(merchant: Merchant, variant: str, template: str, kind: str) -> None:
    looks = f"variant/{variant}/color/ee00ee/width/320/{template}.{kind}"
    answer = await merchant.api.get(f"/v1/branding/logos/visa_vipps/{looks}")
    assert answer.status_code == 200
    if kind == "svg":
        drawn = ElementTree.fromstring(answer.text)  # noqa: S314  # ours
        assert (drawn.get("width"), drawn.get("role")) == ("320", "img")
        framed = template.endswith("_frame") and variant not in ("logomark", "smallmark")
        coloured = framed or variant == "mono"
        assert ("#ee00ee" in answer.text or 'id="mono"' in answer.text) is coloured
    else:
        assert answer.headers["content-type"] == "image/png"
        with Image.open(io.BytesIO(answer.content)) as image:
            assert (image.format, image.width) == ("PNG", 320)


async def test_the_ways_to_pay_of_a_profile(merchant: Merchant) -> None:
    connected: dict[str, dict[str, str]] = {
        OPTION: {},
        "vipps": {},
        "swish.swish": {},
        "klarna.klarna": {},
    }
    off = {"swish": {"type": "payment_type", "swish": {"enabled": False}}}
    setup = profile("", "", connections=connected, configuration=off, profile_id=f"{ACCOUNT}.abc")
    await save_profile(merchant.ctx, setup)
    shown = "Visa, Mastercard, Vipps, Klarna"
    assert await title(merchant, f"profiles/{ACCOUNT}.abc/{LOOKS}") == shown
    assert await title(merchant, f"accounts/{ACCOUNT}/profiles/{ACCOUNT}.abc/{LOOKS}") == shown


async def test_a_profile_with_gift_cards_shows_what_goes_with_them(merchant: Merchant) -> None:
    wallets = {"dintero": {"type": "payment_type", "wallets": {"enabled": True}}}
    connected: dict[str, dict[str, str]] = {"vipps": {}, OPTION: {}}
    await save_profile(merchant.ctx, profile("", "", connections=connected, configuration=wallets))
    path = f"accounts/{ACCOUNT}/profiles/default/{LOOKS}"
    assert await title(merchant, path) == "Gift card, Visa, Mastercard"


async def test_a_profile_of_a_short_name(merchant: Merchant) -> None:
    """A profile is found without its account if only one account has it."""
    assert await title(merchant, f"profiles/default/{LOOKS}") == "Visa, Mastercard"
    await create_account(merchant.ctx, "T99999999", "Another shop")
    await save_profile(merchant.ctx, profile("", "", account_id="T99999999"))
    answer = await merchant.get(f"/v1/branding/profiles/default/{LOOKS}", expect=404)
    assert answer["error"]["code"] == "NOT_FOUND"
    assert await title(merchant, f"accounts/{ACCOUNT}/profiles/default/{LOOKS}") == (
        "Visa, Mastercard"
    )


@pytest.mark.parametrize(
    "path",
    [
        "profiles/T12345678.absent/" + LOOKS,
        "accounts/T00000000/profiles/default/" + LOOKS,
        "logos/visa/variant/colors/color/444/width/60/another.svg",
        "logos/visa/variant/colors/color/444/width/60/logos.gif",
        "logos/visa/variant/shiny/color/444/width/60/logos.svg",
        "logos/visa",
        "logos",
        "accounts/T12345678/logos/visa/variant/mono/color/444/width/60/logos.svg",
    ],
)
async def test_what_there_is_not(merchant: Merchant, path: str) -> None:
    answer = await merchant.get(f"/v1/branding/{path}", expect=404)
    assert answer["error"]["code"] == "NOT_FOUND"


async def test_what_was_taken_away_is_not_shown(merchant: Merchant) -> None:
    path = f"accounts/{ACCOUNT}/profiles/second/{LOOKS}"
    body = {"profile_id": "second", "configuration": {"active_payment_types": {"enabled": True}}}
    await merchant.post("/v1/admin/session/profiles", body)
    assert await title(merchant, path) == "Payment"
    assert (await merchant.api.delete("/v1/admin/session/profiles/second")).status_code == 200
    await merchant.get(f"/v1/branding/{path}", expect=404)


@pytest.mark.parametrize(
    "path",
    [
        # The cases are a shop's empty settings, Magento's form without a profile, an older form and
        # no ending.
        "logos/visa_vipps/variant//color//width//logos.svg",
        "logos/visa_vipps/variant/mono/colors/color/444444/width/600/dintero_left_frame.svg",
        "logos/visa_vipps/type/colors/width/600/dintero_top_frame.svg",
        "logos/visa_vipps/variant/COLORS/color/%23CFCFCF/width/600px/logos",
        "logos/visa_vipps/variant/colors/color/rgba(0,0,0,0.5)/width/600.0/logos.svg",
        "logos/visa_vipps/variant/colors/color/rgb(10%25, 20, 30)/width/600/logos.svg/",
    ],
)
async def test_forms_that_shops_have_sent(merchant: Merchant, path: str) -> None:
    assert await title(merchant, path) == "Visa, Vipps"


@pytest.mark.parametrize(
    ("sent", "width"), [("1", 48), ("0", 48), ("420", 420), ("999999999", 1200)]
)
@pytest.mark.parametrize("kind", ["svg", "png"])
async def test_a_width_has_limits(merchant: Merchant, sent: str, width: int, kind: str) -> None:
    path = f"/v1/branding/logos/visa/variant/mono/color/444/width/{sent}/logos.{kind}"
    answer = await merchant.api.get(path)
    assert answer.status_code == 200
    if kind == "png":
        with Image.open(io.BytesIO(answer.content)) as image:
            assert image.width == width
    else:
        assert f'width="{width}"' in answer.text


async def test_who_has_it_already_gets_it_not_again(merchant: Merchant) -> None:
    path = f"/v1/branding/logos/visa/{LOOKS}"
    first = await merchant.api.get(path)
    tag = first.headers["etag"]
    for sent in (tag, f"W/{tag}", f'"other", {tag}', "*"):
        again = await merchant.api.get(path, headers={"if-none-match": sent})
        assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", tag)
        assert again.headers["cache-control"] == first.headers["cache-control"]
    other = await merchant.api.get(path, headers={"if-none-match": '"other"'})
    assert (other.status_code, other.content) == (200, first.content)
    head = await merchant.api.head(path)
    assert (head.status_code, head.content, head.headers["etag"]) == (200, b"", tag)


async def test_the_image_follows_the_profile(merchant: Merchant) -> None:
    path = f"/v1/branding/accounts/{ACCOUNT}/profiles/default/{LOOKS}"
    tag = (await merchant.api.get(path)).headers["etag"]
    await save_profile(merchant.ctx, profile("", "", connections={"vipps": {}}))
    again = await merchant.api.get(path, headers={"if-none-match": tag})
    assert again.status_code == 200
    assert again.headers["etag"] != tag
