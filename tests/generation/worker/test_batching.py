"""Jobs of different members in shared steps: the same pictures as alone, in fewer calls."""

from __future__ import annotations

import gc
import io
import threading
import warnings
import weakref
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from typing import Any

import pytest
import torch
from PIL import Image

from generation import demo_model
from generation.backends.base import Work
from generation.types import JobId, Params, Task
from generation.worker.calls import Shared
from generation.worker.gatherer import JobCancelled, Seat
from generation.worker.models import LoadedModel, ModelShelf
from generation.worker.painter import Painting, paint
from generation.worker.settings import LocalModel, WorkerSettings
from tests.generation.local_models import params
from tests.generation.worker.held_device import PATIENCE, HeldDevice, held_device

pytestmark = pytest.mark.filterwarnings("ignore")  # libraries' own, while they load and run


def png(mode: str, colour: int | tuple[int, int, int], side: int = 64) -> bytes:
    buffer = io.BytesIO()
    Image.new(mode, (side, side), colour).save(buffer, "PNG")
    return buffer.getvalue()


PICTURE, MASK = png("RGB", (200, 40, 40)), png("L", 255)


def work(name: str, *, image: bytes | None = None, mask: bytes | None = None, **more: Any) -> Work:
    return Work(job_id=JobId(name), params=params(**more), image=image, mask=mask)


SEVEN = (
    work("a", prompt="a red circle", sampler="Euler a", steps=9, seed=1, guidance_scale=6.0),
    work("b", prompt="a blue star", sampler="DPM++ 2M", steps=6, seed=2, guidance_scale=3.0),
    work("c", sampler="DDIM", steps=8, seed=3, negative_prompt="green", count=2),
    work("d", sampler="Heun", steps=5, seed=4, guidance_scale=1.0, scheduler="Karras"),
    work("e", sampler="UniPC", steps=7, seed=5, task=Task.IMG2IMG, strength=0.6, image=PICTURE),
    work(
        *("f",), sampler="Euler", steps=10, seed=6, task=Task.INPAINT, strength=0.8,
        image=PICTURE, mask=MASK,
    ),
    work("g", sampler="LCM", steps=4, seed=7, guidance_scale=2.0),
)  # fmt: skip
LATE = {"e", "f", "g"}


@dataclass
class Studio:
    """A model, a device, and jobs that are painted on it, each in a thread of its own."""

    model: LoadedModel
    device: HeldDevice
    threads: ThreadPoolExecutor
    latents: dict[str, torch.Tensor] = field(default_factory=dict)
    calls: list[int] = field(default_factory=list)
    before: Callable[[int], None] = lambda _: None

    def start(self, job: Work, on_step: Callable[[Seat], None] = lambda _: None) -> Future[Any]:
        seat = self.device.seat(exact=job.params.exact)
        self._keep_latents(seat, job.job_id)
        return self.threads.submit(self._paint, job, seat, on_step)

    def alone(self, job: Work) -> Painting:
        painting: Painting = self.start(job).result(PATIENCE)
        return painting

    def pictures(self) -> dict[str, torch.Tensor]:
        """What each job drew, as numbers from 0 to 1, decoded here one by one."""
        vae = self.model.base.vae
        with torch.no_grad():
            return {
                name: torch.cat([vae.decode(one)[0] for one in torch.split(latents, 1)]).clamp(
                    -1, 1
                )
                / 2
                for name, latents in self.latents.items()
            }

    def _keep_latents(self, seat: Seat, name: str) -> None:
        original = seat.each

        def keeping(shared: Shared, rows: torch.Tensor) -> list[Any]:
            self.latents[name] = rows.clone()
            return original(shared, rows)

        seat.each = keeping  # type: ignore[method-assign]

    def _paint(self, job: Work, seat: Seat, on_step: Callable[[Seat], None]) -> Painting:
        try:
            return paint(self.model, job, seat=seat, on_step=lambda _: on_step(seat))
        finally:
            seat.leave()


def studio_of(model: LoadedModel) -> Iterator[Studio]:
    with held_device() as device, ThreadPoolExecutor(8) as threads:
        studio = Studio(model=model, device=device, threads=threads)
        shared, module = model.shared, model.denoiser
        model.shared = replace(shared, is_known=True)
        original = module.forward

        def watched(sample: torch.Tensor, *args: Any, **options: Any) -> Any:
            studio.calls.append(sample.shape[0])
            studio.before(len(studio.calls))
            return original(sample, *args, **options)

        module.forward = watched
        try:
            yield studio
        finally:
            del module.forward
            model.shared = shared


