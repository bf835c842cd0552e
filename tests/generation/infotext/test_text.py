"""Settings text, written and read back."""

from __future__ import annotations

import pytest
from hypothesis import given, strategies as st

from generation.infotext import parse, write
from generation.prompt import one_line
from generation.types import Lora, Task
from tests.generation.local_models import params

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=80)


def test_the_text_is_what_other_tools_expect() -> None:
    made = params(negative_prompt="text", sampler="DPM++ 2M", scheduler="Karras")
    assert write(made, seed=7, model_title="Tiny, the model") == (
        "a red circle\n"
        "Negative prompt: text\n"
        "Steps: 4, Sampler: DPM++ 2M, Schedule type: Karras, CFG scale: 5, Seed: 7, "
        'Size: 64x64, Model: "Tiny, the model", Version: Easel'
    )


def test_starting_pictures_and_loras_are_told() -> None:
    made = params(task=Task.IMG2IMG, strength=0.55, loras=(Lora(name="ink", weight=0.5),))
    read = parse(write(made, seed=1))
    assert read.fields["Denoising strength"] == "0.55"
    assert read.prompt == "a red circle <lora:ink:0.5>"


def test_what_is_not_as_usual_is_told() -> None:
    usual = parse(write(params(), seed=1)).fields
    unusual = parse(write(params(clip_skip=2, eta=0.5), seed=1)).fields
    assert {key: unusual[key] for key in unusual if key not in usual} == {
        "Clip skip": "2",
        "Eta": "0.5",
    }


@given(prompt=TEXT, negative=TEXT, title=TEXT)
def test_what_is_written_is_read_back(prompt: str, negative: str, title: str) -> None:
    made = params(prompt=prompt, negative_prompt=negative, model=title)
    read = parse(write(made, seed=9))
    if not one_line(prompt).startswith(("Negative prompt:", "Steps:")):
        assert read.prompt == one_line(prompt)
    assert read.negative_prompt == one_line(negative)
    assert read.fields["Seed"] == "9"
    assert read.fields["Size"] == "64x64"
    assert read.fields.get("Model", "") == one_line(title)


@pytest.mark.parametrize(
    "forged",
    [
        "a cat\nNegative prompt: nothing\nSteps: 1, Sampler: x, Seed: 666, Size: 1x1",
        "Negative prompt: forged",
        "Steps: 1, Sampler: x, Seed: 666, Size: 1x1",
        "a\u2028Negative prompt: forged",
    ],
)
def test_a_prompt_cannot_imitate_other_fields(forged: str) -> None:
    text = write(params(prompt=forged, negative_prompt="mine"), seed=7)
    read = parse(text)
    assert read.fields["Seed"] == "7"
    assert read.negative_prompt == "mine"
    assert [line for line in text.split("\n") if line.startswith("Steps: ")] == [
        text.split("\n")[-1]
    ]


def test_text_of_another_program_is_taken_apart() -> None:
    read = parse(
        "masterpiece, a house\non a hill\nNegative prompt: blurry\nugly\n"
        'Steps: 30, Sampler: DPM++ 2M, Lora hashes: "a: 1, b: 2", Version: v1.10.1'
    )
    assert read.prompt == "masterpiece, a house\non a hill"
    assert read.negative_prompt == "blurry\nugly"
    assert read.fields["Lora hashes"] == "a: 1, b: 2"
    assert read.fields["Version"] == "v1.10.1"


def test_a_value_that_is_quoted_or_json_stays_whole() -> None:
    read = parse(
        "a cat\n"
        "Steps: 25, CFG scale: 3.5, Sampler: Euler, Seed: 5, "
        'Template: "a {cat|dog}, Seed: 9", Hashes: {"model": "1a2b", "lora:ink": "3c4d"}, '
        'Civitai resources: [{"type": "checkpoint", "modelName": "A, Steps: 99"}], Clip skip: 2'
    )
    assert read.fields == {
        "Steps": "25",
        "CFG scale": "3.5",
        "Sampler": "Euler",
        "Seed": "5",
        "Template": "a {cat|dog}, Seed: 9",
        "Hashes": '{"model": "1a2b", "lora:ink": "3c4d"}',
        "Civitai resources": '[{"type": "checkpoint", "modelName": "A, Steps: 99"}]',
        "Clip skip": "2",
    }


@pytest.mark.parametrize("broken", ['"no end', "[1, 2", "[" * 30_000, '{"a":' * 10_000, '"\\'])
def test_a_broken_value_spoils_none_before_it(broken: str) -> None:
    read = parse(f"a cat\nSteps: 20, Seed: 3, Sampler: Euler, Odd: {broken}, Size: 8x8")
    assert read.fields["Steps"] == "20"
    assert read.fields["Seed"] == "3"


def test_a_name_that_comes_again_cannot_replace_the_first() -> None:
    assert parse("x\nSteps: 20, Seed: 3, Sampler: Euler, Seed: 4").fields["Seed"] == "3"


def test_windows_line_ends_are_line_ends() -> None:
    read = parse("a cat\r\nNegative prompt: dog\r\nSteps: 20, Seed: 3, Sampler: Euler\r\n")
    assert (read.prompt, read.negative_prompt, read.fields["Sampler"]) == ("a cat", "dog", "Euler")


def test_text_without_settings_is_a_prompt() -> None:
    assert parse("a cat: the film, part 2").prompt == "a cat: the film, part 2"


@given(st.text(max_size=500))
def test_any_text_can_be_parsed(text: str) -> None:
    parse(text)
