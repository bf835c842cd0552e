"""Samplers by A1111's names."""

from __future__ import annotations

import pytest
import torch

from generation.worker.models import LoadedModel
from generation.worker.samplers import AUTOMATIC, SAMPLERS, SCHEDULES, build_scheduler

pytestmark = pytest.mark.filterwarnings("ignore")  # diffusers' own, about NumPy 2


@pytest.mark.parametrize("schedule", SCHEDULES)
@pytest.mark.parametrize("sampler", SAMPLERS)
def test_every_pair_runs_or_says_that_it_does_not_exist(
    loaded: LoadedModel, sampler: str, schedule: str
) -> None:
    scheduler, note = build_scheduler(loaded.base.scheduler, sampler, schedule)
    scheduler.set_timesteps(5)
    latents = torch.ones(1, 4, 8, 8)
    for timestep in scheduler.timesteps:
        latents = scheduler.step(latents * 0.1, timestep, latents, return_dict=False)[0]
    assert bool(torch.isfinite(latents).all())
    assert note is None or (sampler in note and schedule in note)


def test_the_models_own_noise_settings_are_kept(loaded: LoadedModel) -> None:
    for sampler in SAMPLERS:
        scheduler, _ = build_scheduler(loaded.base.scheduler, sampler, AUTOMATIC)
        assert scheduler.config.prediction_type == "v_prediction"
        assert scheduler.config.beta_schedule == "scaled_linear"
        if "timestep_spacing" in scheduler.config:
            assert scheduler.config.timestep_spacing == "trailing"


def test_karras_changes_the_noise_levels(loaded: LoadedModel) -> None:
    plain, _ = build_scheduler(loaded.base.scheduler, "DPM++ 2M", AUTOMATIC)
    karras, note = build_scheduler(loaded.base.scheduler, "DPM++ 2M", "Karras")
    plain.set_timesteps(8)
    karras.set_timesteps(8)
    assert note is None
    assert not torch.allclose(plain.sigmas, karras.sigmas)


def test_a_job_cannot_disturb_the_schedulers_of_others(loaded: LoadedModel) -> None:
    one, _ = build_scheduler(loaded.base.scheduler, "Euler", AUTOMATIC)
    two, _ = build_scheduler(loaded.base.scheduler, "Euler", AUTOMATIC)
    one.set_timesteps(3)
    assert one is not two
    assert two.num_inference_steps is None
    assert loaded.base.scheduler.num_inference_steps is None
