"""Several prompts in one picture: in each step the denoiser is asked about every one of them."""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from typing import Any

import torch

from generation.worker.prompts import Part
from generation.worker.standins import DenoiserStandIn, StandIn

_EMBEDS = "encoder_hidden_states"
_POOLED = "text_embeds"


class ComposedStandIn(StandIn):
    """A job's way to a UNet that draws what AND joins.

    The pipeline knows the first prompt alone. Its rows are asked for once with each prompt, and
    the answers' differences from what is drawn without any prompt are added up, each times its
    weight. A pipeline without guidance gets the answers' weighted mean.
    """

    def __init__(
        self, inner: DenoiserStandIn, names: inspect.Signature, parts: Sequence[Part]
    ) -> None:
        super().__init__(vars(inner)["_module"])
        vars(self).update(_inner=inner, _names=names, _parts=tuple(parts))

    def __call__(self, *args: Any, **options: Any) -> Any:
        """As the UNet's own; the answer has the pipeline's rows."""
        arguments = dict(self._names.bind(*args, **options).arguments)
        sample = next(iter(arguments.values()))
        count = len(self._parts[0].conditions["prompt_embeds"])
        free = len(sample) - count  # rows without the prompt, which pipelines put first
        rows = self._rows(free, count, sample.device)
        asked = {name: _taken(value, rows, len(sample)) for name, value in arguments.items()}
        asked[_EMBEDS] = self._with_parts(arguments[_EMBEDS], free, "prompt_embeds")
        added = asked.get("added_cond_kwargs")
        if added and _POOLED in added:
            pooled = arguments["added_cond_kwargs"][_POOLED]
            added[_POOLED] = self._with_parts(pooled, free, "pooled_prompt_embeds")
        answer = self._inner(**asked)
        drawn = answer[0]
        return (self._joined(drawn, free, count), *answer[1:])

    def forward(self, *args: Any, **options: Any) -> Any:
        """The same as a call."""
        return self(*args, **options)

    def _rows(self, free: int, count: int, device: torch.device) -> torch.Tensor:
        """Which of the pipeline's rows each row to ask for is taken from."""
        told = list(range(free, free + count))
        return torch.tensor([*range(free), *told * len(self._parts)], device=device)

    def _with_parts(self, given: torch.Tensor, free: int, name: str) -> torch.Tensor:
        told = [part.conditions[name].to(given.device, given.dtype) for part in self._parts]
        return torch.cat([given[:free], *told])

    def _joined(self, drawn: torch.Tensor, free: int, count: int) -> torch.Tensor:
        bare, told = drawn[:free], torch.split(drawn[free:], count)
        weights = [part.weight for part in self._parts]
        if free:
            moves = [weight * (each - bare) for weight, each in zip(weights, told, strict=True)]
            return torch.cat([bare, bare + sum(moves)])
        total = sum(weights) or 1.0
        return torch.stack([w * each for w, each in zip(weights, told, strict=True)]).sum(0) / total


def _taken(value: Any, rows: torch.Tensor, count: int) -> Any:
    """An argument for other rows: tensors with a row for each, also inside a mapping or a list."""
    if isinstance(value, dict):
        return {name: _taken(each, rows, count) for name, each in value.items()}
    if isinstance(value, list):
        return [_taken(each, rows, count) for each in value]
    if isinstance(value, torch.Tensor) and value.dim() > 0 and len(value) == count:
        return value[rows.to(value.device)]
    return value
