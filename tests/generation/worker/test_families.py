"""Every family of models, tiny and with random weights, through the worker's own painter."""

from __future__ import annotations

import inspect
import json
from pathlib import Path
from typing import Any

import pytest
import torch

from generation.types import Task
from generation.worker.arguments import task_arguments
from generation.worker.families import FAMILIES
from generation.worker.gatherer import Gatherer, JobCancelled
from generation.worker.looking import arguments_for, sight_of
from generation.worker.models import LoadedModel
from generation.worker.painter import Step
from generation.worker.random_models.architectures import ARCHITECTURES
from generation.worker.samplers import AUTOMATIC, draw_noise_from
from generation.worker.settings import LocalModel
from tests.generation.worker.tiny_families import (
    HEIGHT,
    NAMES,
    TASKS,
    USUAL,
    WIDTH,
    WITHOUT_END,
    draw,
    load,
    loaded,
    meet,
    picture,
    pixels,
    work_for,
)

pytestmark = [
    pytest.mark.filterwarnings("ignore"),  # libraries' own, while they load a model
    pytest.mark.usefixtures("small_looks"),
]


def test_every_family_has_a_model_to_test_it_with() -> None:
    tested = {architecture.pipeline for architecture in ARCHITECTURES.values()}
    untested = [f.title for f in FAMILIES if not tested & set(f.pipelines.values())]
    assert untested == []
    assert len(TASKS) >= 30


@pytest.mark.parametrize(("name", "task"), TASKS)
def test_a_seed_gives_the_same_picture_again_in_the_asked_size(
    name: str, task: Task, gatherer: Gatherer
) -> None:
    model = loaded(name)
    steps: list[tuple[int, int]] = []
    first = draw(
        model,
        gatherer,
        task=task,
        count=2,
        on_step=lambda step: steps.append((step.number, step.total)),
    )
    one, two = pixels(first)
    assert one.shape == two.shape == (HEIGHT, WIDTH, 3)
    assert not torch.equal(one, two)
    assert steps == [(number, len(steps)) for number in range(1, len(steps) + 1)]
    again = pixels(draw(model, gatherer, task=task, count=2))
    assert torch.equal(one, again[0])
    assert torch.equal(two, again[1])
    alone = picture(model, gatherer, task=task, seed=8)
    assert int((alone.int() - two.int()).abs().max()) <= 1


@pytest.mark.parametrize("name", NAMES)
def test_it_draws_what_diffusers_draws_from_the_same_words(name: str, gatherer: Gatherer) -> None:
    model = loaded(name)
    info, family = model.info, model.family
    words: dict[str, Any] = {"prompt": "a red circle"}
    if info.uses_negative_prompt:
        words["negative_prompt"] = "blue"
    pipe, _ = model.pipeline(USUAL[name], info.sampler, AUTOMATIC)
    known = inspect.signature(pipe.__call__).parameters
    if "negative_prompt" not in known:
        words.pop("negative_prompt", None)
    family.insist(pipe, WIDTH, HEIGHT)
    if name == "flux-schnell":
        words["max_sequence_length"] = 256  # it was trained on shorter texts than its pipeline's
    work, generators = work_for(info), [torch.Generator().manual_seed(7)]
    draw_noise_from(pipe.scheduler, generators)  # LCM for flows takes it from everybody's else
    result = pipe(
        **words,
        **task_arguments(pipe, work, 1),
        **arguments_for(family, work, sight_of(work), 1),
        num_inference_steps=2,
        generator=generators,
        output_type="pt",
        return_dict=False,
        **family.guide(info.guidance_scale),
        **{key: value for key, value in family.options.items() if key not in words},
    )
    theirs = result[0][0].cpu().permute(1, 2, 0).mul(255).round().to(torch.uint8)
    ours = picture(
        model,
        gatherer,
        prompt="a red circle",
        negative_prompt=words.get("negative_prompt", ""),
    )
    # Texts that are read together with pictures round differently in another thread.
    most = 2 if name in WITHOUT_END else 1
    assert int((ours.int() - theirs.int()).abs().max()) <= most


@pytest.mark.parametrize("name", NAMES)
def test_options_have_an_effect_exactly_where_it_is_claimed(name: str, gatherer: Gatherer) -> None:
    model = loaded(name)
    scale = model.info.guidance_scale
    plain = picture(model, gatherer)
    stronger = picture(model, gatherer, guidance_scale=scale + 4)
    against = picture(model, gatherer, negative_prompt="zebras, rain and other things")
    assert torch.equal(plain, stronger) is not model.info.uses_guidance
    assert torch.equal(plain, against) is not model.info.uses_negative_prompt


