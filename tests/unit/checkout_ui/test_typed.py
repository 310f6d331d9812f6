"""People type, paste and dictate numbers and PINs in many forms."""

from __future__ import annotations

import pytest

from checkout_ui.presenters import typed


@pytest.mark.parametrize(
    "written",
    [
        "9876543210123456",
        " 9876 5432 1012 3456 ",
        "9876-5432-1012-3456",
        "9876\u20135432\u20131012\u20133456",
        "9876\u00a05432\u202f1012\u20093456",
        "9876.5432.1012.3456",
        "\uff19\uff18\uff17\uff16\u3000\uff15\uff14\uff13\uff12 1012 3456",
        "\u200e9876\u200b5432\u00ad1012\ufeff3456\u202c",
        "9876\t5432\n10123456",
    ],
)
def test_one_number_in_many_forms(written: str) -> None:
    assert typed.number(written) == "9876543210123456"


def test_a_number_with_letters_keeps_its_signs() -> None:
    number = "DINCARD:8f14e45f-ceea-467f-a0e6-1fd5f1a3d9aa"
    assert typed.number(f" {number}\n") == number
    assert typed.number(number.replace("-", "\u2011")) == number


def test_a_pin() -> None:
    assert typed.plain(" 12 34\u00a0") == "1234"
    assert typed.plain("\uff11\uff12\uff13\uff14") == "1234"
    assert typed.plain("a-1!") == "a-1!"
