"""The drawings that shops embed are complete, and the same as on the page and as PNG."""

from __future__ import annotations

import io
import re
from base64 import b64encode
from pathlib import Path

import pytest
from PIL import Image, ImageChops, ImageStat
from playwright.sync_api import Browser

from backend.branding import png, svg
from backend.branding.marks import NAMES, of_names, of_options, shapes
from backend.branding.picture import Colour, Picture, Template, Variant, lay_out
from backend.rules.payment_option import PRODUCTS, STANDALONE
from tests.support.marks import FILE, drawn

GREY = Colour(0x44, 0x44, 0x44)
ALL = tuple(NAMES)


def test_every_mark_of_the_page_is_drawn_alike(repository: Path) -> None:
    text = (repository / "assets" / "marks.svg").read_text(encoding="utf-8")
    symbol = r'<symbol id="(\w+)" viewBox="0 0 48 32">\n(.*?)\n</symbol>'
    on_the_page = dict(re.findall(symbol, text, re.DOTALL))
    assert len(on_the_page) > 8
    assert {name: shapes().get(name) for name in on_the_page} == on_the_page
    assert set(shapes()) == {*NAMES, "lock"}


@pytest.mark.e2e
def test_the_masters_are_drawn_from_the_marks(browser: Browser) -> None:
    with Image.open(FILE) as kept:
        before, now = kept.convert("RGBA"), drawn(browser)
    assert before.size == now.size
    # Another version of the browser may differ at the edges. Another drawing differs everywhere.
    assert max(ImageStat.Stat(ImageChops.difference(before, now)).mean) < 0.5


@pytest.mark.e2e
@pytest.mark.parametrize("variant", Variant)
@pytest.mark.parametrize("template", Template)
def test_the_png_shows_what_the_svg_shows(
    browser: Browser, variant: Variant, template: Template
) -> None:
    """Draw the mark in a browser, on the colour of a shop's page."""
    picture = Picture(ALL, variant, Colour(200, 30, 60, 200), 420, template)
    laid = lay_out(picture)
    page = browser.new_page(viewport={"width": laid.width, "height": laid.height})
    shown = []
    for kind, content in (("svg+xml", svg.draw(picture)), ("png", png.draw(picture))):
        source = f"data:image/{kind};base64,{b64encode(content).decode()}"
        page.set_content(
            f'<body style="margin:0;background:#dde"><img src="{source}" style="display:block">'
        )
        assert page.evaluate("document.images[0].naturalWidth") == laid.width
        shown.append(Image.open(io.BytesIO(page.screenshot())).convert("RGB"))
    page.close()
    blank = Image.new("RGB", shown[0].size, (0xDD, 0xDD, 0xEE))
    # The images are compared blurred, since a mark may be off by a fraction of a pixel.
    one, other, nothing = (image.reduce(6) for image in (*shown, blank))
    seen, apart = (
        max(ImageStat.Stat(ImageChops.difference(one, second)).mean) for second in (nothing, other)
    )
    assert seen > 4
    assert apart < seen / 4


@pytest.mark.parametrize("count", range(1, len(ALL) + 1))
@pytest.mark.parametrize("variant", Variant)
@pytest.mark.parametrize("template", Template)
def test_no_mark_overlaps_another_or_leaves_the_image(
    count: int, variant: Variant, template: Template
) -> None:
    for width in (48, 120, 300, 420, 600, 1200):
        laid = lay_out(Picture(ALL[:count], variant, GREY, width, template))
        assert laid.width == width if template is not Template.LOGO else laid.width <= 384
        wanted = ALL[:1] if template is Template.LOGO else ALL[:count]
        assert tuple(mark for mark, _ in laid.tiles) == wanted
        boxes = [box for _, box in laid.tiles]
        for place, box in enumerate(boxes):
            assert box.x >= -0.01 and box.x + box.width <= laid.width + 0.01
            assert box.y >= -0.01 and box.y + box.height <= laid.height + 0.01
            for other in boxes[place + 1 :]:
                beside = (
                    other.x >= box.x + box.width - 0.01
                    or other.x + other.width <= box.x + 0.01
                    or other.y >= box.y + box.height - 0.01
                )
                assert beside, (box, other)


def test_names_of_an_address() -> None:
    assert of_names("visa_mastercard_vipps") == ("visa", "mastercard", "vipps")
    assert of_names("Visa_VISA_nonsense_visa") == ("visa",)
    assert of_names("collector_giftcard") == ("walley", "giftcard")
    assert of_names("nonsense") == of_names("") == of_names("lock") == ("other",)


def test_every_payment_option_has_a_drawing() -> None:
    every = [f"{head}.{product}" for head, products in PRODUCTS.items() for product in products]
    for option in (*every, *STANDALONE):
        marks = of_options([option], gift_card=False)
        assert marks, option
        assert set(marks) <= set(NAMES)
    assert of_options(["payex.creditcard", "dintero_psp.creditcard", "vipps"], gift_card=True) == (
        "giftcard",
        "visa",
        "mastercard",
        "vipps",
    )
    assert of_options(["collector.invoice", "santander.debit_account"], gift_card=False) == (
        "walley",
        "other",
    )
    assert of_options([], gift_card=False) == ("other",)
