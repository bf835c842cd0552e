"""Telling apart what went wrong on a device, and getting its memory back."""

from __future__ import annotations

import gc
from typing import Any

import torch

from generation.errors import BackendError, GenerationError, OutOfMemory, WorkerLost

_FATAL = (
    *("CUDA error", "HIP error", "device-side assert", "an illegal memory access"),
    *("CUDNN_STATUS_EXECUTION_FAILED", "CUDNN_STATUS_INTERNAL_ERROR"),
    *("CUBLAS_STATUS_EXECUTION_FAILED", "CUBLAS_STATUS_INTERNAL_ERROR"),
)
_NO_ROOM = (
    *("out of memory", "can't allocate memory", "cannot allocate memory"),
    *("cublas_status_alloc_failed", "cudnn_status_alloc_failed"),
)


def is_out_of_memory(error: BaseException) -> bool:
    """True when a device, or the machine, had no room for a tensor."""
    if isinstance(error, torch.OutOfMemoryError | MemoryError):
        return True
    text = str(error).lower()
    return isinstance(error, RuntimeError) and any(words in text for words in _NO_ROOM)


def is_device_lost(error: BaseException) -> bool:
    """True when the device cannot be used again by this process. Ask about memory first."""
    if isinstance(error, torch.AcceleratorError):
        return True
    return isinstance(error, RuntimeError) and any(words in str(error) for words in _FATAL)


def as_known(error: BaseException) -> GenerationError:
    """The error as one of ours; what raised it is its detail."""
    if isinstance(error, GenerationError):
        return error
    detail = f"{type(error).__name__}: {error}"
    if is_out_of_memory(error):
        return OutOfMemory(detail=detail)
    if is_device_lost(error):
        return WorkerLost(detail=detail)
    return BackendError(detail=detail)


def release(device: torch.device) -> None:
    """Give back what is no longer referenced. Call after the references are gone."""
    gc.collect()
    if device.type == "cuda":
        torch.cuda.empty_cache()
    elif device.type == "mps":
        torch.mps.empty_cache()


def free_bytes(device: torch.device) -> int | None:
    """What the device has left, and what torch holds there unused; None without its own memory."""
    if device.type != "cuda":
        return None
    free, _ = torch.cuda.mem_get_info(device)
    return free + torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device)


def size_of(pipe: Any) -> int:
    """Bytes of a pipeline's weights, each counted once however many parts share it."""
    storages = {
        storage.data_ptr(): storage.nbytes()
        for part in pipe.components.values()
        if isinstance(part, torch.nn.Module)
        for tensor in (*part.parameters(), *part.buffers())
        for storage in (tensor.untyped_storage(),)
    }
    return sum(storages.values())