@pytest.mark.parametrize("name", NAMES)
def test_every_sampler_it_offers_draws_from_the_seed_alone(name: str, gatherer: Gatherer) -> None:
    model = loaded(name)
    for sampler in model.info.samplers:
        first = picture(model, gatherer, sampler=sampler, steps=3)
        again = picture(model, gatherer, sampler=sampler, steps=3)
        assert torch.equal(first, again), sampler


@pytest.mark.parametrize("name", NAMES)
def test_cancelling_takes_effect_within_a_step(name: str, gatherer: Gatherer) -> None:
    model, seat, steps = loaded(name), gatherer.seat(), list[int]()

    def cancel_at_the_second(step: Step) -> None:
        steps.append(step.number)
        if step.number == 2:
            seat.cancel()

    with pytest.raises(JobCancelled):
        draw(model, gatherer, cancel_at_the_second, seat, steps=6)
    assert steps == [1, 2]


@pytest.mark.parametrize("name", NAMES)
def test_jobs_share_steps_and_each_draws_what_it_draws_alone(name: str) -> None:
    model = loaded(name)
    # Words of equal length: some families join no others.
    jobs = [{"prompt": f"{word} and so on", "seed": len(word)} for word in ("red", "sky", "old")]
    met = meet(model, jobs)
    assert met.calls_together <= met.calls_alone / 3 + 2  # one more of each kind, to prove it
    assert met.difference() <= 1e-4
    assert not model.shared.refused


@pytest.mark.parametrize("name", NAMES)
def test_a_preview_has_the_pictures_shape(name: str, gatherer: Gatherer) -> None:
    model, shapes = loaded(name), list[tuple[int, ...]]()
    draw(
        model,
        gatherer,
        lambda step: shapes.append(tuple(model.previewer.sketch(step.foreseen()).colours.shape)),
        strength=1.0,
    )
    assert len(shapes) == 2
    for rows, columns, colours in shapes:
        assert colours == 3
        assert rows * WIDTH == columns * HEIGHT


@pytest.mark.parametrize("name", NAMES)
def test_the_same_prompt_again_costs_no_text_encoding(name: str, gatherer: Gatherer) -> None:
    model, calls = loaded(name), list[str]()
    handles = [
        part.register_forward_hook(lambda *_, name=part_name: calls.append(name))
        for part_name, part in model.base.components.items()
        if part_name.startswith("text_encoder") and part is not None
    ]
    try:
        first = picture(model, gatherer, prompt="never seen before", negative_prompt="nor this")
        assert len(set(calls)) == len(handles)
        calls.clear()
        second = picture(model, gatherer, prompt="never seen before", negative_prompt="nor this")
    finally:
        for handle in handles:
            handle.remove()
    assert handles
    assert calls == []
    assert torch.equal(first, second)


@pytest.mark.parametrize("name", [name for name in NAMES if name not in WITHOUT_END])
def test_a_text_that_is_too_long_is_told_where_it_ends(name: str, gatherer: Gatherer) -> None:
    notes = draw(loaded(name), gatherer, prompt="word " * 600).notes
    assert any("did not see its end" in note for note in notes)
    assert draw(loaded(name), gatherer, prompt="a word").notes == []


@pytest.mark.parametrize("name", NAMES)
def test_saved_as_a_folder_and_loaded_it_draws_the_same(
    name: str, gatherer: Gatherer, tmp_path: Path
) -> None:
    model = loaded(name)
    save(model, tmp_path)
    read = load(LocalModel(name=name, title=name, path=tmp_path))
    assert read.info == model.info
    difference = picture(read, gatherer).int() - picture(model, gatherer).int()
    assert int(difference.abs().max()) <= 1
    half = load(LocalModel(name=name, title=name, path=tmp_path), torch.bfloat16)
    for task in half.info.tasks:
        assert picture(half, gatherer, task=task).shape == (HEIGHT, WIDTH, 3)


def save(model: LoadedModel, folder: Path) -> None:
    """Write the model as those who publish it do, who have transformers' own processors."""
    model.base.save_pretrained(str(folder), safe_serialization=True)
    index = folder / "model_index.json"
    names = json.loads(index.read_text())
    for part in model.family.processors:
        names[part] = ["transformers", "Qwen2VLProcessor"]
        reader = getattr(model.base, part)
        reader.tokenizer.save_pretrained(str(folder / part))
        reader.image_processor.save_pretrained(str(folder / part))
    index.write_text(json.dumps(names))
