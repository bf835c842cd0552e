"""Which device the worker uses, and with which precision."""

from __future__ import annotations

import torch

from generation.errors import Unavailable

_PRECISIONS = {
    "float32": torch.float32,
    "float16": torch.float16,
    "bfloat16": torch.bfloat16,
}


def choose_device(wanted: str) -> torch.device:
    """``auto`` takes CUDA, then Apple's MPS, then the processor. Raises ``Unavailable``."""
    if wanted == "auto":
        if torch.cuda.is_available():
            return torch.device("cuda")
        return torch.device("mps" if torch.backends.mps.is_available() else "cpu")
    try:
        device = torch.device(wanted)
    except RuntimeError as error:
        raise Unavailable(detail=f"{wanted!r} names no device") from error
    if device.type == "cuda" and (device.index or 0) >= torch.cuda.device_count():
        raise Unavailable(
            detail=f"{wanted} does not exist: torch sees {torch.cuda.device_count()} CUDA devices"
        )
    if device.type == "mps" and not torch.backends.mps.is_available():
        raise Unavailable(detail="this machine, or this build of torch, has no MPS device")
    return device


def choose_precision(wanted: str, device: torch.device) -> torch.dtype:
    """``auto`` is bfloat16 on cards that have it, float16 on older ones, else float32.

    float16 on a processor is ten times slower than float32. Raises ``Unavailable``.
    """
    if wanted != "auto":
        if wanted not in _PRECISIONS:
            raise Unavailable(detail=f"{wanted!r} is no precision; use {', '.join(_PRECISIONS)}")
        return _PRECISIONS[wanted]
    if device.type == "cuda":
        return torch.bfloat16 if torch.cuda.is_bf16_supported() else torch.float16
    return torch.float32


def describe(device: torch.device, dtype: torch.dtype) -> str:
    """The device in words, for the log and for health."""
    name = torch.cuda.get_device_name(device) if device.type == "cuda" else device.type
    return f"{name} ({str(dtype).removeprefix('torch.')})"
