"""How much arithmetic a denoising step is, counted without doing it."""

from __future__ import annotations

import copy
from typing import Any

import torch
from torch.utils._pytree import tree_map_only
from torch.utils.flop_counter import FlopCounterMode

from generation.backends.base import Work
from generation.worker.bench.bare import Bare
from generation.worker.models import LoadedModel


def tflop_per_step(model: LoadedModel, bare: Bare, work: Work) -> float:
    """10¹² floating-point operations in one step of such a job, guidance included.

    The calls of a short run are made again on tensors that have a shape and no content.
    """
    calls: list[tuple[tuple[Any, ...], dict[str, Any]]] = []

    def remember(_module: Any, args: tuple[Any, ...], options: dict[str, Any]) -> None:
        calls.append((args, options))

    denoiser = model.denoiser
    handle = denoiser.register_forward_pre_hook(remember, with_kwargs=True)
    try:
        bare.draw([work])
    finally:
        handle.remove()
    return sum(_count(denoiser, *call) for call in calls) / work.params.steps / 1e12


def _count(module: torch.nn.Module, args: tuple[Any, ...], options: dict[str, Any]) -> int:
    hollow = _copy_of(module)
    args, options = tree_map_only(torch.Tensor, lambda tensor: tensor.to("meta"), (args, options))
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        hollow(*args, **options)
    return int(counter.get_total_flops())


def _copy_of(module: torch.nn.Module) -> torch.nn.Module:
    """The module without its weights' content, of its own: some keep what they have computed."""
    weights = [*module.parameters(), *module.buffers()]
    hollow = copy.deepcopy(module, {id(tensor): _hollow(tensor) for tensor in weights})
    for part in hollow.modules():
        part.__dict__.pop("forward", None)  # what is put around a block calls the original's
    return hollow


def _hollow(tensor: torch.Tensor) -> torch.Tensor:
    empty = tensor.detach().to("meta")
    return torch.nn.Parameter(empty, False) if isinstance(tensor, torch.nn.Parameter) else empty
