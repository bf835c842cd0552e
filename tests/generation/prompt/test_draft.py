"""Options and flags, brought together."""

from __future__ import annotations

import pytest

from generation.errors import InvalidParams
from generation.prompt import Draft, merge, parse_flags, parse_ratio
from generation.types import Lora


def test_flags_complete_the_options() -> None:
    typed = "a cat --ar 3:2 --lora ink"
    options = Draft(prompt=typed, steps=20, loras=(Lora(name="oil"),))
    merged = merge(options, parse_flags(typed))
    assert merged == Draft(
        prompt="a cat",
        steps=20,
        aspect_ratio="3:2",
        loras=(Lora(name="oil"), Lora(name="ink")),
    )


def test_the_same_value_from_both_is_fine() -> None:
    assert merge(Draft(seed=5), Draft(prompt="x", seed=5)).seed == 5


def test_zero_is_a_value() -> None:
    assert merge(Draft(seed=0), Draft(prompt="x")).seed == 0


def test_different_values_from_both_are_refused_naming_both() -> None:
    with pytest.raises(InvalidParams) as caught:
        merge(Draft(steps=20), Draft(prompt="x", steps=30))
    assert caught.value.option == "steps"
    assert "20" in caught.value.sentence
    assert "30" in caught.value.sentence


@pytest.mark.parametrize(
    ("text", "ratio"), [("3:2", 1.5), ("16x9", 16 / 9), ("1/2", 0.5), ("1.85", 1.85), ("1:1", 1.0)]
)
def test_a_ratio_is_read(text: str, ratio: float) -> None:
    assert parse_ratio(text) == pytest.approx(ratio)


@pytest.mark.parametrize("text", ["", ":", "3:", "-3:2", "a:b", "1:0", "1e9:1", "3:2:1", "٣:٢"])
def test_what_is_no_ratio_is_refused(text: str) -> None:
    with pytest.raises(InvalidParams):
        parse_ratio(text)
