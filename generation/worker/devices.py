"""Which device the worker uses, and with which precision; run as a program, lists the cards."""

from __future__ import annotations

import json
import os
import sys

import torch

from generation.errors import Unavailable
from generation.worker.visible import ONLY_CARD, may_have_cards

_PRECISIONS = {
    "float32": torch.float32,
    "float16": torch.float16,
    "bfloat16": torch.bfloat16,
}
_INSTALL = "https://pytorch.org/get-started/locally"


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
    if os.environ.get(ONLY_CARD) == wanted:
        device = torch.device("cuda")
    if device.type == "cuda" and (device.index or 0) >= torch.cuda.device_count():
        raise Unavailable(detail=f"device {wanted} does not exist: {_why_no_card()}")
    if device.type == "mps" and not torch.backends.mps.is_available():
        raise Unavailable(
            detail='this machine, or this build of torch, has no MPS device; set device = "auto"'
        )
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
        # Without emulation: Turing cards and older have bfloat16 on paper, many times slower.
        with torch.cuda.device(device):
            has_it = torch.cuda.is_bf16_supported(including_emulation=False)
        return torch.bfloat16 if has_it else torch.float16
    return torch.float32


def describe(device: torch.device, dtype: torch.dtype) -> str:
    """The device in words, for the log and for health."""
    name = torch.cuda.get_device_name(device) if device.type == "cuda" else device.type
    return f"{name} ({str(dtype).removeprefix('torch.')})"


def doubt_about(device: torch.device, wanted: str) -> str | None:
    """Why the choice may be a mistake: there seems to be a card, and it is not used."""
    if wanted != "auto" or device.type != "cpu" or not may_have_cards(1):
        return None
    return f'a graphics card is not used: {_why_no_card()}. If that is meant, set device = "cpu"'


def survey() -> list[dict[str, object]]:
    """Every CUDA or ROCm card that torch sees: ``device``, ``name``, ``memory`` in bytes.

    ``problem`` says why a card cannot compute, None where it can: that is tried.
    """
    return [_card(index) for index in range(torch.cuda.device_count())]


def _card(index: int) -> dict[str, object]:
    device, problem = f"cuda:{index}", None
    name, memory = device, 0
    try:
        properties = torch.cuda.get_device_properties(index)
        name, memory = properties.name, properties.total_memory
        torch.ones(1, device=device).add_(1).item()
    except (RuntimeError, AssertionError) as error:
        problem = str(error).strip().partition("\n")[0] or type(error).__name__
    return {"device": device, "name": name, "memory": memory, "problem": problem}


def _why_no_card() -> str:
    count = torch.cuda.device_count()
    if count:
        names = ", ".join(f"cuda:{index}" for index in range(count))
        return f"there is {names}"
    if torch.version.cuda is None and torch.version.hip is None:
        return (
            f"this build of torch ({torch.__version__}) is for processors only; "
            f"install the one for your card, see {_INSTALL}"
        )
    hidden = os.environ.get("CUDA_VISIBLE_DEVICES")
    if hidden is not None:
        return f"CUDA_VISIBLE_DEVICES={hidden} leaves none, as no card has that number"
    return "torch sees no card; check that nvidia-smi (or rocm-smi) lists it, else mend the driver"


if __name__ == "__main__":
    sys.stdout.write(json.dumps(survey()) + "\n")
