"""`make screenshots`: every state of the page, as a phone and as a desktop show it, into
`docs/screenshots/` with an index.

python -m tests.screenshots [--only TEXT] [--into FOLDER]
"""

from __future__ import annotations

import argparse
import io
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import httpx
from PIL import Image
from playwright.sync_api import Browser, ViewportSize, sync_playwright
from playwright.sync_api import Error as PlaywrightError

from tests.screenshots.index import write_index
from tests.screenshots.more_states import MORE, file_name
from tests.support.browser import chromium_arguments, find_chromium
from tests.support.callback_server import CallbackServer
from tests.support.camera import qr_code, show
from tests.support.demo import Demo, Merchant, Shop
from tests.support.payer import Payer
from tests.support.states import STATES, WITHOUT_SCRIPT, Reach, Scene
from tests.support.waiting import pause_on

REPOSITORY = Path(__file__).resolve().parent.parent.parent
FOLDER = REPOSITORY / "docs" / "screenshots"
WIDTHS = (390, 1280)
DARK = (
    "open, details empty", "details with errors", "card added", "card refused", "fully covered",
    "waiting at the provider", "on hold", "paid", "expired", "locked", "balance, shown", "receipt",
    "a part of the card", "a code for the Swish app",
)  # fmt: skip
LANGUAGES = ("nb", "nn", "sv", "da", "fi", "de")
SPOKEN = ("card added", "details with errors")
NARROW = 320
BY_DEVICE = ("a code for the Swish app",)
"""What a phone shows otherwise than a narrow window: come to again for each width."""

# Reflex decides once, at load, what the browser's own controls look like.
_FOLLOW = "document.documentElement.style.colorScheme = 'dark'"
# The page does the same at load if it has the room.
_UNFOLD = """wide => {
  const order = document.getElementById("order-details");
  if (order?.dataset.unfolded) order.open = wide;
}"""


@dataclass(frozen=True)
class Picture:
    """One state as it is taken: in which language, width and colours."""

    state: str
    language: str = "en"
    width: int = 390
    scheme: Literal["light", "dark"] = "light"

    @property
    def file(self) -> str:
        parts = [file_name(self.state), str(self.width)]
        parts += [self.language] if self.language != "en" else []
        parts += [self.scheme] if self.scheme != "light" else []
        return "-".join(parts) + ".png"


def pictures() -> list[Picture]:
    states = [*STATES, *MORE, *WITHOUT_SCRIPT]
    found = [Picture(state, width=width) for state in states for width in WIDTHS]
    found += [Picture(state, scheme="dark") for state in DARK]
    found += [Picture(state, width=WIDTHS[-1], scheme="dark") for state in DARK[:4]]
    found += [Picture(state, language) for state in SPOKEN for language in LANGUAGES]
    found += [Picture("card added", language, NARROW) for language in ("fi", "de")]
    return found


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.screenshots", description=__doc__)
    parser.add_argument(
        "--only", nargs="+", default=[""], help="states whose names have one in them"
    )
    parser.add_argument("--into", type=Path, default=FOLDER)
    options = parser.parse_args()
    into: Path = options.into
    into.mkdir(parents=True, exist_ok=True)
    wanted = [
        picture for picture in pictures() if any(part in picture.state for part in options.only)
    ]
    if options.only == [""]:
        for old in into.glob("*.png"):
            old.unlink()
    missed = []
    with _scenery() as (browser, demo, merchant, shop, callbacks):
        for together in _visits(sorted(wanted, key=lambda picture: picture.state in STATES)):
            first = together[0]
            with _payer(browser, demo, first) as payer:
                scene = Scene(payer, merchant, demo, shop, callbacks, first.language)
                try:
                    _reach(first, scene)
                    for picture in together:
                        _take(payer, picture, into / picture.file)
                except (AssertionError, PlaywrightError, httpx.HTTPError) as error:
                    missed.append(first.state)
                    print(f"{first.state}: {error}", file=sys.stderr, flush=True)
                else:
                    print(first.state, first.language, flush=True)
            demo.card_gateway_settings(settle_seconds=0)
    write_index(into, pictures())
    if missed:
        sys.exit(f"not reached: {', '.join(missed)}")


