from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given, strategies as st

from bot.text import block, clean, clip, length, plain

TRICKS = st.text(
    st.one_of(
        st.characters(),
        st.sampled_from("`*_~|>#-[]()<@:\\\n\t\x1b\u200b\u200d\u202e\u2066\ufe0f👩🎨é\U000e0041"),
    ),
    max_size=300,
)
HIDDEN = {"Cc", "Cf", "Cs", "Zl", "Zp"}


@given(TRICKS)
def test_cleaned_text_hides_nothing(text: str) -> None:
    left = {unicodedata.category(character) for character in clean(text) if character != "\u200d"}
    assert not left & (HIDDEN - {"Cc"})
    assert not any(character < " " and character != "\n" for character in clean(text))


@given(TRICKS, st.integers(1, 50))
def test_clipped_text_is_never_longer_and_never_splits_a_character(text: str, limit: int) -> None:
    cut = clip(clean(text), limit)
    assert length(cut) <= limit
    cut.encode("utf-16-le")


@given(TRICKS, st.integers(20, 200))
def test_a_block_is_closed_by_its_own_fence_alone(text: str, limit: int) -> None:
    shown = block(text, limit)
    assert length(shown) <= limit
    assert shown.startswith("```\n")
    assert shown.endswith("\n```")
    assert shown.count("```") == 2
    assert "\x1b" not in shown


@given(TRICKS, st.integers(1, 200))
def test_plain_text_gives_discord_nothing_to_act_upon(text: str, limit: int) -> None:
    shown = plain(text, limit)
    assert length(shown) <= limit
    assert "\n" not in shown
    bare = shown.replace("\\\\", "")
    for index, character in enumerate(bare):
        if character in "*~`|[<":
            assert bare[index - 1] == "\\"


@pytest.mark.parametrize(
    ("typed", "shown"),
    [
        ("<@123> and <@&4>", r"\<@123> and \<@&4>"),
        ("@everyone look", r"\@everyone look"),
        ("[free](http://evil)", r"\[free](http:\//evil)"),
        ("max_side is fine", "max_side is fine"),
        ("_hi_", r"\_hi\_"),
        ("# big", r"\# big"),
        ("1024×64 (a), b.", "1024×64 (a), b."),
    ],
)
def test_plain_text_stays_readable(typed: str, shown: str) -> None:
    assert plain(typed, 100) == shown


def test_an_emoji_made_of_several_stays_whole_or_goes() -> None:
    family = "👩\u200d🎨"
    assert clean(family) == family
    assert clip("ab" + family, 6) == "ab…"


def test_a_prompt_can_be_copied_as_it_was_typed() -> None:
    prompt = "a *bold* fox, [style]: <ink> `soft`"
    assert block(prompt, 100) == f"```\n{prompt}\n```"