@pytest.fixture
def studio(loaded: LoadedModel) -> Iterator[Studio]:
    yield from studio_of(loaded)


def together(studio: Studio, jobs: tuple[Work, ...], late: frozenset[str]) -> None:
    """Paint all of them; the late ones come during the second joined call."""
    began, go_on = threading.Event(), threading.Event()

    def second_call_waits(number: int) -> None:
        if number == 2:
            began.set()
            go_on.wait(PATIENCE)

    punctual = [job for job in jobs if job.job_id not in late]
    futures = start_together(studio, punctual, second_call_waits)
    began.wait(PATIENCE)
    futures += [studio.start(job) for job in jobs if job.job_id in late]
    go_on.set()
    for future in futures:
        future.result(PATIENCE)
    studio.before = lambda _: None


def start_together(
    studio: Studio, jobs: list[Work], before: Callable[[int], None] = lambda _: None
) -> list[Future[Any]]:
    """Have the first call of each job waiting before the device sees any of them."""
    studio.before = before
    studio.device.hold_steps(len(jobs))
    return [studio.start(job) for job in jobs]


def test_seven_different_jobs_equal_their_single_runs_in_fewer_calls(studio: Studio) -> None:
    for job in SEVEN:
        studio.alone(job)
    alone, steps = studio.pictures(), len(studio.calls)
    studio.calls.clear()
    together(studio, SEVEN, frozenset(LATE))
    assert len({job.params.sampler for job in SEVEN}) == 7
    assert_close(studio.pictures(), alone)
    assert len(studio.calls) <= steps / 2
    assert max(studio.calls) >= 8


def assert_close(
    some: dict[str, torch.Tensor], others: dict[str, torch.Tensor], most: float = 1e-5
) -> None:
    assert some.keys() == others.keys()
    for name, picture in some.items():
        assert float((picture - others[name]).abs().max()) <= most, name


def test_an_identical_batch_is_identical_bit_for_bit(studio: Studio) -> None:
    jobs = [job for job in SEVEN if job.job_id not in LATE]
    made = []
    for _ in range(2):
        for future in start_together(studio, jobs):
            future.result(PATIENCE)
        made.append(dict(studio.latents))
    assert all(torch.equal(made[0][job.job_id], made[1][job.job_id]) for job in jobs)


def test_an_exact_job_is_bit_for_bit_as_alone_whatever_else_is_drawn(studio: Studio) -> None:
    exact = work("x", steps=6, seed=9, exact=True)
    studio.alone(replace(exact, params=replace(exact.params, exact=False)))
    alone = studio.latents["x"]
    for future in start_together(studio, [*SEVEN[:3], exact]):
        future.result(PATIENCE)
    assert torch.equal(studio.latents["x"], alone)


def test_jobs_of_several_sizes_are_joined_with_those_of_their_own(studio: Studio) -> None:
    jobs = [work(str(n), steps=3, seed=n, width=64 if n % 2 else 128) for n in range(4)]
    for future in start_together(studio, jobs):
        (_, picture), *_ = future.result(PATIENCE).pictures
        assert picture.pixels is not None
    assert len(studio.calls) == 6
    assert set(studio.calls) == {4}


def test_a_job_cancelled_in_a_batch_leaves_and_the_others_are_as_without_it(
    studio: Studio, monkeypatch: pytest.MonkeyPatch
) -> None:
    decoded: list[int] = []
    original = studio.model.base.vae.decode

    def counting(rows: torch.Tensor, **options: Any) -> Any:
        decoded.append(len(rows))
        return original(rows, **options)

    monkeypatch.setattr(studio.model.base.vae, "decode", counting)
    jobs = [work(str(n), steps=8, seed=n) for n in range(3)]
    seats: list[Seat] = []

    def cancel_the_second(number: int) -> None:
        if number == 3:
            seats[:] = studio.device._seats
            seats[1].cancel()

    futures = start_together(studio, jobs, cancel_the_second)
    with pytest.raises(JobCancelled):
        futures[1].result(PATIENCE)
    for number in (0, 2):
        futures[number].result(PATIENCE)
    assert studio.calls[:4] == [6, 6, 6, 4]
    assert sum(decoded) == 2
    monkeypatch.undo()
    batch = studio.pictures()
    for number in (0, 2):
        studio.alone(jobs[number])
    assert_close(batch, studio.pictures())


