"""What an unfinished picture is going to be, as its model sees it at the step just taken."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import Any

import torch

_SCALED_NOISE = 1.5  # above this, a scheduler keeps latents multiplied by their noise level
_FLOW = ("flow_prediction", "flow")


@dataclass(frozen=True, kw_only=True, slots=True)
class _Call:
    """The last call of a scheduler: what the model said, of which latents, at which step."""

    prediction: torch.Tensor
    latents: torch.Tensor
    timestep: Any
    index: int | None


def watch(scheduler: Any) -> None:
    """Have a job's own scheduler remember its last call, for ``forecast``. Costs nothing a step."""
    step = scheduler.step

    @functools.wraps(step)
    def watched(model_output: Any, timestep: Any, sample: Any, *rest: Any, **options: Any) -> Any:
        if not getattr(scheduler, "state_in_first_order", True):
            # The second half of a second-order step stands at a level between two of the list.
            return step(model_output, timestep, sample, *rest, **options)
        index = getattr(scheduler, "step_index", None)
        if index is None:
            index = getattr(scheduler, "begin_index", None)
        scheduler.last_call = _Call(
            prediction=model_output, latents=sample, timestep=timestep, index=index
        )
        return step(model_output, timestep, sample, *rest, **options)

    scheduler.step = watched


def forecast(scheduler: Any, latents: torch.Tensor) -> torch.Tensor:
    """The clean latents that the model aimed at in the last step, in the pipeline's own layout.

    ``latents`` themselves, noise and all, where that cannot be told.
    """
    call: _Call | None = getattr(scheduler, "last_call", None)
    if call is None or call.prediction.shape != call.latents.shape:
        return latents
    seen, said = call.latents.float(), call.prediction.float()
    kind = getattr(scheduler.config, "prediction_type", None)
    if _is_flow(scheduler, kind):
        return seen - _level(scheduler, call).to(seen.device) * said
    if kind == "sample":
        return said
    signal, noise, seen = _parts(scheduler, call, seen)
    if kind == "v_prediction":
        return signal * seen - noise * said
    return (seen - noise * said) / signal


def _is_flow(scheduler: Any, kind: str | None) -> bool:
    return kind in _FLOW or type(scheduler).__name__.startswith("FlowMatch")


def _parts(
    scheduler: Any, call: _Call, seen: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """How much of the picture and how much noise is in the latents, and those, as a unit mix."""
    if getattr(scheduler, "sigmas", None) is None:
        # Not by its step's number: these know their noise by the timestep alone.
        kept = scheduler.alphas_cumprod[call.timestep].to(seen.device)
        return kept**0.5, (1 - kept) ** 0.5, seen
    level = _level(scheduler, call).to(seen.device)
    signal = 1 / (level**2 + 1) ** 0.5
    if float(getattr(scheduler, "init_noise_sigma", 1.0)) > _SCALED_NOISE:
        seen = seen * signal
    return signal, level * signal, seen


def _level(scheduler: Any, call: _Call) -> torch.Tensor:
    """The noise level at which the latents stood."""
    index = 0 if call.index is None else call.index
    return torch.as_tensor(scheduler.sigmas[min(index, len(scheduler.sigmas) - 1)])
