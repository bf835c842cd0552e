"""Samplers and schedules by the names that members know from A1111, as diffusers builds them."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import diffusers
import torch

from generation.worker import solvers

AUTOMATIC = "Automatic"
_BETA = "use_beta_sigmas"
_SPACING = "timestep_spacing"


@dataclass(frozen=True, kw_only=True, slots=True)
class Sampler:
    """A scheduler class of diffusers or of ``solvers``, with the options that make it this one."""

    kind: str
    options: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True, slots=True)
class SamplerKit:
    """Samplers and schedules that fit a kind of model, in the order in which members see them.

    A schedule is options of a scheduler; ``Automatic`` keeps what the model was saved with.
    """

    samplers: Mapping[str, Sampler]
    schedules: Mapping[str, Mapping[str, object]]


NOISE_SAMPLERS = SamplerKit(
    samplers={
        "Euler a": Sampler(kind="EulerAncestralDiscreteScheduler"),
        "Euler": Sampler(kind="EulerDiscreteScheduler"),
        "DPM++ 2M": Sampler(
            kind="DPMSolverMultistepScheduler",
            options={"algorithm_type": "dpmsolver++", "solver_order": 2},
        ),
        "DPM++ 2M SDE": Sampler(
            kind="DPMSolverMultistepScheduler",
            options={"algorithm_type": "sde-dpmsolver++", "solver_order": 2},
        ),
        "DPM++ 2M SDE Heun": Sampler(
            kind="DPMSolverMultistepScheduler",
            options={
                "algorithm_type": "sde-dpmsolver++",
                "solver_order": 2,
                "solver_type": "heun",
            },
        ),
        "DPM++ 3M SDE": Sampler(
            kind="DPMSolverMultistepScheduler",
            options={"algorithm_type": "sde-dpmsolver++", "solver_order": 3},
        ),
        "DPM++ SDE": Sampler(
            kind="DPMSolverSinglestepScheduler",
            options={
                "algorithm_type": "sde-dpmsolver++",
                "solver_order": 2,
                "lower_order_final": True,
            },
        ),
        "DPM++ 2S": Sampler(
            kind="DPMSolverSinglestepScheduler",
            options={"algorithm_type": "dpmsolver++", "solver_order": 2, "lower_order_final": True},
        ),
        "UniPC": Sampler(kind="UniPCMultistepScheduler"),
        "DEIS": Sampler(kind="DEISMultistepScheduler"),
        "Heun": Sampler(kind="HeunDiscreteScheduler"),
        "DPM2": Sampler(kind="KDPM2DiscreteScheduler"),
        "DPM2 a": Sampler(kind="KDPM2AncestralDiscreteScheduler"),
        "LMS": Sampler(kind="LinearMultistepScheduler"),
        "PLMS": Sampler(kind="PNDMScheduler", options={"skip_prk_steps": True}),
        "DDIM": Sampler(kind="DDIMScheduler", options={"clip_sample": False}),
        "DDPM": Sampler(kind="DDPMScheduler", options={"clip_sample": False}),
        "LCM": Sampler(kind="LCMScheduler", options={"clip_sample": False}),
        "TCD": Sampler(kind="TCDScheduler", options={"clip_sample": False}),
    },
    schedules={
        AUTOMATIC: {},
        "Karras": {"use_karras_sigmas": True},
        "Exponential": {"use_exponential_sigmas": True, _SPACING: "linspace"},
        "SGM Uniform": {_SPACING: "trailing"},
        "Simple": {_SPACING: "trailing"},
        "Normal": {_SPACING: "linspace"},
        "Beta": {_BETA: True, _SPACING: "linspace"},
    },
)
"""For models that predict noise or velocity."""

_FLOW_SCHEDULES = {
    AUTOMATIC: {},
    "Karras": {"use_karras_sigmas": True},
    "Exponential": {"use_exponential_sigmas": True},
    "Beta": {_BETA: True},
}
_EULER = Sampler(kind="FlowMatchEulerDiscreteScheduler")
_HEUN = Sampler(kind="FlowMatchHeunDiscreteScheduler")
_LCM = Sampler(kind="FlowMatchLCMScheduler")
_FLOW = {"use_flow_sigmas": True, "prediction_type": "flow_prediction"}

FLOW_SAMPLERS = SamplerKit(samplers={"Euler": _EULER, "LCM": _LCM}, schedules=_FLOW_SCHEDULES)
"""For flow-matching models whose pipelines bring noise levels of their own."""

FLOW_SAMPLERS_WITH_HEUN = SamplerKit(
    samplers={"Euler": _EULER, "Heun": _HEUN, "LCM": _LCM}, schedules=_FLOW_SCHEDULES
)
"""For flow-matching models whose pipelines leave the noise levels to the scheduler."""

FLOW_SOLVERS = SamplerKit(
    samplers={
        "DPM++ 2M": Sampler(
            kind="DPMSolverMultistepScheduler",
            options={**_FLOW, "algorithm_type": "dpmsolver++", "solver_order": 2},
        ),
        "UniPC": Sampler(kind="UniPCMultistepScheduler", options=_FLOW),
        "Euler": _EULER,
        "LCM": _LCM,
    },
    schedules={AUTOMATIC: {}},
)
"""For flow-matching models that draw from text alone, which more solvers can do."""


_SIGMA_OPTIONS = {"use_karras_sigmas": False, "use_exponential_sigmas": False}


def build_scheduler(
    base: Any, kit: SamplerKit, sampler: str, schedule: str
) -> tuple[Any, str | None]:
    """A fresh scheduler for one job, and a note when the schedule does not exist for it.

    ``base`` is the model's own: its noise and prediction settings are kept. Raises ``KeyError``
    for a name outside the kit.
    """
    entry = kit.samplers[sampler]
    kind = _class_of(entry)
    accepted = set(inspect.signature(kind.__init__).parameters)
    wanted = kit.schedules[schedule]
    note = None
    # Where a schedule sets the noise levels, the spacing of time only prepares them.
    if not accepted.issuperset(wanted.keys() - {_SPACING} or wanted):
        wanted, note = {}, f"{sampler} has no {schedule} schedule, so its own was used."
    options = {**_SIGMA_OPTIONS, **entry.options, **wanted}
    settings = _with_shift(base.config)
    config = {
        key: value for key, value in settings.items() if key in accepted and key not in options
    }
    options[_BETA] = False
    built = kind.from_config(config, **{k: v for k, v in options.items() if k in accepted})
    if wanted.get(_BETA):
        solvers.use_beta_levels(built)
    return built, note


def _class_of(sampler: Sampler) -> Any:
    return vars(solvers).get(sampler.kind) or getattr(diffusers, sampler.kind)


def samplers_with_eta(kit: SamplerKit) -> tuple[str, ...]:
    """Those of the kit that can add noise anew, as much as ``eta`` says."""
    return tuple(
        name
        for name, sampler in kit.samplers.items()
        if "eta" in inspect.signature(_class_of(sampler).step).parameters
    )


def draw_noise_from(scheduler: Any, generators: list[torch.Generator]) -> None:
    """Have a job's own scheduler take fresh noise from its seeds, also where pipelines forget it.

    Without this the samplers that add noise would draw it from what all jobs share.
    """
    if "generator" in inspect.signature(scheduler.step).parameters:
        scheduler.step = functools.partial(scheduler.step, generator=generators)


def _with_shift(config: Mapping[str, Any]) -> dict[str, Any]:
    """The shift of the noise levels under both names that schedulers have for it."""
    shift = config.get("flow_shift", config.get("shift", 1.0))
    return {**config, "flow_shift": shift, "shift": shift}
