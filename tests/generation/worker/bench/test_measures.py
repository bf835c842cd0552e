"""The measures that are facts rather than times, made on the tiny model."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import replace

import pytest
import torch

from generation.bench import Plan
from generation.bench.jobs import new_work
from generation.worker.bench import speed
from generation.worker.bench.bare import Bare
from generation.worker.bench.encoding import encode_1024_cpu_ms, photograph
from generation.worker.bench.equality import furthest, step_batch_max_difference
from generation.worker.bench.flops import tflop_per_step
from generation.worker.bench.growth import rss_growth_mib
from generation.worker.bench.lab import Lab, alternate, open_lab
from generation.worker.bench.reporter import MeasureError
from generation.worker.models import LoadedModel
from generation.worker.settings import LocalModel

pytestmark = pytest.mark.filterwarnings("ignore")  # libraries' own, while they load a model

FEW = speed.Amounts(rounds=1, seconds=0.0, cancels=2)


@pytest.fixture(scope="module")
def plan(tiny: LocalModel) -> Plan:
    return Plan(model=tiny, device="cpu", threads=1, is_quick=True, slots=8)


@pytest.fixture(scope="module")
def lab(plan: Plan) -> Iterator[Lab]:
    with open_lab(plan) as lab:
        yield lab


def test_jobs_drawn_together_are_the_pictures_that_they_are_alone(lab: Lab) -> None:
    assert step_batch_max_difference(lab) <= 1e-5


def test_a_cancelled_job_is_not_decoded(lab: Lab) -> None:
    found = speed.cancelling(lab, 1.0, FEW)
    assert found["cancel_decodes"] == 0
    assert found["cancel_ms"] > 0


def test_a_known_prompt_needs_no_text_encoder(lab: Lab) -> None:
    assert speed.text_encoder_calls_on_repeat(lab) == 0


def test_ratios_are_made_of_times(lab: Lab, plan: Plan) -> None:
    with Bare(lab.model, plan.threads) as bare:
        assert speed.worker_over_bare(lab, bare, FEW) > 0
        assert set(speed.batching(lab, bare, FEW)) == {"batch4_over_serial", "batch4_over_raw"}
    assert speed.step_milliseconds(lab) > 0
    assert encode_1024_cpu_ms(lab.info) > 0


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells")
def test_memory_is_watched_over_jobs_that_end_in_every_way(lab: Lab) -> None:
    assert isinstance(rss_growth_mib(lab, 40), float)


def test_work_in_a_step_is_that_of_its_matrices(lab: Lab, plan: Plan) -> None:
    with Bare(lab.model, plan.threads) as bare:
        guided = tflop_per_step(lab.model, bare, new_work(lab.info, steps=2))
        plain = tflop_per_step(lab.model, bare, new_work(lab.info, steps=2, guidance_scale=1.0))
        double = new_work(lab.info, steps=2, width=128, guidance_scale=1.0)
        wide = tflop_per_step(lab.model, bare, double)
    assert guided == pytest.approx(2 * plain)
    assert wide > 1.5 * plain


def test_counting_leaves_the_model_where_it_is(lab: Lab, plan: Plan) -> None:
    with Bare(lab.model, plan.threads) as bare:
        tflop_per_step(lab.model, bare, new_work(lab.info, steps=2))
    assert {parameter.device.type for parameter in lab.model.denoiser.parameters()} == {"cpu"}


def test_a_job_that_fails_cannot_be_measured(lab: Lab) -> None:
    with pytest.raises(MeasureError, match="a job failed"):
        lab.draw([new_work(lab.info, sampler="none")])


def test_a_model_that_cannot_be_loaded_is_named(plan: Plan, loaded: LoadedModel) -> None:
    nowhere = replace(plan.model, path=plan.model.path / "nowhere")
    with pytest.raises(Exception, match="nowhere"), open_lab(replace(plan, model=nowhere)):
        pytest.fail(f"opened beside {loaded.info.name}")


def test_the_difference_is_that_of_the_worst_pair_whatever_the_order() -> None:
    one, other = torch.tensor([0.0, 1.0, 2.0]), torch.tensor([10.0, 30.0, 50.0])
    assert furthest([one, other], [other, one]) == 0
    assert furthest([one, other], [other, one + 0.5]) == pytest.approx(0.5)


def test_a_picture_that_nobody_asked_for_is_a_difference() -> None:
    one = torch.tensor([0.0, 1.0, 2.0])
    assert furthest([one, one], [one, one + 3]) == pytest.approx(3.0)


def test_ways_take_turns() -> None:
    order: list[str] = []

    def way(name: str) -> float:
        order.append(name)
        return 1.0

    alternate([lambda: way("a"), lambda: way("b")], rounds=2, seconds=0.0)
    assert order == ["a", "b"] * 3


def test_the_test_picture_is_as_hard_to_pack_as_a_photograph() -> None:
    pixels = photograph()
    assert pixels.shape == (1024, 1024, 3)
    assert pixels.dtype is torch.uint8
    neighbours = (pixels[:, 1:].int() - pixels[:, :-1].int()).abs().float().mean()
    assert 1 < float(neighbours) < 20
