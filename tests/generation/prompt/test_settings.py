"""An engine's own options, as members type them and as we write them."""

from __future__ import annotations

import pytest
from hypothesis import given, strategies as st

from generation.errors import InvalidParams
from generation.prompt import Draft, clean_text, merge, parse_flags, read_settings, write_settings
from generation.types import Setting

values = st.text(min_size=1, max_size=40).map(
    lambda text: clean_text(text.encode("utf-8", "ignore").decode())
)


def pairs(text: str) -> list[tuple[str, object]]:
    return [(one.name, one.value) for one in parse_flags(text).options]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("x --set face=yes", [("face", "yes")]),
        ("x --set=face=yes y", [("face", "yes")]),
        ('x --set style="oil on canvas" y', [("style", "oil on canvas")]),
        ("x --set style=“oil on canvas” y", [("style", "oil on canvas")]),
        ('x --set "style=oil on canvas" y', [("style", "oil on canvas")]),
        ('x --set style="one" --set eta=0.5', [("style", "one"), ("eta", "0.5")]),
        ('x --set note="see --steps 3" --seed 4', [("note", "see --steps 3")]),
        (r'x --set note="a \"b\" \\" --seed 4', [("note", 'a "b" \\')]),
        ("x --set note=a=b", [("note", "a=b")]),
    ],
)
def test_a_flag_sets_an_option(text: str, expected: list[tuple[str, str]]) -> None:
    assert pairs(text) == expected
    assert parse_flags(text).prompt in {"x", "x y"}


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("x --set", "--set needs a value, for example --set name=value."),
        ("x --set face", "An option is set like name=value, or name=“two words”, not “face”."),
        ("x --set face=", "An option is set like name=value, or name=“two words”, not “face=”."),
        ('x --set face="a b', "The quote after --set face= is not closed."),
        ("x " + "--set a=b " * 26, "At most 25 options can be set at once."),
    ],
)
def test_a_flag_that_sets_nothing_is_refused(text: str, sentence: str) -> None:
    with pytest.raises(InvalidParams) as caught:
        parse_flags(text)
    assert (caught.value.option, caught.value.sentence) == ("options", sentence)


def test_a_list_is_split_at_commas_outside_quotes() -> None:
    found = read_settings('tiling=yes, style="oil, ink",, eta = 0.5')
    assert [(one.name, one.value) for one in found] == [
        ("tiling", "yes"),
        ("style", "oil, ink"),
        ("eta", "0.5"),
    ]


def test_an_open_quote_in_a_list_is_named() -> None:
    with pytest.raises(InvalidParams, match="The quote after style= is not closed"):
        read_settings('tiling=yes, style="oil, ink')


@given(st.lists(values.filter(bool), min_size=1, max_size=4))
def test_what_is_written_is_read_back(texts: list[str]) -> None:
    settings = tuple(Setting(name=f"o{index}", value=text) for index, text in enumerate(texts))
    assert read_settings(write_settings(settings)) == settings
    flags = " ".join(f"--set {write_settings([one])}" for one in settings)
    assert parse_flags(f"x {flags} y") == Draft(prompt="x y", options=settings)


def test_options_and_flags_are_joined_and_what_both_say_counts_once() -> None:
    face, eta = Setting(name="face", value="yes"), Setting(name="eta", value="1")
    joined = merge(Draft(options=(face,)), Draft(prompt="x", options=(face, eta)))
    assert joined.options == (face, eta)
