"""The LMS sampler and the Beta schedule without SciPy, which diffusers wants for these two alone.

SciPy would cost every worker's start half a second and 64 MB.
"""

from __future__ import annotations

import functools
from typing import Any

import numpy as np
import torch
from diffusers.schedulers.scheduling_lms_discrete import LMSDiscreteScheduler
from numpy.polynomial import Polynomial
from numpy.typing import NDArray

_SHAPE = 0.6  # both parameters of the distribution, from "Beta Sampling is All You Need"
_POINTS = 4001


class LinearMultistepScheduler(LMSDiscreteScheduler):  # type: ignore[misc]  # untyped library
    """diffusers' LMS, with its coefficients exact."""

    def get_lms_coefficient(self, order: int, t: int, current_order: int) -> float:
        """The integral over a step of a polynomial that is 1 at one of the last noise levels."""
        others = [float(self.sigmas[t - k]) for k in range(order) if k != current_order]
        bump = Polynomial.fromroots(others) if others else Polynomial([1.0])
        area = bump.integ() / bump(float(self.sigmas[t - current_order]))
        return float(area(float(self.sigmas[t + 1])) - area(float(self.sigmas[t])))


def use_beta_levels(scheduler: Any) -> None:
    """Give one scheduler the Beta schedule. It must know ``use_beta_sigmas``."""
    # Its own way there begins with SciPy: both the check at its making and the levels themselves.
    scheduler.register_to_config(use_beta_sigmas=True)
    scheduler._convert_to_beta = functools.partial(_levels, scheduler)  # noqa: SLF001  # see above


def beta_quantiles(count: int) -> NDArray[np.float64]:
    """Quantiles of the Beta distribution with both parameters 0.6, evenly from 1 down to 0."""
    # The density is endless at both ends. With x = sin²(u⁵) it is smooth up to the middle,
    # and the other half is its mirror image.
    u = np.linspace(0.0, (np.pi / 4) ** 0.2, _POINTS)
    angle = u**5
    density = np.sin(2 * angle) ** (2 * _SHAPE - 1) * u**4
    steps = (density[1:] + density[:-1]) / 2 * np.diff(u)
    mass = np.concatenate([[0.0], np.cumsum(steps)])
    mass *= 0.5 / mass[-1]
    wanted = np.linspace(1.0, 0.0, count)
    lower = np.sin(np.interp(np.minimum(wanted, 1 - wanted), mass, angle)) ** 2
    return np.asarray(np.where(wanted > 0.5, 1 - lower, lower))


def _levels(
    scheduler: Any, in_sigmas: torch.Tensor, num_inference_steps: int
) -> NDArray[np.float64]:
    lowest = getattr(scheduler.config, "sigma_min", None)
    highest = getattr(scheduler.config, "sigma_max", None)
    lowest = float(in_sigmas[-1]) if lowest is None else lowest
    highest = float(in_sigmas[0]) if highest is None else highest
    return np.asarray(lowest + beta_quantiles(num_inference_steps) * (highest - lowest))
