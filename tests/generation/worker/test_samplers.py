"""Samplers by A1111's names."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import torch

from generation.worker.models import LoadedModel
from generation.worker.samplers import (
    AUTOMATIC,
    NOISE_SAMPLERS,
    build_scheduler,
    samplers_with_eta,
)
from generation.worker.solvers import LinearMultistepScheduler, beta_quantiles

pytestmark = pytest.mark.filterwarnings("ignore")  # diffusers' own, about NumPy 2


@pytest.mark.parametrize("schedule", NOISE_SAMPLERS.schedules)
@pytest.mark.parametrize("sampler", NOISE_SAMPLERS.samplers)
def test_every_pair_runs_or_says_that_it_does_not_exist(
    loaded: LoadedModel, sampler: str, schedule: str
) -> None:
    scheduler, note = build_scheduler(loaded.base.scheduler, NOISE_SAMPLERS, sampler, schedule)
    scheduler.set_timesteps(5)
    latents = torch.ones(1, 4, 8, 8)
    for timestep in scheduler.timesteps:
        latents = scheduler.step(latents * 0.1, timestep, latents, return_dict=False)[0]
    assert bool(torch.isfinite(latents).all())
    assert note is None or (sampler in note and schedule in note)


def test_the_models_own_noise_settings_are_kept(loaded: LoadedModel) -> None:
    for sampler in NOISE_SAMPLERS.samplers:
        scheduler, _ = build_scheduler(loaded.base.scheduler, NOISE_SAMPLERS, sampler, AUTOMATIC)
        assert scheduler.config.prediction_type == "v_prediction"
        assert scheduler.config.beta_schedule == "scaled_linear"
        if "timestep_spacing" in scheduler.config:
            assert scheduler.config.timestep_spacing == "trailing"


def test_karras_changes_the_noise_levels(loaded: LoadedModel) -> None:
    plain, _ = build_scheduler(loaded.base.scheduler, NOISE_SAMPLERS, "DPM++ 2M", AUTOMATIC)
    karras, note = build_scheduler(loaded.base.scheduler, NOISE_SAMPLERS, "DPM++ 2M", "Karras")
    plain.set_timesteps(8)
    karras.set_timesteps(8)
    assert note is None
    assert not torch.allclose(plain.sigmas, karras.sigmas)


def test_a_job_cannot_disturb_the_schedulers_of_others(loaded: LoadedModel) -> None:
    one, _ = build_scheduler(loaded.base.scheduler, NOISE_SAMPLERS, "Euler", AUTOMATIC)
    two, _ = build_scheduler(loaded.base.scheduler, NOISE_SAMPLERS, "Euler", AUTOMATIC)
    one.set_timesteps(77)
    assert one is not two
    assert two.num_inference_steps is None
    assert loaded.base.scheduler.num_inference_steps != 77


@pytest.mark.parametrize("sampler", ["Euler", "DPM++ 2M", "DPM++ SDE", "UniPC", "Heun", "LMS"])
def test_beta_spends_more_steps_at_both_ends(loaded: LoadedModel, sampler: str) -> None:
    beta, note = build_scheduler(loaded.base.scheduler, NOISE_SAMPLERS, sampler, "Beta")
    beta.set_timesteps(12)
    levels = beta.sigmas[beta.sigmas > 0].unique()
    gaps = levels.diff()
    assert note is None
    assert gaps[0] < gaps[len(gaps) // 2] > gaps[-1]


def test_beta_quantiles_are_those_of_the_distribution() -> None:
    # From scipy.stats.beta.ppf(…, 0.6, 0.6).
    known = [1.0, 0.82431962135, 0.5, 0.17568037865, 0.0]
    assert beta_quantiles(5) == pytest.approx(known, abs=1e-6)


def test_the_exact_multistep_coefficients_add_up_to_the_step() -> None:
    scheduler = LinearMultistepScheduler()
    scheduler.set_timesteps(6)
    for order in (1, 2, 3, 4):
        sums = sum(scheduler.get_lms_coefficient(order, 4, k) for k in range(order))
        assert sums == pytest.approx(float(scheduler.sigmas[5] - scheduler.sigmas[4]), rel=1e-6)


def test_those_that_add_noise_anew_are_known() -> None:
    assert samplers_with_eta(NOISE_SAMPLERS) == ("DDIM", "TCD")


def test_the_guide_for_members_names_every_sampler_and_schedule() -> None:
    guide = (Path(__file__).parents[3] / "docs" / "prompts.md").read_text(encoding="utf-8")
    samplers, schedules = re.findall(r"^\| (?:samplers|schedules) \| (.*) \|$", guide, re.MULTILINE)
    assert samplers.split(", ") == list(NOISE_SAMPLERS.samplers)
    assert re.sub(r" \(.*?\)", "", schedules).split(", ") == list(NOISE_SAMPLERS.schedules)
