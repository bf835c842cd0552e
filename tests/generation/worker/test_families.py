"""Every family of models, tiny and with random weights, through the worker's own painter."""

from __future__ import annotations

import inspect
import io
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image

from generation.backends.base import Work
from generation.types import JobId, Task
from generation.worker.calls import Shared
from generation.worker.families import FAMILIES
from generation.worker.gatherer import Gatherer, JobCancelled, Seat
from generation.worker.models import LoadedModel, ModelShelf
from generation.worker.painter import Painting, Step, paint
from generation.worker.random_models import PREFIX, TINY
from generation.worker.random_models.architectures import ARCHITECTURES
from generation.worker.samplers import AUTOMATIC
from generation.worker.settings import LocalModel, WorkerSettings
from tests.generation.local_models import params
from tests.generation.worker.held_device import PATIENCE, held_device

NAMES = tuple(ARCHITECTURES)
WIDTH, HEIGHT = 64, 96
TASKS = [
    (name, task)
    for name, architecture in ARCHITECTURES.items()
    for family in FAMILIES
    if architecture.pipeline in family.pipelines.values()
    for task in family.pipelines
]

pytestmark = pytest.mark.filterwarnings("ignore")  # libraries' own, while they load a model


@cache
def loaded(name: str) -> LoadedModel:
    torch.set_num_threads(1)  # more only fight over a busy machine's processors
    model = load(LocalModel(name=name, title=name, path=Path(f"{PREFIX}{TINY}{name}")))
    generator = torch.Generator().manual_seed(0)
    for weights in model.denoiser.parameters():
        if not weights.any():
            # Gates begin closed, so that a model that was never trained ignores its text.
            weights.normal_(std=0.2, generator=generator)
    return model


def load(model: LocalModel, dtype: torch.dtype = torch.float32) -> LoadedModel:
    settings = WorkerSettings(models=(model,), slots=8)
    shelf = ModelShelf(settings, torch.device("cpu"), dtype)
    shelf.open()
    return shelf.load(model.name)


@pytest.fixture(scope="module")
def gatherer() -> Iterator[Gatherer]:
    gatherer = Gatherer(threads=1)
    gatherer.start()
    yield gatherer
    gatherer.stop()


def draw(
    model: LoadedModel,
    gatherer: Gatherer,
    on_step: Callable[[Step], None] = lambda _: None,
    seat: Seat | None = None,
    **changes: Any,
) -> Painting:
    info = model.info
    task = changes.get("task", Task.TXT2IMG)
    chosen = {
        "model": info.name,
        "width": WIDTH,
        "height": HEIGHT,
        "steps": 2,
        "guidance_scale": info.guidance_scale,
        "sampler": info.sampler,
        "strength": 1.0 if task is Task.TXT2IMG else 0.6,
        **changes,
    }
    work = Work(
        job_id=JobId("job"),
        params=params(**chosen),
        image=None if task is Task.TXT2IMG else png("RGB", (200, 40, 90)),
        mask=png("L", 255, half=0) if task is Task.INPAINT else None,
    )
    own = seat or gatherer.seat()
    try:
        return paint(model, work, seat=own, on_step=on_step)
    finally:
        own.leave()


