"""Prompt text made clean."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given, strategies as st

from generation.errors import InvalidParams
from generation.prompt import PROMPT_LENGTH, clean_text


@pytest.mark.parametrize(
    ("raw", "clean"),
    [
        ("e\u0301", "é"),
        ("a\r\nb\u2028c\td", "a b c d"),
        ("a\x00b\x1b[31m", "ab[31m"),
        ("\u202egnp.exe", "gnp.exe"),
        ("👩‍🎨", "👩‍🎨"),
        ("  a  ", "a"),
    ],
)
def test_text_is_normalised(raw: str, clean: str) -> None:
    assert clean_text(raw) == clean


def test_half_a_character_is_refused() -> None:
    with pytest.raises(InvalidParams, match="broken character"):
        clean_text("a \ud83d cat")


def test_a_text_over_the_limit_is_refused_with_both_numbers() -> None:
    with pytest.raises(InvalidParams, match=r"has 2,001 characters; the most is 2,000\."):
        clean_text("a" * (PROMPT_LENGTH + 1))


@given(st.text())
def test_cleaning_twice_changes_nothing(text: str) -> None:
    once = clean_text(text, limit=100_000)
    assert clean_text(once, limit=100_000) == once
    assert unicodedata.is_normalized("NFC", once)
