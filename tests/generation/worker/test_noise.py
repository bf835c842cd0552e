"""Noise between two seeds, and the pictures it leads to."""

from __future__ import annotations

import importlib
import io
import sys

import pytest
import torch
from diffusers.utils import torch_utils
from PIL import Image

from generation import demo_model
from generation.backends.base import Work
from generation.infotext import parse, read_png
from generation.types import JobId
from generation.worker.finishing import finish
from generation.worker.gatherer import Gatherer, Seat
from generation.worker.models import LoadedModel, ModelShelf
from generation.worker.noise import draw_in_float32, turned
from generation.worker.painter import paint
from generation.worker.settings import LocalModel, WorkerSettings
from tests.generation.local_models import params

pytestmark = pytest.mark.filterwarnings("ignore")  # diffusers' own, about NumPy 2


def noise(seed: int) -> torch.Tensor:
    return torch.randn((1, 4, 32, 32), generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("share", [0.1, 0.5, 0.9])
def test_noise_on_the_way_is_as_strong_as_at_its_ends(share: float) -> None:
    between = turned(noise(1), noise(2), share)
    assert float(between.std()) == pytest.approx(1, abs=0.03)
    mean = torch.lerp(noise(1), noise(2), 0.5)
    assert float(mean.std()) < 0.8, "which a mean is not"


def test_the_way_begins_and_ends_at_the_seeds_themselves() -> None:
    assert torch.allclose(turned(noise(1), noise(2), 0), noise(1), atol=1e-5)
    assert torch.allclose(turned(noise(1), noise(2), 1), noise(2), atol=1e-5)
    assert torch.allclose(turned(noise(1), noise(1), 0.5), noise(1), atol=1e-5)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
@pytest.mark.parametrize("shape", [(1, 4, 64, 64), (1, 4, 17, 13), (2, 4, 5, 3)])
def test_a_seed_is_the_same_noise_in_every_number_type(
    dtype: torch.dtype, shape: tuple[int, ...]
) -> None:
    draw_in_float32()

    def draw(dtype: torch.dtype) -> torch.Tensor:
        generators = [torch.Generator().manual_seed(7 + row) for row in range(shape[0])]
        noise: torch.Tensor = torch_utils.randn_tensor(
            shape, generators, torch.device("cpu"), dtype
        )
        return noise

    full, half = draw(torch.float32), draw(dtype)
    assert half.dtype is dtype
    assert torch.equal(half, full.to(dtype))


@pytest.mark.parametrize(
    "user",
    [
        "diffusers.pipelines.stable_diffusion_xl.pipeline_stable_diffusion_xl",
        "diffusers.pipelines.flux.pipeline_flux",
        "diffusers.schedulers.scheduling_euler_ancestral_discrete",
        "diffusers.models.autoencoders.vae",
    ],
)
def test_whoever_of_diffusers_draws_noise_draws_it_so(user: str) -> None:
    module = importlib.import_module(user)
    draw_in_float32()
    assert vars(module)["randn_tensor"] is torch_utils.randn_tensor
    others = [
        name
        for name, each in sys.modules.items()
        if name.startswith("diffusers.") and "randn_tensor" in vars(each)
        if vars(each)["randn_tensor"] is not torch_utils.randn_tensor
    ]
    assert others == []


@pytest.mark.parametrize("sampler", ["Euler", "Euler a"])
def test_half_precision_draws_the_same_picture_of_an_odd_size(sampler: str) -> None:
    half, full = (
        demo_picture(dtype, width=272, height=208, sampler=sampler)
        for dtype in (torch.bfloat16, torch.float32)
    )
    assert float((half - full).abs().mean()) < 3


def demo_picture(dtype: torch.dtype, **changes: object) -> torch.Tensor:
    shipped = LocalModel(name="demo", title="Demo", path=demo_model.MODEL_DIR, steps=6)
    shelf = ModelShelf(WorkerSettings(models=(shipped,)), torch.device("cpu"), dtype)
    shelf.open()
    gatherer = Gatherer(threads=1)
    gatherer.start()
    seat = gatherer.seat()
    try:
        (data,) = drawn(shelf.load("demo"), seat, prompt="a red circle", **changes)
    finally:
        seat.leave()
        gatherer.stop()
    return pixels(data)


def drawn(loaded: LoadedModel, seat: Seat, **changes: object) -> list[bytes]:
    work = Work(job_id=JobId("job"), params=params(**{"sampler": "Euler", "steps": 2, **changes}))
    painting = paint(loaded, work, seat=seat, on_step=lambda _: None)
    return [output.data for output in finish(painting, work, "Tiny")]


def pixels(data: bytes) -> torch.Tensor:
    picture = Image.open(io.BytesIO(data)).convert("RGB")
    return torch.frombuffer(bytearray(picture.tobytes()), dtype=torch.uint8).float()


def distance(one: bytes, other: bytes) -> float:
    return float((pixels(one) - pixels(other)).abs().mean())


def test_a_variation_that_goes_almost_nowhere_is_the_seeds_own_picture(
    loaded: LoadedModel, seat: Seat
) -> None:
    (own,) = drawn(loaded, seat, seed=7)
    (near,) = drawn(loaded, seat, seed=7, subseed=8, subseed_strength=1e-6)
    assert float((pixels(own) - pixels(near)).abs().max()) <= 1


def test_a_variation_that_goes_all_the_way_is_the_other_seeds_picture(
    loaded: LoadedModel, seat: Seat
) -> None:
    (other,) = drawn(loaded, seat, seed=8)
    (varied,) = drawn(loaded, seat, seed=7, subseed=8, subseed_strength=1.0)
    assert distance(other, varied) < 1


def test_the_further_it_goes_the_more_is_different(loaded: LoadedModel, seat: Seat) -> None:
    (own,) = drawn(loaded, seat, seed=7)
    ways = [
        drawn(loaded, seat, seed=7, subseed=8, subseed_strength=share)[0]
        for share in (0.05, 0.3, 1.0)
    ]
    distances = [distance(own, varied) for varied in ways]
    assert distances == sorted(distances)
    assert 0 < distances[0] < distances[-1]


def test_several_variations_go_from_one_seed_towards_others(
    loaded: LoadedModel, seat: Seat
) -> None:
    both = drawn(loaded, seat, seed=7, subseed=8, subseed_strength=0.3, count=2)
    (second,) = drawn(loaded, seat, seed=7, subseed=9, subseed_strength=0.3)
    assert distance(both[1], second) < 1
    fields = [parse(read_png(data) or "").fields for data in both]
    assert [each["Seed"] for each in fields] == ["7", "7"]
    assert [each["Variation seed"] for each in fields] == ["8", "9"]
    assert fields[0]["Variation seed strength"] == "0.3"
