"""Flags in a prompt."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, strategies as st

from generation.errors import InvalidParams
from generation.prompt import FLAGS, Draft, parse_flags
from generation.types import SEED_MAX, Lora


def refusal(text: str) -> InvalidParams:
    with pytest.raises(InvalidParams) as caught:
        parse_flags(text)
    return caught.value


def test_a_prompt_without_flags_is_itself() -> None:
    assert parse_flags("a cat - with a hat, 3:2") == Draft(prompt="a cat - with a hat, 3:2")


def test_every_flag_reads_its_own_example() -> None:
    for flag in FLAGS:
        for spelling in flag.spellings:
            draft = parse_flags(f"a cat --{spelling} {flag.example}")
            assert draft.prompt == "a cat"
            assert getattr(draft, flag.field)


@pytest.mark.parametrize(
    ("text", "field", "value"),
    [
        ("x --ar 3:2", "aspect_ratio", "3:2"),
        ("x --AR 3:2", "aspect_ratio", "3:2"),
        ("x --aspect 16x9", "aspect_ratio", "16:9"),
        ("x —ar 3:2", "aspect_ratio", "3:2"),
        ("x --ar=3:2", "aspect_ratio", "3:2"),
        ("x --seed 42", "seed", 42),
        ("x --seed random", "seed", -1),
        ("x --exact", "exact", True),
        ("x --exact=yes", "exact", True),
        ("x --exact=No", "exact", False),
        ("x --seed -1", "seed", -1),
        (f"x --seed {SEED_MAX}", "seed", SEED_MAX),
        ("x --no text, a hat", "negative_prompt", "text, a hat"),
        ("x --no text --no hats", "negative_prompt", "text, hats"),
        ("x --steps 20", "steps", 20),
        ("x --steps 20.0", "steps", 20),
        ("x --n 4", "count", 4),
        ("x --count 4", "count", 4),
        ("x --cfg 6.5", "guidance_scale", 6.5),
        ("x --guidance 6", "guidance_scale", 6.0),
        ("x --sampler DPM++ 2M --seed 1", "sampler", "DPM++ 2M"),
        ('x --sampler "Euler a"', "sampler", "Euler a"),
        ("x --sampler “Euler a”", "sampler", "Euler a"),
        ("x --model dreamshaper 8", "model", "dreamshaper 8"),
        ("x --w 512", "width", 512),
        ("x --height 768", "height", 768),
        ("x --strength .5", "strength", 0.5),
        ("x --lora ink:0.8", "loras", (Lora(name="ink", weight=0.8),)),
        ("x <lora:ink:0.8>", "loras", (Lora(name="ink", weight=0.8),)),
        ("x --lora ink --lora oil", "loras", (Lora(name="ink"), Lora(name="oil"))),
    ],
)
def test_a_flag_sets_its_field(text: str, field: str, value: object) -> None:
    draft = parse_flags(text)
    assert getattr(draft, field) == value
    assert draft.prompt == "x"


def test_text_after_a_flag_of_one_word_belongs_to_the_prompt() -> None:
    assert parse_flags("a cat --seed 5 on a mat").prompt == "a cat on a mat"


def test_a_switch_takes_no_word_from_the_prompt() -> None:
    draft = parse_flags("a cat --exact on a mat")
    assert draft.exact is True
    assert draft.prompt == "a cat on a mat"


def test_a_quotation_ends_a_text_flag() -> None:
    draft = parse_flags("a cat --sampler 'Euler a' on a mat")
    assert draft.prompt == "a cat on a mat"
    assert draft.sampler == "Euler a"


def test_an_apostrophe_is_no_quotation() -> None:
    draft = parse_flags("a cat --no 'tis --seed 5")
    assert draft.negative_prompt == "'tis"
    assert draft.seed == 5


def test_a_long_dash_before_a_common_word_is_punctuation() -> None:
    assert parse_flags("a cat —sitting").prompt == "a cat —sitting"


def test_two_hyphens_alone_are_text() -> None:
    assert parse_flags("a -- b --5").prompt == "a -- b --5"


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("x --sed 5", "There is no flag --sed. Did you mean --seed?"),
        ("x --ar", "--ar needs a value, for example --ar 3:2."),
        ("x --ar --seed 5", "--ar needs a value, for example --ar 3:2."),
        ("x --ar wide", "“wide” is not an aspect ratio. Please write it like 3:2 or 16:9."),
        ("x --ar 0:1", "“0:1” is not an aspect ratio. Please write it like 3:2 or 16:9."),
        ("x --steps many", "--steps needs a number, not “many”."),
        ("x --steps 2.5", "--steps needs a whole number, not 2.5."),
        ("x --steps nan", "--steps needs a number, not “nan”."),
        ("x --stylize 100", "--stylize is not supported here."),
        ("x --v 6", "--v is not supported here. Use --model."),
        ("x —chaos 6", "--chaos is not supported here."),
        (
            "x --seed 1 --seed 2",
            "--seed 1 and --seed 2 contradict each other. Please keep only one.",
        ),
        (
            f"x --seed {SEED_MAX + 1}",
            f"A seed is from 0 to {SEED_MAX}, or -1 for a random one, not {SEED_MAX + 1}.",
        ),
        (
            "x <lora:ink",
            "A LoRA is written like <lora:name:0.8>; the closing > is missing.",
        ),
        ("x --exact=7", "--exact is on or off, and takes no other value."),
        ("x --lora ink:9", "A LoRA's weight is from -2 to 2, not 9."),
    ],
)
def test_a_flag_that_makes_no_sense_is_refused_in_one_sentence(text: str, sentence: str) -> None:
    assert refusal(text).sentence == sentence


def test_a_flag_repeated_with_the_same_value_is_harmless() -> None:
    assert parse_flags("x --seed 1 --seed 1").seed == 1


def test_an_unknown_flag_is_shown_cut_short() -> None:
    assert len(refusal(f"x --{'a' * 1000}").sentence) < 400


@given(st.text(max_size=300))
def test_any_text_gives_a_draft_or_one_refusal(text: str) -> None:
    try:
        told = parse_flags(text).prompt + "."
    except InvalidParams as refused:
        told = refused.sentence
    assert told.endswith((".", "?"))
    assert "\n" not in told


@pytest.mark.parametrize(
    "piece", ["<lora:", "--no ", "--no 'abcd ", "—", '--model "', "<lora:a:", "--seed 1 --seed "]
)
def test_hostile_repetition_is_refused_briefly(piece: str) -> None:
    assert len(refusal((piece * 4000)[:4000]).sentence) < 400


def test_more_loras_than_a_model_can_bear_are_refused() -> None:
    text = " ".join(f"<lora:ink{index}:1>" for index in range(9))
    assert refusal(text).sentence == "At most 8 LoRAs can be used at once."


def test_the_guide_for_members_names_every_flag() -> None:
    guide = (Path(__file__).parents[3] / "docs" / "prompts.md").read_text(encoding="utf-8")
    assert [flag.spellings[0] for flag in FLAGS if f"`--{flag.spellings[0]}" not in guide] == []