def _visits(wanted: list[Picture]) -> list[list[Picture]]:
    """Pictures that one visit gives: coming to a state takes longer than looking at it."""
    visits: dict[tuple[str, ...], list[Picture]] = {}
    for picture in wanted:
        apart = str(picture.width) if picture.state in BY_DEVICE else ""
        visits.setdefault((picture.state, picture.language, apart), []).append(picture)
    return list(visits.values())


@contextmanager
def _scenery() -> Iterator[tuple[Browser, Demo, Merchant, Shop, CallbackServer]]:
    with (
        tempfile.TemporaryDirectory(prefix="gavekort-screenshots-") as directory,
        sync_playwright() as playwright,
        Shop().running() as shop,
        CallbackServer().running() as callbacks,
    ):
        demo = Demo(REPOSITORY, Path(directory))
        demo.start()
        camera = show(qr_code("https://shop.example/"), Path(directory) / "camera.y4m")
        browser = playwright.chromium.launch(
            executable_path=find_chromium(), args=[*chromium_arguments(), *camera]
        )
        try:
            yield browser, demo, Merchant(demo, shop), shop, callbacks
        finally:
            browser.close()
            demo.stop()


@contextmanager
def _payer(browser: Browser, demo: Demo, picture: Picture) -> Iterator[Payer]:
    touch = picture.state in BY_DEVICE and picture.width < 700
    context = browser.new_context(
        viewport=_viewport(picture),
        locale="en-GB",
        has_touch=touch,
        is_mobile=touch,
        reduced_motion="reduce",
        java_script_enabled=picture.state not in WITHOUT_SCRIPT,
    )
    yield Payer(context, demo.base_url)
    context.close()


def _viewport(picture: Picture) -> ViewportSize:
    return {"width": picture.width, "height": 844 if picture.width < 700 else 900}


def _reach(picture: Picture, scene: Scene) -> None:
    reach: Reach | None = (STATES | MORE).get(picture.state)
    if reach is not None:
        reach(scene)
    else:
        session = WITHOUT_SCRIPT[picture.state](scene.merchant)
        scene.payer.page.goto(f"{session['url']}?language={scene.language}")
    # Every animation has ended.
    pause_on(scene.payer.page, 0.25, "what leaves or arrives has done so")


def _take(payer: Payer, picture: Picture, file: Path) -> None:
    """Take the whole page from its top."""
    page = payer.page
    page.emulate_media(color_scheme=picture.scheme)
    if picture.scheme == "dark":
        page.evaluate(_FOLLOW)
    page.set_viewport_size(_viewport(picture))
    # What sticks stands at the top, and what came into view is drawn.
    page.evaluate("scrollTo(0, 0)")
    page.evaluate(_UNFOLD, picture.width >= 960)
    pause_on(page, 0.2, "what came into view is drawn")
    whole = Image.open(io.BytesIO(page.screenshot(full_page=True, animations="disabled")))
    _in_few_colours(whole.convert("RGB")).save(file, optimize=True)


def _in_few_colours(picture: Image.Image) -> Image.Image:
    """About a third of the bytes. The colours of surfaces and of texts stay as they are, so that
    contrast can be judged; what small drawings and edges have is as near as it gets."""
    counted = sorted(picture.getcolors(picture.width * picture.height) or [], reverse=True)
    wide = [colour for _, colour in counted[:32] if isinstance(colour, tuple)]
    palette = [channel for colour in wide for channel in colour]
    palette += picture.quantize(64, Image.Quantize.MAXCOVERAGE).getpalette() or []
    fixed = Image.new("P", (1, 1))
    fixed.putpalette(palette[: 3 * 256])
    return picture.quantize(palette=fixed, dither=Image.Dither.NONE)


if __name__ == "__main__":
    main()
