"""A second pass over the enlarged picture."""

from __future__ import annotations

import io

import pytest
from PIL import Image, ImageChops

from generation.backends.base import Work
from generation.infotext import parse, read_png
from generation.types import JobId
from generation.worker.finishing import finish
from generation.worker.gatherer import JobCancelled, Seat
from generation.worker.models import LoadedModel
from generation.worker.painter import Step
from generation.worker.passes import paint_job
from tests.generation.local_models import params

pytestmark = pytest.mark.filterwarnings("ignore")  # diffusers' own, about NumPy 2


TWICE = {"hires": 2.0, "hires_strength": 0.5, "final_width": 128, "final_height": 128}


def job(**changes: object) -> Work:
    return Work(job_id=JobId("job"), params=params(**{**TWICE, **changes}))


def drawn(loaded: LoadedModel, seat: Seat, work: Work) -> list[bytes]:
    painting = paint_job(loaded, work, seat=seat, on_step=lambda _: None)
    return [output.data for output in finish(painting, work, "Tiny")]


def opened(data: bytes) -> Image.Image:
    return Image.open(io.BytesIO(data)).convert("RGB")


def test_the_finished_picture_is_the_first_one_enlarged_and_drawn_over(
    loaded: LoadedModel, seat: Seat
) -> None:
    (small,) = drawn(loaded, seat, job(hires=1.0, final_width=0, final_height=0))
    (large,) = drawn(loaded, seat, job())
    assert opened(small).size == (64, 64)
    assert opened(large).size == (128, 128)
    enlarged = opened(small).resize((128, 128), Image.Resampling.LANCZOS)
    assert ImageChops.difference(opened(large), enlarged).getbbox() is not None


def test_every_picture_is_drawn_over_with_its_own_seed(loaded: LoadedModel, seat: Seat) -> None:
    both = drawn(loaded, seat, job(count=2, seed=5, exact=True, steps=2))
    (alone,) = drawn(loaded, seat, job(seed=6, exact=True, steps=2))
    assert opened(both[1]).tobytes() == opened(alone).tobytes()
    assert opened(both[0]).tobytes() != opened(both[1]).tobytes()


def test_the_steps_of_both_passes_are_counted_together(loaded: LoadedModel, seat: Seat) -> None:
    seen: list[Step] = []
    paint_job(loaded, job(count=2), seat=seat, on_step=seen.append)
    assert [(step.number, step.total) for step in seen] == [(n, 8) for n in range(1, 9)]
    assert seen[-1].eta_seconds == pytest.approx(0)


def test_cancelling_in_the_second_pass_stops_it(loaded: LoadedModel, seat: Seat) -> None:
    seen: list[int] = []

    def stop_at_five(step: Step) -> None:
        seen.append(step.number)
        if step.number == 5:
            seat.cancel()

    with pytest.raises(JobCancelled):
        paint_job(loaded, job(count=2), seat=seat, on_step=stop_at_five)
    assert seen == [1, 2, 3, 4, 5]


def test_the_file_says_what_both_passes_were_in_the_usual_words(
    loaded: LoadedModel, seat: Seat
) -> None:
    (data,) = drawn(loaded, seat, job())
    fields = parse(read_png(data) or "").fields
    assert fields["Size"] == "64x64"
    assert fields["Denoising strength"] == "0.5"
    assert fields["Hires upscale"] == "2"
    assert fields["Hires upscaler"] == "Lanczos"
