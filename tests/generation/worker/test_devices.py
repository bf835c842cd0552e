"""Devices, precision, and telling apart what went wrong on one."""

from __future__ import annotations

import pytest
import torch

from generation.errors import Unavailable
from generation.worker import devices
from generation.worker.devices import choose_device, choose_precision, doubt_about, survey
from generation.worker.memory import is_device_lost, is_out_of_memory

CPU = torch.device("cpu")


def test_auto_takes_the_best_there_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)
    assert choose_device("auto").type == "cpu"
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: True)
    assert choose_device("auto").type == "mps"
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    assert choose_device("auto").type == "cuda"


@pytest.mark.parametrize(
    ("name", "cause"),
    [("cuda:99", "cuda:99 does not exist"), ("toaster", "names no device")],
)
def test_a_device_that_does_not_exist_is_named(name: str, cause: str) -> None:
    with pytest.raises(Unavailable, match=cause):
        choose_device(name)


def test_precision_follows_the_device() -> None:
    assert choose_precision("auto", CPU) is torch.float32
    assert choose_precision("auto", torch.device("mps")) is torch.float32
    assert choose_precision("float16", CPU) is torch.float16
    with pytest.raises(Unavailable, match="no precision"):
        choose_precision("float8", CPU)


@pytest.mark.parametrize(
    ("error", "no_room", "lost"),
    [
        (torch.OutOfMemoryError("CUDA out of memory. Tried"), True, False),
        (RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory"), True, False),
        (RuntimeError("MPS backend out of memory"), True, False),
        (MemoryError(), True, False),
        (RuntimeError("CUDA error: device-side assert triggered"), False, True),
        (torch.AcceleratorError("an illegal memory access was encountered"), False, True),
        (RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling"), True, True),
        (RuntimeError("cuDNN error: CUDNN_STATUS_EXECUTION_FAILED"), False, True),
        (RuntimeError("cuDNN error: CUDNN_STATUS_NOT_SUPPORTED"), False, False),
        (RuntimeError("shapes cannot be multiplied"), False, False),
        (ValueError("out of memory"), False, False),
    ],
)
def test_errors_are_told_apart(error: BaseException, no_room: bool, lost: bool) -> None:
    assert is_out_of_memory(error) is no_room
    assert is_device_lost(error) is lost


def test_a_card_that_is_there_and_not_used_is_told_with_the_reason(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 0)
    monkeypatch.setattr(devices, "may_have_cards", lambda count: count == 1)
    assert "a graphics card is not used: " in str(doubt_about(CPU, "auto"))
    assert doubt_about(CPU, "cpu") is None, "it was asked for"
    assert doubt_about(torch.device("cuda"), "auto") is None
    monkeypatch.setattr(devices, "may_have_cards", lambda _: False)
    assert doubt_about(CPU, "auto") is None


def test_a_card_that_cannot_compute_is_listed_with_its_problem(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def broken(_: int) -> None:
        raise RuntimeError("CUDA error: no kernel image is available\nCUDA kernel errors might")

    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    monkeypatch.setattr(torch.cuda, "get_device_properties", broken)
    (card,) = survey()
    assert card["device"] == "cuda:0"
    assert card["problem"] == "CUDA error: no kernel image is available"
