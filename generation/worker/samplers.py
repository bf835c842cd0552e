"""Samplers and schedules by the names that members know from A1111, as diffusers builds them."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import diffusers

AUTOMATIC = "Automatic"


@dataclass(frozen=True, kw_only=True, slots=True)
class Sampler:
    """A diffusers scheduler class, with the options that make it this sampler."""

    kind: str
    options: Mapping[str, object] = field(default_factory=dict)


SAMPLERS: Mapping[str, Sampler] = {
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
    "DPM++ 2S": Sampler(
        kind="DPMSolverSinglestepScheduler",
        options={"algorithm_type": "dpmsolver++", "solver_order": 2, "lower_order_final": True},
    ),
    "UniPC": Sampler(kind="UniPCMultistepScheduler"),
    "DEIS": Sampler(kind="DEISMultistepScheduler"),
    "Heun": Sampler(kind="HeunDiscreteScheduler"),
    "DPM2": Sampler(kind="KDPM2DiscreteScheduler"),
    "DPM2 a": Sampler(kind="KDPM2AncestralDiscreteScheduler"),
    "DDIM": Sampler(kind="DDIMScheduler", options={"clip_sample": False}),
    "DDPM": Sampler(kind="DDPMScheduler", options={"clip_sample": False}),
    "LCM": Sampler(kind="LCMScheduler", options={"clip_sample": False}),
}
"""In the order in which members are shown them. LMS and the Beta schedule would need SciPy."""

SCHEDULES: Mapping[str, Mapping[str, object]] = {
    AUTOMATIC: {},
    "Karras": {"use_karras_sigmas": True},
    "Exponential": {"use_exponential_sigmas": True},
    "SGM Uniform": {"timestep_spacing": "trailing"},
    "Normal": {"timestep_spacing": "linspace"},
    "Simple": {"timestep_spacing": "leading"},
}
"""``Automatic`` keeps what the model was saved with."""

_SIGMA_OPTIONS = {"use_karras_sigmas": False, "use_exponential_sigmas": False}


def build_scheduler(base: Any, sampler: str, schedule: str) -> tuple[Any, str | None]:
    """A fresh scheduler for one job, and a note when the schedule does not exist for it.

    ``base`` is the model's own: its noise and prediction settings are kept. Raises ``KeyError``
    for a name outside the tables.
    """
    entry = SAMPLERS[sampler]
    kind: Any = getattr(diffusers, entry.kind)
    accepted = set(inspect.signature(kind.__init__).parameters)
    wanted = SCHEDULES[schedule]
    note = None
    if not accepted.issuperset(wanted):
        wanted, note = {}, f"{sampler} has no {schedule} schedule, so its own was used."
    options = {**_SIGMA_OPTIONS, **entry.options, **wanted}
    config = {
        key: value for key, value in base.config.items() if key in accepted and key not in options
    }
    built = kind.from_config(config, **{k: v for k, v in options.items() if k in accepted})
    return built, note
