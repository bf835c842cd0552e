"""Jobs with controls, or with edges that meet, beside others: nobody's picture is touched."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import torch

from generation.backends.base import Work
from generation.types import Control, JobId
from generation.worker.calls import Shared
from generation.worker.models import LoadedModel, ModelShelf
from generation.worker.painter import Painting, paint
from generation.worker.random_models import PREFIX, TINY
from generation.worker.settings import ControlPlace, LocalModel, WorkerSettings
from tests.generation.local_models import params
from tests.generation.worker.controls.pictures import SCENE, encoded
from tests.generation.worker.controls.tiny_controls import save_control
from tests.generation.worker.held_device import PATIENCE, HeldDevice, held_device

pytestmark = pytest.mark.filterwarnings("ignore")  # libraries' own, while they load a model

SIDE = 64
PATH = Path(f"{PREFIX}{TINY}sd15")


@dataclass
class Bench:
    """A model with two ControlNets, a device, and the calls that were made of each module."""

    model: LoadedModel
    device: HeldDevice
    threads: ThreadPoolExecutor
    rows: list[int] = field(default_factory=list)
    latents: dict[str, torch.Tensor] = field(default_factory=dict)

    def start(self, job: Work) -> Future[Painting]:
        seat = self.device.seat()
        original = seat.each

        def keeping(shared: Shared, rows: torch.Tensor) -> list[Any]:
            self.latents[job.job_id] = rows.clone()
            return original(shared, rows)

        seat.each = keeping  # type: ignore[method-assign]

        def run() -> Painting:
            try:
                return paint(self.model, job, seat=seat, on_step=lambda _: None)
            finally:
                seat.leave()

        return self.threads.submit(run)

    def alone(self, *jobs: Work) -> dict[str, torch.Tensor]:
        for job in jobs:
            self.start(job).result(PATIENCE)
        kept, self.latents = self.latents, {}
        self.rows.clear()
        return kept

    def together(self, *jobs: Work) -> dict[str, torch.Tensor]:
        self.device.hold_steps(len(jobs))
        for future in [self.start(job) for job in jobs]:
            future.result(PATIENCE)
        return self.latents


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> LoadedModel:
    torch.set_num_threads(1)
    folder = tmp_path_factory.mktemp("nets")
    bare = load(LocalModel(name="sd15", title="SD", path=PATH))
    places = tuple(
        ControlPlace(kind=kind, path=save_control(folder / kind, bare.denoiser, seed=seed))
        for seed, kind in enumerate(("canny", "depth"))
    )
    return load(LocalModel(name="sd15", title="SD", path=PATH, controls=places))


def load(model: LocalModel) -> LoadedModel:
    shelf = ModelShelf(WorkerSettings(models=(model,), slots=8), torch.device("cpu"), torch.float32)
    shelf.open()
    return shelf.load(model.name)


@pytest.fixture
def bench(model: LoadedModel) -> Iterator[Bench]:
    with held_device() as device, ThreadPoolExecutor(8) as threads:
        bench = Bench(model=model, device=device, threads=threads)
        handle = model.denoiser.register_forward_hook(
            lambda _module, args, named, _answer: bench.rows.append(
                len(args[0] if args else named["sample"])
            ),
            with_kwargs=True,
        )
        yield bench
        handle.remove()


def work(name: str, *controls: Control, **more: Any) -> Work:
    chosen: dict[str, Any] = {"model": "sd15", "sampler": "Euler", "steps": 4, **more}
    return Work(
        job_id=JobId(name),
        params=params(controls=controls, seed=len(name), **chosen),
        controls=(encoded(SCENE),) * len(controls),
    )


CANNY, DEPTH = Control(kind="canny", prepare=False), Control(kind="depth", prepare=False)


def test_a_plain_job_beside_a_controlled_one_keeps_every_bit(bench: Bench) -> None:
    jobs = work("plain"), work("held", CANNY)
    alone = bench.alone(*jobs)
    together = bench.together(*jobs)
    for name, latents in alone.items():
        assert torch.equal(together[name], latents), name


def test_jobs_with_the_same_control_share_calls_and_keep_their_pictures(bench: Bench) -> None:
    jobs = work("a", CANNY), work("bb", Control(kind="canny", weight=0.4, prepare=False))
    alone = bench.alone(*jobs)
    together = bench.together(*jobs)
    assert 4 in bench.rows, "two pictures with and without their prompt were one call"
    for name, latents in alone.items():
        assert torch.allclose(together[name], latents, atol=1e-4, rtol=1e-4), name
    assert not bench.model.shared.refused


def test_two_controls_act_together_as_diffusers_adds_them(bench: Bench) -> None:
    both = bench.alone(work("two", CANNY, DEPTH))["two"]
    for one in (CANNY, DEPTH):
        assert not torch.equal(both, bench.alone(work("one", one))["one"])
    swapped = bench.alone(work("two", DEPTH, CANNY))["two"]
    assert torch.allclose(both, swapped, atol=1e-4)


def test_outside_of_its_steps_a_control_is_not_asked(bench: Bench) -> None:
    asked: list[int] = []
    with bench.model.controls.held(["canny"], lambda do: do(), apart=False) as held:
        handle = held[0].module.register_forward_hook(lambda *_: asked.append(1))
        try:
            early = Control(kind="canny", end=0.5, prepare=False)
            late = Control(kind="canny", start=0.75, prepare=False)
            bench.alone(work("x", early))
            assert len(asked) == 2
            bench.alone(work("x", late))
            assert len(asked) == 3
        finally:
            handle.remove()


def test_once_its_control_has_ended_a_job_shares_steps_with_plain_ones(bench: Bench) -> None:
    jobs = work("held", Control(kind="canny", end=0.5, prepare=False)), work("plain")
    bench.together(*jobs)
    assert max(bench.rows) == 4


def test_a_controlled_job_with_and_asks_for_every_prompt_under_control(bench: Bench) -> None:
    prompt = "a red circle AND a blue star"
    plain = bench.alone(work("x", prompt=prompt))["x"]
    assert not torch.equal(plain, bench.alone(work("x", CANNY, prompt=prompt))["x"])


def test_edges_meet_where_that_is_asked_and_nowhere_else(bench: Bench) -> None:
    before = bench.alone(work("plain"))["plain"]
    jobs = work("plain"), work("tiling", tiling=True), work("other")
    alone = bench.alone(*jobs)
    together = bench.together(*jobs)
    assert torch.equal(alone["plain"], before)
    assert torch.equal(together["tiling"], alone["tiling"])
    assert torch.equal(bench.alone(work("plain"))["plain"], before)
    assert not torch.equal(alone["tiling"], bench.alone(work("tiling"))["tiling"])


def test_a_seamless_denoiser_does_not_see_where_a_picture_ends(bench: Bench) -> None:
    generator = torch.Generator().manual_seed(3)
    latents = torch.randn(1, 4, 16, 16, generator=generator)
    text = torch.randn(1, 77, 32, generator=generator)

    def difference(call: Any) -> float:
        """Between what is drawn at one place and at another, half a picture away."""
        with torch.no_grad():
            here, there = (
                call(seen, 10, encoder_hidden_states=text, return_dict=False)[0]
                for seen in (latents, torch.roll(latents, (8, 8), (2, 3)))
            )
        return float((torch.roll(here, (8, 8), (2, 3)) - there).abs().max())

    assert difference(bench.model.seamless.call) < 1e-4
    assert difference(bench.model.shared.call) > 1e-2


def test_a_seamless_picture_is_decoded_without_a_seam(bench: Bench) -> None:
    latents = torch.randn(1, 4, 8, 8, generator=torch.Generator().manual_seed(5))

    def seam(decoder: Shared) -> int:
        """What is at the edges, against the same in the middle of a picture."""
        with torch.no_grad():
            (edges,), (middle,) = (
                decoder.call(seen) for seen in (latents, torch.roll(latents, (4, 4), (2, 3)))
            )
        assert edges.pixels is not None
        assert middle.pixels is not None
        moved = torch.roll(edges.pixels, (SIDE // 2, SIDE // 2), (0, 1))
        return int((moved.int() - middle.pixels.int()).abs().max())

    assert seam(bench.model.seamless_decoder) <= 1
    assert seam(bench.model.decoder) > 10
