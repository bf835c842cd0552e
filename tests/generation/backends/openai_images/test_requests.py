"""What is sent to draw."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from generation.backends.openai_images.dialects import (
    LOCALAI,
    OPENAI,
    PLAIN,
    SGLANG,
    Dialect,
)
from generation.backends.openai_images.models import Model, read_model
from generation.backends.openai_images.requests import Call, make_call, rounds
from generation.types import SEED_MAX, Params, Setting, Task

PARAMS = Params(
    task=Task.TXT2IMG,
    model="m",
    prompt="a red circle",
    negative_prompt="blue",
    width=1024,
    height=768,
    steps=12,
    guidance_scale=3.5,
    sampler="Automatic",
    scheduler="Automatic",
    seed=SEED_MAX,
    count=3,
)


def model(name: str, dialect: Dialect) -> Model:
    found = read_model({"id": name}, dialect)
    assert found is not None
    return found


def call(dialect: Dialect, name: str = "maker/model", **changes: Any) -> Call:
    extra = {key: changes.pop(key) for key in ("pictures", "mask", "extra") if key in changes}
    partial = changes.pop("partial_images", 0)
    return make_call(
        replace(PARAMS, **changes),
        model(name, dialect),
        dialect,
        seed=5,
        count=2,
        partial_images=partial,
        **extra,
    )


def test_a_server_that_is_known_to_take_everything_is_told_everything() -> None:
    assert call(SGLANG) == Call(
        path="images/generations",
        fields={
            "model": "maker/model",
            "prompt": "a red circle",
            "n": 2,
            "size": "1024x768",
            "response_format": "b64_json",
            "seed": 5,
            "num_inference_steps": 12,
            "guidance_scale": 3.5,
            "negative_prompt": "blue",
        },
        count=2,
    )


def test_a_server_that_nobody_knows_is_told_what_all_of_them_take() -> None:
    assert set(call(PLAIN).fields) == {"model", "prompt", "n", "size", "response_format"}


def test_openais_newer_models_are_not_asked_for_base64_which_they_refuse() -> None:
    fields = call(OPENAI, "gpt-image-1", options=(Setting(name="quality", value="low"),)).fields
    assert set(fields) == {"model", "prompt", "n", "size", "quality"}


def test_localai_reads_the_negative_prompt_behind_a_bar() -> None:
    fields = call(LOCALAI, prompt="a | b").fields
    assert fields["prompt"] == "a   b|blue"
    assert fields["step"] == 12
    assert "guidance_scale" not in fields


def test_where_seeds_are_taken_each_picture_has_a_request_of_its_own() -> None:
    assert rounds(PARAMS, model("m", SGLANG), SGLANG) == [(SEED_MAX, 1), (0, 1), (1, 1)]


def test_without_seeds_as_many_as_the_model_allows_come_of_one_request() -> None:
    assert rounds(PARAMS, model("gpt-image-1", OPENAI), OPENAI) == [(SEED_MAX, 3)]
    many = replace(PARAMS, count=2)
    assert [count for _, count in rounds(many, model("dall-e-3", OPENAI), OPENAI)] == [1, 1]


def test_pictures_to_edit_go_as_files_beside_the_fields() -> None:
    made = call(SGLANG, task=Task.EDIT, pictures=(b"one", b"two"))
    assert made.path == "images/edits"
    form = {(part.name, part.filename): part.data for part in made.form() or ()}
    assert form["image", "0.png"] == b"one"
    assert form["image", "1.png"] == b"two"
    assert form["prompt", None] == b"a red circle"
    assert form["num_inference_steps", None] == b"12"


def test_a_mask_goes_along() -> None:
    made = call(OPENAI, "gpt-image-1", task=Task.INPAINT, pictures=(b"one",), mask=b"mask")
    assert [(part.name, part.data) for part in made.files] == [
        ("image[]", b"one"),
        ("mask", b"mask"),
    ]


def test_the_operators_fields_are_added_and_replace_none_of_the_members() -> None:
    fields = call(SGLANG, extra={"prompt": "advert", "enable_teacache": True}).fields
    assert fields["prompt"] == "a red circle"
    assert fields["enable_teacache"] is True


def test_unfinished_pictures_are_asked_for_by_streaming() -> None:
    fields = call(OPENAI, "gpt-image-1", partial_images=2).fields
    assert (fields["stream"], fields["partial_images"]) == (True, 2)
    assert "stream" not in call(OPENAI, "gpt-image-1").fields
