"""Settings text, written and read back."""

from __future__ import annotations

import io

import pytest
from hypothesis import given, strategies as st
from PIL import Image

from generation.errors import BadImage
from generation.infotext import (
    embed_png,
    parse,
    read_png,
    read_user_comment,
    user_comment,
    write,
)
from generation.prompt import one_line
from generation.types import Lora, Task
from tests.generation.local_models import params

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=80)


def png() -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", (3, 2), (1, 2, 3)).save(buffer, "PNG")
    return buffer.getvalue()


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
    fields = parse(write(made, seed=1)).fields
    assert fields["Denoising strength"] == "0.55"
    assert fields["LoRAs"] == "ink:0.5"


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


def test_text_without_settings_is_a_prompt() -> None:
    assert parse("a cat: the film, part 2").prompt == "a cat: the film, part 2"


@given(st.text(max_size=500))
def test_any_text_can_be_parsed(text: str) -> None:
    parse(text)


@given(TEXT)
def test_a_png_carries_the_text_and_keeps_its_pixels(text: str) -> None:
    marked = embed_png(png(), text)
    assert read_png(marked) == text
    with Image.open(io.BytesIO(marked)) as opened:
        opened.load()
        assert opened.getpixel((0, 0)) == (1, 2, 3)


def test_pillow_reads_the_same_text() -> None:
    for text in ("plain é", "日本"):
        with Image.open(io.BytesIO(embed_png(png(), text))) as opened:
            assert opened.info["parameters"] == text


def test_embedding_replaces_what_was_there() -> None:
    twice = embed_png(embed_png(png(), "first secret"), "second")
    assert read_png(twice) == "second"
    assert b"first secret" not in twice


def test_a_png_without_text_has_none() -> None:
    assert read_png(png()) is None


@pytest.mark.parametrize("data", [b"", b"GIF89a", png()[:40], png()[:-6]])
def test_what_is_no_whole_png_is_refused(data: bytes) -> None:
    with pytest.raises(BadImage):
        embed_png(data, "x")


def test_a_user_comment_is_read_back() -> None:
    assert read_user_comment(user_comment("é 日本 👩‍🎨")) == "é 日本 👩‍🎨"
    assert read_user_comment(b"ASCII\0\0\0x") is None