def test_without_room_for_a_batch_every_job_still_gets_its_pictures(studio: Studio) -> None:
    def small_only(_: int) -> None:
        if studio.calls[-1] > 2:
            raise torch.OutOfMemoryError("CUDA out of memory")

    jobs = [work(str(n), steps=3, seed=n, width=192) for n in range(3)]
    for future in start_together(studio, jobs, small_only):
        painting = future.result(PATIENCE)
        assert len(painting.pictures) == 1
        assert painting.notes == []
    assert studio.calls[:3] == [6, 4, 2]
    assert set(studio.calls[3:]) == {2}


def test_a_job_whose_pictures_cannot_be_computed_fails_alone(studio: Studio) -> None:
    def broken(number: int) -> None:
        if number in {2, 4}:  # the joined call, then the second job by itself
            raise ZeroDivisionError

    jobs = [work(str(n), steps=3, seed=n, height=192) for n in range(2)]
    futures = start_together(studio, jobs, broken)
    assert len(futures[0].result(PATIENCE).pictures) == 1
    with pytest.raises(ZeroDivisionError):
        futures[1].result(PATIENCE)


def test_nothing_is_kept_of_hundreds_of_jobs_whatever_their_end(
    studio: Studio, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[weakref.ref[torch.Tensor]] = []
    original = studio.model.denoiser.forward

    def remembering(sample: torch.Tensor, *args: Any, **options: Any) -> Any:
        seen.append(weakref.ref(sample))
        answer = original(sample, *args, **options)
        seen.append(weakref.ref(answer[0]))
        return answer

    monkeypatch.setattr(studio.model.denoiser, "forward", remembering)
    counts = []
    for batch in range(30):
        jobs = [work(str(n), steps=2, seed=n, sampler="DPM++ 2M") for n in range(7)]
        futures = [studio.start(job) for job in jobs]
        cancelled = studio.start(work("x", steps=50), lambda seat: seat.cancel())
        with pytest.raises(JobCancelled):
            cancelled.result(PATIENCE)
        for future in futures:
            future.result(PATIENCE)
        del jobs, futures, future, cancelled
        if batch in {2, 29}:
            gc.collect()
            counts.append(sum(isinstance(each, torch.Tensor) for each in gc.get_objects()))
    assert len(seen) > 60
    assert [each for each in seen if each() is not None] == []
    assert counts[1] <= counts[0]


def shipped(dtype: torch.dtype) -> LoadedModel:
    torch.set_num_threads(1)
    model = LocalModel(name="demo", title="Demo", path=demo_model.MODEL_DIR, sampler="Euler")
    settings = WorkerSettings(models=(model,), device="cpu", threads=1, slots=8)
    shelf = ModelShelf(settings, torch.device("cpu"), dtype)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        shelf.open()
    return shelf.load("demo")


@pytest.mark.parametrize(
    ("dtype", "most"), [(torch.float32, 1e-5), (torch.bfloat16, 3 / 255)], ids=["fp32", "bf16"]
)
def test_the_shipped_model_draws_the_same_in_a_batch(dtype: torch.dtype, most: float) -> None:
    def wish(name: str, sampler: str, **changes: Any) -> Work:
        wanted: Params = params(
            model="demo", width=128, height=128, steps=4, guidance_scale=2.0, sampler=sampler
        )
        return Work(job_id=JobId(name), params=replace(wanted, **changes))

    jobs = [
        wish("a", "Euler", prompt="a red circle on a blue background"),
        wish("b", "DPM++ 2M", seed=8, steps=3),
        wish("c", "DDIM", guidance_scale=1.0),
    ]
    for studio in studio_of(shipped(dtype)):
        for job in jobs:
            studio.alone(job)
        alone, steps = studio.pictures(), len(studio.calls)
        studio.calls.clear()
        for future in start_together(studio, jobs):
            future.result(PATIENCE)
        assert len(studio.calls) < steps
        assert_close(studio.pictures(), alone, most)