def png(mode: str, colour: Any, half: Any = None) -> bytes:
    picture = Image.new(mode, (WIDTH, HEIGHT), colour)
    if half is not None:
        picture.paste(half, (0, 0, WIDTH // 2, HEIGHT))
    buffer = io.BytesIO()
    picture.save(buffer, "PNG")
    return buffer.getvalue()


def pixels(painting: Painting) -> list[torch.Tensor]:
    return [picture.pixels for _, picture in painting.pictures if picture.pixels is not None]


def picture(model: LoadedModel, gatherer: Gatherer, **changes: Any) -> torch.Tensor:
    (only,) = pixels(draw(model, gatherer, **changes))
    return only


def test_every_family_but_one_has_a_model_to_test_it_with() -> None:
    tested = {architecture.pipeline for architecture in ARCHITECTURES.values()}
    untested = [f.title for f in FAMILIES if not tested & set(f.pipelines.values())]
    assert untested == ["PixArt Alpha"]  # as PixArt Sigma, with shorter texts
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
    pipe, _ = model.pipeline(Task.TXT2IMG, info.sampler, AUTOMATIC)
    known = inspect.signature(pipe.__call__).parameters
    if "negative_prompt" not in known:
        words.pop("negative_prompt", None)
    family.insist(pipe, WIDTH, HEIGHT)
    if name == "flux-schnell":
        words["max_sequence_length"] = 256  # it was trained on shorter texts than its pipeline's
    result = pipe(
        **words,
        width=WIDTH,
        height=HEIGHT,
        num_inference_steps=2,
        generator=[torch.Generator().manual_seed(7)],
        output_type="pt",
        return_dict=False,
        **family.guide(info.guidance_scale),
        **{key: value for key, value in family.options.items() if key not in words},
    )
    theirs = result[0][0].permute(1, 2, 0).mul(255).round().to(torch.uint8)
    ours = picture(
        model,
        gatherer,
        prompt="a red circle",
        negative_prompt=words.get("negative_prompt", ""),
    )
    assert int((ours.int() - theirs.int()).abs().max()) <= 1


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
    model, rows = loaded(name), list[int]()
    # Words of equal length: some families join no others.
    jobs = [{"prompt": f"{word} and so on", "seed": len(word)} for word in ("red", "sky", "old")]
    kept: dict[str, torch.Tensor] = {}

    def run(device: Gatherer, job: dict[str, Any]) -> Painting:
        seat = device.seat()
        original = seat.each

        def keeping(shared: Shared, rows: torch.Tensor) -> list[Any]:
            kept[job["prompt"]] = rows.clone()
            return original(shared, rows)

        seat.each = keeping  # type: ignore[method-assign]
        return draw(model, device, seat=seat, **job)

    handle = model.denoiser.register_forward_hook(lambda *_: rows.append(1))
    with held_device() as device, ThreadPoolExecutor(3) as threads:
        for job in jobs:
            run(device, job)
        alone, calls = dict(kept), len(rows)
        rows.clear()
        device.hold_steps(3)
        for painting in [threads.submit(run, device, job) for job in jobs]:
            painting.result(PATIENCE)
    handle.remove()
    assert len(rows) <= calls / 3 + 2  # one call more of each kind, to see that they may be joined
    for prompt, latents in kept.items():
        scale = max(1.0, float(alone[prompt].abs().max()))
        # Random weights magnify rounding from step to step.
        assert float((latents - alone[prompt]).abs().max()) / scale <= 1e-4
    assert not model.shared.refused


@pytest.mark.parametrize("name", NAMES)
def test_a_preview_has_the_pictures_shape(name: str, gatherer: Gatherer) -> None:
    model, shapes = loaded(name), list[tuple[int, ...]]()
    draw(
        model,
        gatherer,
        lambda step: shapes.append(tuple(model.previewer.sketch(step.foreseen()).colours.shape)),
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


@pytest.mark.parametrize("name", NAMES)
def test_a_text_that_is_too_long_is_told_where_it_ends(name: str, gatherer: Gatherer) -> None:
    notes = draw(loaded(name), gatherer, prompt="word " * 600).notes
    assert any("did not see its end" in note for note in notes)
    assert draw(loaded(name), gatherer, prompt="a word").notes == []


@pytest.mark.parametrize("name", NAMES)
def test_saved_as_a_folder_and_loaded_it_draws_the_same(
    name: str, gatherer: Gatherer, tmp_path: Path
) -> None:
    model = loaded(name)
    model.base.save_pretrained(str(tmp_path), safe_serialization=True)
    read = load(LocalModel(name=name, title=name, path=tmp_path))
    assert read.info == model.info
    difference = picture(read, gatherer).int() - picture(model, gatherer).int()
    assert int(difference.abs().max()) <= 1
    half = load(LocalModel(name=name, title=name, path=tmp_path), torch.bfloat16)
    for task in half.info.tasks:
        assert picture(half, gatherer, task=task).shape == (HEIGHT, WIDTH, 3)
