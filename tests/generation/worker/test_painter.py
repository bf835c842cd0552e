"""One job on the device: cancelling, memory, emptiness."""

from __future__ import annotations

import gc
import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import torch

from generation.backends.base import Work
from generation.errors import BlankOutput, LoraUnusable, OutOfMemory
from generation.types import JobId, Lora
from generation.worker.gatherer import Gatherer, JobCancelled, Seat
from generation.worker.models import LoadedModel
from generation.worker.painter import Painting, Step, paint
from tests.generation.local_models import params

pytestmark = pytest.mark.filterwarnings("ignore")  # diffusers' own, about NumPy 2


def job(**changes: object) -> Work:
    return Work(job_id=JobId("job"), params=params(**changes))


Run = Callable[..., Painting]


@pytest.fixture
def run(loaded: LoadedModel, device: Gatherer) -> Run:
    """Paints a job in this thread. ``on_step`` also gets the job's seat, to cancel it."""

    def run(work: Work, on_step: Callable[[Step, Seat], None] = lambda *_: None) -> Painting:
        seat = device.seat(exact=work.params.exact)
        try:
            return paint(loaded, work, seat=seat, on_step=lambda step: on_step(step, seat))
        finally:
            seat.leave()

    return run


def pixels(painting: Painting) -> list[torch.Tensor]:
    return [picture.pixels for _, picture in painting.pictures if picture.pixels is not None]


@contextmanager
def forward(module: Any, replacement: Callable[..., Any]) -> Iterator[list[int]]:
    """Put something before a module's work; gives the batch size of each call."""
    original, seen = module.forward, list[int]()

    def watched(sample: torch.Tensor, *args: Any, **options: Any) -> Any:
        seen.append(sample.shape[0])
        replacement(sample)
        return original(sample, *args, **options)

    module.forward = watched
    try:
        yield seen
    finally:
        del module.forward


@contextmanager
def decoding(loaded: LoadedModel, change: Callable[[Any], Any]) -> Iterator[list[int]]:
    vae, seen = loaded.base.vae, list[int]()
    original = vae.decode

    def watched(latents: torch.Tensor, **options: Any) -> Any:
        seen.append(latents.shape[0])
        return (change(original(latents, **options)[0]),)

    vae.decode = watched
    try:
        yield seen
    finally:
        del vae.decode


def test_a_batch_gives_the_pictures_that_single_runs_give(run: Run) -> None:
    together = pixels(run(job(count=3, seed=5)))
    for index, picture in enumerate(together):
        (alone,) = pixels(run(job(seed=5 + index)))
        difference = (picture.int() - alone.int()).abs()
        assert int(difference.max()) <= 1


def test_cancelling_takes_effect_within_a_step_and_decodes_nothing(
    loaded: LoadedModel, run: Run
) -> None:
    steps: list[int] = []

    def stop_at_three(step: Step, seat: Seat) -> None:
        steps.append(step.number)
        if step.number == 3:
            seat.cancel()

    with decoding(loaded, lambda image: image) as decoded, pytest.raises(JobCancelled):
        run(job(steps=20), stop_at_three)
    assert steps == [1, 2, 3]
    assert decoded == []


def test_the_job_after_a_cancelled_one_is_as_if_nothing_had_been(run: Run) -> None:
    (before,) = pixels(run(job()))
    with pytest.raises(JobCancelled):
        run(job(seed=99), lambda _, seat: seat.cancel())
    (after,) = pixels(run(job()))
    assert torch.equal(before, after)


def test_without_room_the_batch_is_halved_until_it_fits(loaded: LoadedModel, run: Run) -> None:
    def small_only(sample: torch.Tensor) -> None:
        if sample.shape[0] > 2:  # a guided picture counts twice
            raise torch.OutOfMemoryError("CUDA out of memory")

    steps: list[tuple[int, int]] = []
    with forward(loaded.base.unet, small_only) as batches:
        painting = run(
            job(count=4, steps=2),
            on_step=lambda step, _: steps.append((step.number, step.total)),
        )
    assert len(pixels(painting)) == 4
    assert batches[:3] == [8, 4, 2]
    assert "at most 1 were made at a time" in painting.notes[-1]
    assert steps == [(number, 8) for number in range(1, 9)]


