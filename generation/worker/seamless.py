"""Pictures whose edges meet: inside a call, convolutions look past one edge at the other."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import torch

from generation.worker.calls import Shared


def made_seamless(shared: Shared, module: Any) -> Shared:
    """The same calls with the module's edges meeting meanwhile, joined with no plain ones."""

    def call(*args: Any, **options: Any) -> Any:
        with seamless(module):
            return shared.call(*args, **options)

    return replace(shared, call=call, proven=set(), refused=set())


@contextlib.contextmanager
def seamless(module: torch.nn.Module) -> Iterator[None]:
    """Have the module's convolutions continue what they see around its edges, for one call.

    Only the thread that owns the device may do so. Afterwards the module is as it was, so that
    no other job's picture is touched. Layers that a LoRA has brought along are among them.
    """
    # The attribute is read by torch in each call.
    changed = [
        layer
        for layer in module.modules()
        if isinstance(layer, torch.nn.Conv2d)
        and layer.padding_mode == "zeros"
        and layer.padding != (0, 0)
    ]
    for layer in changed:
        layer.padding_mode = "circular"
    try:
        yield
    finally:
        for layer in changed:
            layer.padding_mode = "zeros"
