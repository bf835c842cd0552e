"""A job's way to a denoiser beside which ControlNets look at the same step."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch

from generation.errors import ControlUnusable
from generation.worker.controls.base import Hint
from generation.worker.controls.loaded import LoadedControl
from generation.worker.standins import DenoiserStandIn, StandIn

Ask = Callable[[LoadedControl, Mapping[str, Any]], Mapping[str, Any]]
"""Has the device make a ControlNet's call."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Unit:
    """A ControlNet with what it sees, and how strongly and on which share of the steps it acts."""

    control: LoadedControl
    hint: Hint
    weight: float
    start: float
    end: float

    def acts(self, done: int, total: int) -> bool:
        """Whether it does so after so many of the denoiser's steps, by diffusers' own rule."""
        return self.start <= done / total and (done + 1) / total <= self.end


@dataclass(kw_only=True, slots=True)
class Course:
    """Where a job's loop is: steps that are ``done``, of those that its pipeline will make."""

    pipe: Any = None
    done: int = 0

    @property
    def total(self) -> int:
        """All steps of the loop."""
        return int(getattr(self.pipe, "num_timesteps", 0) or len(self.pipe.scheduler.timesteps))


class ControlledStandIn(StandIn):
    """Looks like the denoiser. Each call first asks the ControlNets, and takes their answers along.

    A step on which none of them acts is a plain one, and shared with the jobs that have none.
    """

    def __init__(
        self,
        inner: DenoiserStandIn,
        names: inspect.Signature,
        units: Sequence[Unit],
        *,
        course: Course,
        ask: Ask,
    ) -> None:
        super().__init__(vars(inner)["_module"])
        vars(self).update(_inner=inner, _names=names, _units=tuple(units), _course=course)
        vars(self).update(_ask=ask, _seen=None, _added={})

    def __call__(self, *args: Any, **options: Any) -> Any:
        """As the denoiser's own."""
        arguments = dict(self._names.bind(*args, **options).arguments)
        sample = next(iter(arguments.values()))
        if sample is not self._seen:
            # A pipeline that asks once for each prompt of a step gets one answer of theirs for
            # both, as in diffusers.
            vars(self).update(_seen=sample, _added=self._answers(arguments, len(sample)))
        return self._inner(**{**arguments, **self._added})

    def forward(self, *args: Any, **options: Any) -> Any:
        """The same as a call."""
        return self(*args, **options)

    def cache_context(self, name: str) -> Any:
        """The denoiser's own."""
        return self._inner.cache_context(name)

    def _answers(self, arguments: Mapping[str, Any], rows: int) -> dict[str, Any]:
        added: dict[str, Any] = {}
        for unit in self._units:
            if unit.acts(self._course.done, self._course.total):
                for name, value in self._answer(unit, arguments, rows).items():
                    added[name] = _sum(added[name], value) if name in added else value
        return added

    def _answer(self, unit: Unit, arguments: Mapping[str, Any], rows: int) -> dict[str, Any]:
        net, module = unit.control.file.net, unit.control.module
        asked = net.ask(module, arguments, unit.hint, rows)
        if net.weighs:
            asked["conditioning_scale"] = unit.weight
        answer = self._ask(unit.control, asked)
        weight = 1.0 if net.weighs else unit.weight
        weighed = {name: _times(value, weight) for name, value in answer.items()}
        return {**weighed, **net.more(module)}


def _times(value: Any, weight: float) -> Any:
    if weight == 1.0:
        return value
    if isinstance(value, tuple):
        return tuple(each * weight for each in value)
    if isinstance(value, dict):
        return {name: each * weight for name, each in value.items()}
    return value * weight


def _sum(one: Any, other: Any) -> Any:
    if isinstance(one, torch.Tensor):
        return one + other
    if isinstance(one, tuple) and len(one) == len(other):
        return tuple(a + b for a, b in zip(one, other, strict=True))
    if isinstance(one, dict) and one.keys() == other.keys():
        return {name: each + other[name] for name, each in one.items()}
    if isinstance(one, bool) and one is other:
        return one
    raise ControlUnusable(
        "These ControlNets are of different builds and cannot be used together with this model."
    )
