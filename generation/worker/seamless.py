"""Pictures whose edges meet: inside a call, convolutions look past one edge at the other."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from typing import Any

import torch


def called_seamlessly(module: Any, call: Callable[..., Any]) -> Callable[..., Any]:
    """The call, with the module's edges meeting meanwhile."""

    def called(*args: Any, **options: Any) -> Any:
        with seamless(module):
            return call(*args, **options)

    return called


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
