"""Weights of a block in eight bits, by torchao, which operators install themselves."""

from __future__ import annotations

import importlib
from typing import Any

import torch
from torch import nn

from generation.worker.speed.compiling import Change

_LEAST_FEATURES = 128  # smaller layers lose more by being converted than they gain


def quantise(kind: str) -> Change:
    """What turns a block's large linear layers into ``fp8`` or ``int8``, with their inputs.

    Raises ``ImportError`` without torchao.
    """
    library: Any = importlib.import_module("torchao.quantization")
    if kind == "fp8":
        config = library.Float8DynamicActivationFloat8WeightConfig(granularity=library.PerRow())
    else:
        config = library.Int8DynamicActivationInt8WeightConfig()

    def change(block: nn.Module) -> None:
        with torch.no_grad():
            library.quantize_(block, config, filter_fn=_is_large)

    return change


def _is_large(module: nn.Module, _name: str) -> bool:
    return isinstance(module, nn.Linear) and min(module.weight.shape) >= _LEAST_FEATURES
