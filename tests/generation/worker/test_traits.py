"""What the worker reads from a model's files before it loads a weight."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from generation.backends.base import ModelInfo
from generation.errors import Unavailable
from generation.types import Task
from generation.worker.candidates import describe
from generation.worker.families import FAMILIES, find_family, read_traits
from generation.worker.families.base import Guidance, ModelFiles
from generation.worker.random_models.source import random_model
from generation.worker.settings import LocalModel

FLOW_FAMILIES = ["sd3", "flux", "flux2", "qwen-image", "z-image", "chroma", "lumina2", "sana"]


def files(
    name: str, changes: Mapping[str, Mapping[str, object]] | None = None, **options: object
) -> ModelFiles:
    found = random_model(Path(f"random:{name}")).examine()
    configs = {
        part: {**config, **(changes or {}).get(part, {})} for part, config in found.configs.items()
    }
    return replace(found, configs=configs, options={**found.options, **options})


traits = read_traits


@pytest.mark.parametrize(
    ("name", "side", "multiple"),
    [
        ("sd15", 512, 8),
        ("sdxl", 1024, 8),
        ("sd3", 1024, 16),
        ("flux", 1024, 16),
        ("qwen-image", 1328, 16),
        ("sana", 1024, 32),
        ("pixart-sigma", 1024, 16),
    ],
)
def test_sizes_are_those_of_the_published_models(name: str, side: int, multiple: int) -> None:
    found = traits(files(name))
    assert (found.side, found.multiple_of) == (side, multiple)


@pytest.mark.parametrize(
    ("model", "steps", "guidance", "scale"),
    [
        (files("flux-schnell"), 4, Guidance.NONE, 0.0),
        (files("flux"), 28, Guidance.DISTILLED, 3.5),
        (
            files("flux", {"transformer": {"guidance_embeds": False}}),
            28,
            Guidance.CLASSIFIER_FREE,
            3.5,
        ),
        (files("flux2-klein"), 4, Guidance.NONE, 1.0),
        (files("flux2-klein-base"), 50, Guidance.CLASSIFIER_FREE, 4.0),
        (files("z-image-turbo"), 9, Guidance.NONE, 0.0),
        (files("z-image"), 30, Guidance.CLASSIFIER_FREE, 4.0),
        (
            files("sdxl", {"scheduler": {"timestep_spacing": "trailing"}}),
            4,
            Guidance.CLASSIFIER_FREE,
            1.0,
        ),
        (files("sdxl", _name_or_path="stabilityai/sdxl-turbo"), 4, Guidance.CLASSIFIER_FREE, 1.0),
        (files("sdxl"), 30, Guidance.CLASSIFIER_FREE, 6.0),
        (
            files("sd15", {"scheduler": {"_class_name": "LCMScheduler"}}),
            4,
            Guidance.CLASSIFIER_FREE,
            1.0,
        ),
        (files("sd15", {"unet": {"time_cond_proj_dim": 256}}), 4, Guidance.DISTILLED, 8.0),
        (
            files("sd3", _name_or_path="stabilityai/stable-diffusion-3.5-large-turbo"),
            4,
            Guidance.CLASSIFIER_FREE,
            1.0,
        ),
        (
            files("hidream", {"scheduler": {"_class_name": "FlowMatchLCMScheduler", "shift": 6.0}}),
            28,
            Guidance.NONE,
            0.0,
        ),
        (files("hidream"), 50, Guidance.CLASSIFIER_FREE, 5.0),
    ],
)
def test_models_of_few_steps_are_recognised(
    model: ModelFiles, steps: int, guidance: Guidance, scale: float
) -> None:
    found = traits(model)
    assert (found.steps, found.guidance, found.guidance_scale) == (steps, guidance, scale)


def test_a_model_that_predicts_velocity_is_not_taken_for_one_of_few_steps() -> None:
    schedule = {"timestep_spacing": "trailing", "prediction_type": "v_prediction"}
    assert traits(files("sdxl", {"scheduler": schedule})).steps == 30


@pytest.mark.parametrize(
    ("model", "sentence"),
    [
        (files("sd15", {"unet": {"in_channels": 5}}), "takes 5 channels; .* with 4 or 9"),
        (files("instruct-pix2pix", {"unet": {"in_channels": 4}}), "takes 4 channels; .* with 8"),
        (files("flux-fill", {"transformer": {"in_channels": 64}}), "only models with 384"),
        (files("flux", {"transformer": {"in_channels": 384}}), "takes 384 channels"),
        (files("sdxl", requires_aesthetics_score=True), "it is SDXL's refiner"),
        (files("qwen-image", {"transformer": {"guidance_embeds": True}}), "guidance distilled in"),
    ],
)
def test_a_model_that_its_family_cannot_run_is_told_why(model: ModelFiles, sentence: str) -> None:
    with pytest.raises(Unavailable, match=sentence):
        traits(model)


def test_hidream_without_its_fourth_text_encoder_is_told_what_to_do() -> None:
    found = files("hidream")
    configs = {part: found.configs[part] for part in found.configs if part != "text_encoder_4"}
    with pytest.raises(Unavailable, match="Instruct into text_encoder_4"):
        traits(replace(found, configs=configs))


@pytest.mark.parametrize(
    ("saved", "sampler", "schedule"),
    [
        ({"_class_name": "EulerDiscreteScheduler"}, "Euler", "Automatic"),
        ({"_class_name": "LCMScheduler"}, "LCM", "Automatic"),
        (
            {"_class_name": "DPMSolverMultistepScheduler", "use_karras_sigmas": True},
            "DPM++ 2M",
            "Karras",
        ),
        (
            {"_class_name": "DPMSolverMultistepScheduler", "algorithm_type": "sde-dpmsolver++"},
            "DPM++ 2M SDE",
            "Automatic",
        ),
        ({"_class_name": "PNDMScheduler"}, "Euler a", "Automatic"),
        ({"_class_name": "SomethingElse"}, "Euler a", "Automatic"),
    ],
)
def test_the_saved_sampler_and_schedule_are_the_defaults(
    saved: dict[str, object], sampler: str, schedule: str
) -> None:
    found = traits(files("sdxl", {"scheduler": saved}))
    assert (found.sampler, found.schedule) == (sampler, schedule)


@pytest.mark.parametrize("name", FLOW_FAMILIES)
def test_flow_matching_models_get_no_samplers_of_others(name: str) -> None:
    for sampler in traits(files(name)).kit.samplers.values():
        is_flow = "FlowMatch" in str(sampler.kind) or sampler.options.get("use_flow_sigmas")
        assert is_flow, sampler.kind


def info(name: str, **changes: object) -> ModelInfo:
    model = LocalModel(name="m", title="M", path=Path(f"random:{name}"), **changes)  # type: ignore[arg-type]  # tests name real fields
    found = files(name)
    family = find_family(found.class_name)
    return describe(model, family, traits(found))


def test_the_operators_sizes_are_rounded_to_what_the_model_can_draw() -> None:
    flux = info("flux", width=1000, height=1016)
    assert (flux.width, flux.height) == (992, 1024)
    assert flux.multiple_of == 16


def test_no_side_is_longer_than_the_model_has_positions_for() -> None:
    assert info("hidream", max_side=2048).max_side == 1024
    assert info("kandinsky5", max_side=4096).max_side == 2048
    assert info("flux", max_side=4096).max_side == 4096


def test_options_without_an_effect_are_not_offered() -> None:
    schnell, dev, full = (info(name) for name in ("flux-schnell", "flux", "sdxl"))
    assert (schnell.uses_guidance, schnell.uses_negative_prompt) == (False, False)
    assert (dev.uses_guidance, dev.uses_negative_prompt) == (True, False)
    assert (full.uses_guidance, full.uses_negative_prompt) == (True, True)
    with pytest.raises(Unavailable, match="take out guidance_scale"):
        info("flux-schnell", guidance_scale=3.5)


def test_a_sampler_that_does_not_fit_is_told_which_do() -> None:
    with pytest.raises(Unavailable, match="'Euler a' does not fit this model; use Euler, LCM"):
        info("flux", sampler="Euler a")


def test_tasks_are_those_that_the_family_has_pipelines_for() -> None:
    assert info("flux2-klein").tasks == {Task.TXT2IMG, Task.INPAINT, Task.EDIT}
    assert info("sana").tasks == {Task.TXT2IMG}


def test_the_documentation_names_every_family_and_no_other() -> None:
    text = (Path(__file__).parents[3] / "docs" / "models.md").read_text(encoding="utf-8")
    table = text.partition("## Families")[2].partition("\n## ")[0]
    rows = [row.split("|")[1].strip() for row in table.splitlines() if row.startswith("| ")][1:]
    named = {re.sub(r" \(.*\)", "", row) for row in rows}
    assert named == {family.title for family in FAMILIES}


@pytest.mark.parametrize(
    ("row", "name"),
    [
        ("Stable Diffusion XL", "sdxl"),
        ("FLUX.1 (dev)", "flux"),
        ("FLUX.1 (schnell)", "flux-schnell"),
        ("FLUX.1 Kontext", "flux-kontext"),
        ("FLUX.1 Fill", "flux-fill"),
        ("InstructPix2Pix", "instruct-pix2pix"),
        ("Stable Diffusion 1 and 2 (inpainting)", "sd15-inpainting"),
        ("Stable Diffusion XL (inpainting)", "sdxl-inpainting"),
        ("Qwen-Image-Edit", "qwen-image-edit"),
        ("Qwen-Image-Edit Plus", "qwen-image-edit-plus"),
        ("FLUX.2", "flux2"),
        ("FLUX.2 klein", "flux2-klein"),
        ("FLUX.2 klein (base)", "flux2-klein-base"),
        ("Qwen-Image", "qwen-image"),
        ("Z-Image (Turbo)", "z-image-turbo"),
        ("Sana", "sana"),
        ("Kandinsky 5", "kandinsky5"),
    ],
)
def test_the_documentation_says_what_a_model_can_do(row: str, name: str) -> None:
    text = (Path(__file__).parents[3] / "docs" / "models.md").read_text(encoding="utf-8")
    (line,) = [each for each in text.splitlines() if each.startswith(f"| {row} |")]
    cells = [cell.strip() for cell in line.strip("|").split("|")][1:]
    shown = info(name)
    columns = (Task.TXT2IMG, Task.IMG2IMG, Task.INPAINT, Task.EDIT)
    tasks = [task in shown.tasks for task in columns]
    options = [*tasks, shown.uses_negative_prompt, shown.uses_guidance]
    assert cells[:4] + cells[5:7] == ["yes" if each else "no" for each in options]
    assert cells[4] == str(shown.max_references)
    assert cells[7:9] == [str(shown.multiple_of), str(shown.width)]
