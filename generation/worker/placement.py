"""Where a model's parts lie: all of them on the device, or each only while it computes."""

from __future__ import annotations

import functools
import logging
from collections.abc import Iterator
from enum import IntEnum
from typing import Any

import torch

from generation.worker.memory import is_out_of_memory, release

_REGISTRY, _BY_LAYER = "_diffusers_hook", "group_offloading"  # diffusers' own names
_LOG = logging.getLogger(__name__)


class Placement(IntEnum):
    """Ways to hold a model, each slower than the one before and with less of it on the device."""

    WHOLE = 0
    BY_PART = 1
    """Text encoder, denoiser and VAE take turns."""
    BY_LAYER = 2
    """Single layers do. Many times slower, but nearly anything fits."""


def can_offload(device: torch.device) -> bool:
    """Whether the device has a memory of its own, so that parts can lie elsewhere."""
    return device.type in {"cuda", "xpu"}


def place(base: Any, device: torch.device, placement: Placement) -> bool:
    """Move a pipeline's parts, which nothing may be using. False where that cannot be done.

    Any other placement may be tried then.
    """
    try:
        _unhook(base)
        if placement is Placement.BY_PART:
            base.enable_model_cpu_offload(device=device)
        elif placement is Placement.BY_LAYER:
            base.to("cpu", silence_dtype_warnings=True)
            base.enable_group_offload(onload_device=device, offload_type="leaf_level")
        else:
            base.to(device)
    except (ValueError, ImportError) as error:  # such as weights in a form that cannot be moved
        _LOG.warning("not_placed placement=%s cause=%s", placement.name, type(error).__name__)
        return False
    except (RuntimeError, MemoryError) as error:
        if not is_out_of_memory(error):
            raise
    else:
        return True
    # Outside the handler: its traceback would keep what was moved alive.
    _unhook(base)
    base.to("cpu", silence_dtype_warnings=True)
    release(device)
    return False


@functools.cache
def computing_on(device: torch.device, kind: Any) -> Any:
    """A pipeline's class for pipelines that compute there, wherever their parts lie.

    They would find out by looking at every layer of every part, in each call.
    """
    known = {"__module__": kind.__module__, "_execution_device": device}
    return type(kind.__name__, (kind,), known)


def device_of(part: Any) -> torch.device:
    """Where a pipeline or a module computes, which may not be where it lies now."""
    if not isinstance(part, torch.nn.Module):
        return torch.device(part._execution_device)  # noqa: SLF001  # its own pipelines ask so
    for registry in _registries(part):
        if (layer := registry.get_hook(_BY_LAYER)) is not None:
            return torch.device(layer.config.onload_device)
    whole: Any = getattr(part, "_hf_hook", part)
    return torch.device(getattr(whole, "execution_device", None) or whole.device)


def _unhook(base: Any) -> None:
    """Take off what moves parts about."""
    base.remove_all_hooks()
    for part in base.components.values():
        if isinstance(part, torch.nn.Module):
            for registry in _registries(part):
                registry.remove_hook(_BY_LAYER, recurse=False)


def _registries(part: torch.nn.Module) -> Iterator[Any]:
    for module in part.modules():
        if (registry := getattr(module, _REGISTRY, None)) is not None:
            yield registry
