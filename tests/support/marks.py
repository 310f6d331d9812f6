"""Draw `backend/branding/masters.png` from `marks.svg` in a browser.

`python -m tests.support.marks` writes the file again after a drawing has changed.
"""

from __future__ import annotations

import io
from pathlib import Path

from PIL import Image

from backend.branding.marks import shapes
from backend.branding.png import MASTER, ORDER
from tests.support.browser import chromium_arguments, find_chromium

# isort: split
# The browser module sets what Playwright needs before it is imported.
from playwright.sync_api import Browser, sync_playwright

FILE = Path(__file__).resolve().parents[2] / "backend" / "branding" / "masters.png"


def drawn(browser: Browser) -> Image.Image:
    """Return the picture of all marks, one below the other, on a transparent ground."""
    width, height = MASTER
    tiles = "".join(
        f'<svg y="{place * height}" width="{width}" height="{height}" viewBox="0 0 48 32">'
        f"{shapes()[mark]}</svg>"
        for place, mark in enumerate(ORDER)
    )
    page = browser.new_page(viewport={"width": width, "height": height * len(ORDER)})
    page.set_content(
        f'<style>*{{margin:0}}svg{{display:block}}</style><svg width="{width}"'
        f' height="{height * len(ORDER)}">{tiles}</svg>'
    )
    picture = page.screenshot(omit_background=True)
    page.close()
    return Image.open(io.BytesIO(picture)).convert("RGBA")


def main() -> None:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=find_chromium(), args=chromium_arguments()
        )
        drawn(browser).save(FILE, "PNG", optimize=True)
        browser.close()


if __name__ == "__main__":
    main()
