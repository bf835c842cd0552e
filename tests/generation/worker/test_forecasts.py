"""What a step foresees: with a model that is right, the picture itself, at every step."""

from __future__ import annotations

from typing import Any

import diffusers
import pytest
import torch

from generation.worker import samplers
from generation.worker.forecasts import forecast, watch
from generation.worker.samplers import SamplerKit, build_scheduler

pytestmark = pytest.mark.filterwarnings("ignore")  # diffusers' own, about how it is used

_LIBRARY: Any = diffusers  # its classes are untyped
CLEAN = torch.randn(2, 4, 8, 8, generator=torch.Generator().manual_seed(1))
NOISE = torch.randn(2, 4, 8, 8, generator=torch.Generator().manual_seed(2))
KITS = {name: kit for name, kit in vars(samplers).items() if isinstance(kit, SamplerKit)}
CASES = [
    (name, sampler, schedule) for name, kit in KITS.items() for sampler in kit.samplers
    for schedule in kit.schedules
]  # fmt: skip


def base(kit: str, kind: str) -> Any:
    if "FLOW" in kit:
        return _LIBRARY.FlowMatchEulerDiscreteScheduler(shift=3.0)
    return _LIBRARY.EulerDiscreteScheduler(
        beta_schedule="scaled_linear", prediction_type=kind, timestep_spacing="leading"
    )


def right_answer(scheduler: Any, timestep: Any, seen: torch.Tensor, kind: str) -> torch.Tensor:
    """What a model would say that knows the picture."""
    if kind == "flow":
        level = scheduler.sigmas[scheduler.step_index or 0]
        return torch.as_tensor((seen - CLEAN) / level)
    signal, noise = mix(scheduler, timestep)
    if float(scheduler.init_noise_sigma) > 1.5:
        seen = seen * signal
    epsilon = (seen - signal * CLEAN) / noise
    return epsilon if kind == "epsilon" else signal * epsilon - noise * CLEAN


def mix(scheduler: Any, timestep: Any) -> tuple[torch.Tensor, torch.Tensor]:
    """How much of the picture and of noise the latents should hold by now."""
    if getattr(scheduler, "sigmas", None) is None:
        kept = torch.as_tensor(scheduler.alphas_cumprod[timestep])
        return kept**0.5, (1 - kept) ** 0.5
    level = torch.as_tensor(scheduler.sigmas[scheduler.step_index or 0])
    signal = (level**2 + 1) ** -0.5
    return signal, level * signal


def noised(scheduler: Any, kind: str) -> torch.Tensor:
    first = scheduler.timesteps[0]
    if kind == "flow":
        level = scheduler.sigmas[0]
        return torch.as_tensor((1 - level) * CLEAN + level * NOISE)
    signal, noise = mix(scheduler, first)
    both = signal * CLEAN + noise * NOISE
    return both / signal if float(scheduler.init_noise_sigma) > 1.5 else both


@pytest.mark.parametrize(("kit", "sampler", "schedule"), CASES)
def test_every_sampler_foresees_the_picture_at_every_step(
    kit: str, sampler: str, schedule: str
) -> None:
    for kind in ("flow",) if "FLOW" in kit else ("epsilon", "v_prediction"):
        scheduler, _ = build_scheduler(base(kit, kind), KITS[kit], sampler, schedule)
        watch(scheduler)
        scheduler.set_timesteps(6)
        latents = noised(scheduler, kind)
        for timestep in scheduler.timesteps:
            said = right_answer(scheduler, timestep, latents, kind)
            latents = scheduler.step(said, timestep, latents, return_dict=False)[0]
            torch.testing.assert_close(forecast(scheduler, latents), CLEAN, atol=1e-2, rtol=0)


def test_a_scheduler_that_nobody_watches_foresees_nothing() -> None:
    scheduler = _LIBRARY.EulerDiscreteScheduler()
    assert forecast(scheduler, NOISE) is NOISE


def test_watching_changes_no_step() -> None:
    results = []
    for is_watched in (False, True):
        scheduler = _LIBRARY.EulerAncestralDiscreteScheduler()
        if is_watched:
            watch(scheduler)
        scheduler.set_timesteps(4)
        step = scheduler.step(
            NOISE,
            scheduler.timesteps[0],
            CLEAN,
            generator=torch.Generator().manual_seed(3),
            return_dict=False,
        )
        results.append(step[0])
    assert torch.equal(*results)
