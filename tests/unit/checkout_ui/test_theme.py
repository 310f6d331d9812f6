"""Everything stays readable with any colours and corners of a merchant."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from checkout_ui.presenters import theme
from checkout_ui.presenters.theme import (
    DARK,
    EDGE,
    LIGHT,
    TEXT,
    Colour,
    Scheme,
    contrast,
    read,
    written,
)

channel = st.integers(0, 255)
colours = st.tuples(channel, channel, channel)
schemes = st.sampled_from([LIGHT, DARK])


def made(properties: dict[str, str], name: str) -> Colour:
    colour = read(properties[name], (0, 0, 0))
    assert colour is not None
    return colour


@settings(deadline=None)
@given(primary=colours, scheme=schemes)
@example(primary=(255, 255, 255), scheme=LIGHT)
@example(primary=(0x18, 0x1E, 0x1A), scheme=DARK)
def test_every_primary_colour_can_be_read(primary: Colour, scheme: Scheme) -> None:
    found = theme.properties({"primary": written(primary)}, scheme)
    fill, hover = made(found, "--accent"), made(found, "--accent-hover")
    text, edge = made(found, "--on-accent"), made(found, "--accent-edge")
    assert fill == primary, "the button is the merchant's own colour"
    assert contrast(text, fill) >= TEXT
    assert contrast(text, hover) >= TEXT
    for behind in (scheme.surface, scheme.sunken):
        assert contrast(edge, behind) >= EDGE


@settings(deadline=None)
@given(backdrop=colours, scheme=schemes)
@example(backdrop=(119, 119, 119), scheme=LIGHT)
@example(backdrop=(255, 255, 255), scheme=DARK)
def test_on_every_backdrop_all_can_be_read(backdrop: Colour, scheme: Scheme) -> None:
    found = theme.on_page({"backdrop": written(backdrop)}, scheme)
    page = made(found, "--page")
    assert scheme is DARK or page == backdrop
    for name in ("--on-page", "--on-page-muted"):
        assert contrast(made(found, name), page) >= TEXT
    for name in ("--on-page-line", "--on-page-focus"):
        assert contrast(made(found, name), page) >= EDGE


@settings(deadline=None)
@given(backdrop=colours)
def test_a_backdrop_in_the_dark_is_darker_than_the_cards(backdrop: Colour) -> None:
    page = made(theme.on_page({"backdrop": written(backdrop)}, DARK), "--page")
    assert theme.luminance(page) < theme.luminance(DARK.surface)


@pytest.mark.parametrize("scheme", [LIGHT, DARK])
def test_our_own_colours(scheme: Scheme) -> None:
    for behind in (scheme.surface, scheme.sunken):
        assert contrast(scheme.text, behind) >= TEXT
        assert contrast(scheme.muted, behind) >= TEXT
        assert contrast(scheme.focus, behind) >= EDGE
    assert contrast(scheme.line_strong, scheme.surface) >= EDGE


def test_the_style_sheet_has_the_colours_that_we_reckon_with(repository: Path) -> None:
    css = (repository / "assets" / "checkout.css").read_text(encoding="utf-8")
    light, dark = re.findall(r":root \{(.*?)\}", css, re.DOTALL)[:2]
    for scheme, rule in ((LIGHT, light), (DARK, dark)):
        for name in ("surface", "sunken", "text", "muted", "line_strong", "focus"):
            colour = written(getattr(scheme, name))
            assert f"--{name.replace('_', '-')}: {colour};" in rule, name
    # The page uses what a theme sets, and has a value without a theme.
    whole = {"primary": "#123", "backdrop": "#123", "cardRadius": "3", "buttonRadius": "3"}
    for name in set(re.findall(r"(--[a-z-]+):", theme.stylesheet(whole))):
        assert f"{name}: " in light and f"var({name})" in css, name


@pytest.mark.parametrize(
    ("said", "colour"),
    [
        ("#7c3aed", "#7c3aed"),
        ("#FF0", "#ffff00"),
        ("#ff0f", "#ffff00"),
        ("#ff000080", "#ff7f7f"),
        (" rgb(20, 83, 45) ", "#14532d"),
        ("rgba(255,255,255,1)", "#ffffff"),
        ("rgba(0,0,0,0.5)", "#808080"),
        ("rgb(0 0 0 / 50%)", "#808080"),
        ("rgb(300,0,0)", None),
        ("rgba(0,0,0,2)", None),
        ("#12345", None),
        ("red; background: url(x)", None),
        ("#fff}</style><script>", None),
        ("", None),
        (None, None),
    ],
)
def test_colours_as_merchants_write_them(said: str | None, colour: str | None) -> None:
    found = read(said, LIGHT.surface)
    assert (found and written(found)) == colour


@pytest.mark.parametrize(
    ("said", "rule"),
    [
        ({"cardRadius": "12"}, "--radius:12px"),
        ({"cardRadius": "0px"}, "--radius:0px"),
        ({"cardRadius": "1.5rem"}, "--radius:24px"),
        ({"cardRadius": "900px"}, "--radius:24px"),
        ({"buttonRadius": "8px"}, "--radius-button:8px;--radius-small:8px"),
        ({"buttonRadius": "99"}, "--radius-button:28px;--radius-small:14px"),
        ({"cardRadius": "50%"}, None),
        ({"cardRadius": "-4px"}, None),
        ({"buttonRadius": "1px}body{display:none"}, None),
    ],
)
def test_corners_stay_within_reason(said: dict[str, str], rule: str | None) -> None:
    assert theme.stylesheet(said) == (f"html:root{{{rule}}}" if rule else "")


KEYS = st.sampled_from(["primary", "backdrop", "cardRadius", "buttonRadius"])
SAID = st.text("#rgba(),./% 0123456789fpxem;:{}<>\n", max_size=30)


@settings(deadline=None)
@given(st.dictionaries(KEYS, SAID))
@example({"primary": "#fff", "backdrop": "#fff", "cardRadius": "4px", "buttonRadius": "4px"})
def test_nothing_but_colours_and_lengths_gets_into_the_style(said: dict[str, str]) -> None:
    assert re.fullmatch(
        r"(html:root(:not\(\.embedded\))?\{(--[a-z-]+:(#[0-9a-f]{6}|[\d.]+px);?)+\}"
        r"|@media \(prefers-color-scheme:dark\)\{|\})*",
        theme.stylesheet(said),
    )
