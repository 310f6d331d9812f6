"""Another program than the one that drew the bar codes reads them."""

from __future__ import annotations

import base64
import io

import pytest
import zxingcpp
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from backend.cards.barcodes import barcode_128, can_be_barcode

HEAD = "data:image/png;base64,"


def scan(uri: str) -> str:
    assert uri.startswith(HEAD)
    image = Image.open(io.BytesIO(base64.b64decode(uri[len(HEAD) :])))
    (found,) = zxingcpp.read_barcodes(image)
    assert found.format == zxingcpp.BarcodeFormat.Code128
    return str(found.text)


@pytest.mark.parametrize("value", [f"{pair:02d}34" for pair in range(100)])
def test_every_pair_of_digits_may_come_first(value: str) -> None:
    assert scan(barcode_128(value)) == value


@given(st.text("0123456789", min_size=4, max_size=40))
@settings(max_examples=60, deadline=None)
def test_digits(value: str) -> None:
    assert scan(barcode_128(value)) == value


@given(st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=4, max_size=40))
@settings(max_examples=60, deadline=None)
def test_letters_digits_and_signs(value: str) -> None:
    assert scan(barcode_128(value)) == value


def test_what_cannot_be_one() -> None:
    assert can_be_barcode("GK-99!")
    assert not can_be_barcode("æ")
    assert not can_be_barcode("a\n")
