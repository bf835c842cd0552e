"""What kind of server answers, and what its models are offered as."""

from __future__ import annotations

from typing import Any

import pytest

from generation.backends.openai_images.dialects import (
    LOCALAI,
    OPENAI,
    PLAIN,
    SGLANG,
    VLLM_OMNI,
    Dialect,
    find_dialect,
)
from generation.backends.openai_images.models import Model, read_model
from generation.types import Task

SGLANG_CARD = {
    "id": "Qwen/Qwen-Image",
    "object": "model",
    "created": 1764290000,
    "owned_by": "sglang",
    "num_gpus": 1,
    "task_type": "T2I",
    "dit_precision": "bf16",
}


def model(name: str, dialect: Dialect, **card: Any) -> Model:
    found = read_model({"id": name, "object": "model", **card}, dialect)
    assert found is not None
    return found


@pytest.mark.parametrize(
    ("host", "owner", "dialect"),
    [
        ("api.openai.com", "", OPENAI),
        ("proxy.example", "openai", OPENAI),
        ("proxy.example", "system", OPENAI),
        ("box", "sglang", SGLANG),
        ("box", "vllm", VLLM_OMNI),
        ("box", "vllm-omni", VLLM_OMNI),
        ("box", "library", PLAIN),
        ("box", "", PLAIN),
    ],
)
def test_a_server_is_known_by_its_address_or_by_who_owns_its_models(
    host: str, owner: str, dialect: Dialect
) -> None:
    assert find_dialect(host, [{"id": "m", "owned_by": owner}]) is dialect


def test_openais_models_have_their_own_sizes_and_options() -> None:
    found = model("gpt-image-1", OPENAI)
    assert found.info.sizes == ((1024, 1024), (1536, 1024), (1024, 1536))
    assert found.info.tasks == {Task.TXT2IMG, Task.EDIT, Task.INPAINT}
    assert [option.name for option in found.info.options] == ["quality"]
    assert not found.info.uses_guidance
    assert not found.info.uses_negative_prompt
    assert not found.asks_for_base64


def test_dall_e_3_draws_one_at_a_time_and_has_to_be_asked_for_base64() -> None:
    found = model("dall-e-3", OPENAI)
    assert (found.most_at_once, found.asks_for_base64) == (1, True)
    assert found.info.tasks == {Task.TXT2IMG}


@pytest.mark.parametrize("name", ["gpt-5.1", "whisper-1", "text-embedding-3-large", ""])
def test_what_draws_nothing_is_not_offered(name: str) -> None:
    assert read_model({"id": name}, OPENAI) is None


def test_a_served_model_is_named_without_its_makers_and_has_its_familys_settings() -> None:
    found = read_model(SGLANG_CARD, SGLANG)
    assert found is not None
    assert (found.id, found.info.name) == ("Qwen/Qwen-Image", "Qwen-Image")
    assert (found.info.steps, found.info.guidance_scale) == (50, 4.0)
    assert found.guidance_field == "true_cfg_scale"
    assert found.info.uses_negative_prompt


@pytest.mark.parametrize(
    ("kind", "tasks"),
    [
        ("T2I", {Task.TXT2IMG}),
        ("I2I", {Task.EDIT}),
        ("TI2I", {Task.TXT2IMG, Task.EDIT}),
    ],
)
def test_sglang_says_what_a_model_is_for(kind: str, tasks: set[Task]) -> None:
    assert model("m", SGLANG, task_type=kind).info.tasks == tasks


def test_a_model_that_makes_films_is_not_offered() -> None:
    assert read_model({"id": "Wan2.2", "task_type": "T2V"}, SGLANG) is None


def test_an_editor_of_vllm_omni_is_known_by_its_name() -> None:
    assert model("Qwen/Qwen-Image-Edit-2511", VLLM_OMNI).info.tasks == {Task.EDIT}
    assert model("Qwen/Qwen-Image", VLLM_OMNI).info.max_references == 0


def test_few_step_models_offer_neither_guidance_nor_a_negative_prompt() -> None:
    found = model("Tongyi-MAI/Z-Image-Turbo", VLLM_OMNI)
    assert found.info.steps == 9
    assert not found.info.uses_guidance
    assert not found.info.uses_negative_prompt
    assert found.guidance_field is None


def test_an_unknown_server_is_offered_nothing_that_it_might_not_take() -> None:
    info = model("some-model", PLAIN).info
    assert (info.steps, info.max_steps) == (1, 1)
    assert not info.uses_guidance
    assert not info.uses_negative_prompt
    assert info.tasks == {Task.TXT2IMG}


def test_localai_takes_steps_but_no_guidance() -> None:
    info = model("stablediffusion", LOCALAI).info
    assert (info.steps, info.uses_guidance, info.uses_negative_prompt) == (20, False, True)
    assert info.width == 512