def test_one_picture_without_room_is_out_of_memory(loaded: LoadedModel, run: Run) -> None:
    def never(_: torch.Tensor) -> None:
        raise torch.OutOfMemoryError("CUDA out of memory")

    with forward(loaded.base.unet, never), pytest.raises(OutOfMemory):
        run(job(count=2))


def test_nothing_of_a_failed_attempt_stays_in_memory(loaded: LoadedModel, run: Run) -> None:
    seen: list[weakref.ref[torch.Tensor]] = []

    def never(sample: torch.Tensor) -> None:
        seen.append(weakref.ref(sample))
        raise torch.OutOfMemoryError("CUDA out of memory")

    with forward(loaded.base.unet, never), pytest.raises(OutOfMemory):
        run(job())
    gc.collect()
    assert seen
    assert [reference() for reference in seen] == [None] * len(seen)


def test_another_error_of_the_device_is_passed_on(loaded: LoadedModel, run: Run) -> None:
    def broken(_: torch.Tensor) -> None:
        raise RuntimeError("CUDA error: an illegal memory access was encountered")

    with forward(loaded.base.unet, broken), pytest.raises(RuntimeError, match="illegal"):
        run(job())


def test_only_empty_pictures_are_a_blank_output(loaded: LoadedModel, run: Run) -> None:
    empty = decoding(loaded, lambda image: torch.full_like(image, float("nan")))
    with empty, pytest.raises(BlankOutput):
        run(job(count=2))


def test_an_empty_picture_among_good_ones_is_left_out_and_said_so(
    loaded: LoadedModel, run: Run
) -> None:
    def first_is_empty(image: torch.Tensor) -> torch.Tensor:
        return torch.cat([image[:1] * float("nan"), image[1:]])

    with decoding(loaded, first_is_empty) as decoded:
        painting = run(job(count=3, seed=5))
    assert decoded == [3]
    assert [seed for seed, _ in painting.pictures] == [6, 7]
    assert painting.notes == ["1 of 3 came out empty and were left out."]


def test_without_room_pictures_are_decoded_fewer_at_a_time(loaded: LoadedModel, run: Run) -> None:
    def one_only(image: torch.Tensor) -> torch.Tensor:
        if len(image) > 1:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return image

    with decoding(loaded, one_only) as decoded:
        painting = run(job(count=3, width=128))
    assert len(pixels(painting)) == 3
    assert decoded == [3, 2, 1, 1, 1]


def test_the_same_prompt_is_encoded_once(loaded: LoadedModel, run: Run) -> None:
    calls: list[object] = []
    handle = loaded.base.text_encoder.register_forward_hook(lambda *_: calls.append(1))
    try:
        first = run(job(prompt="never seen before", negative_prompt="nor this"))
        encoded = len(calls)
        second = run(job(prompt="never seen before", negative_prompt="nor this"))
    finally:
        handle.remove()
    assert encoded == 2
    assert len(calls) == 2
    assert torch.equal(pixels(first)[0], pixels(second)[0])


def test_loras_it_does_not_have_are_not_ignored(run: Run) -> None:
    with pytest.raises(LoraUnusable):
        run(job(loras=(Lora(name="ink"),)))


def test_the_pictures_of_an_exact_job_do_not_depend_on_each_other(
    loaded: LoadedModel, run: Run
) -> None:
    with forward(loaded.base.unet, lambda _: None) as rows:
        together = pixels(run(job(count=2, seed=5, exact=True, steps=2)))
    assert rows == [2] * 4  # a guided picture counts twice
    for index, picture in enumerate(together):
        (alone,) = pixels(run(job(seed=5 + index, steps=2)))
        assert torch.equal(picture, alone)


def test_what_is_foreseen_after_the_last_step_looks_like_the_picture(
    loaded: LoadedModel, run: Run
) -> None:
    last: list[torch.Tensor] = []

    def keep(step: Step, _: Seat) -> None:
        if step.number == step.total:
            last.append(loaded.previewer.sketch(step.foreseen()).colours)

    run(job(sampler="DDIM"), keep)
    (colours,) = last
    assert colours.shape == (8, 8, 3)
    assert colours.dtype == torch.uint8
