"""A card is told no further step before it has done the last; here a stand-in for its events."""

from __future__ import annotations

import contextlib
from typing import Any

import pytest
import torch

from generation.worker.calls import Call
from generation.worker.gatherer import Gatherer
from generation.worker.pace import Pace


class Events:
    """Stands in for a card's own: keeps what happens to them, in its order."""

    def __init__(self) -> None:
        self.happened: list[str] = []
        self.failure: RuntimeError | None = None

    def __call__(self, *, blocking: bool) -> Events:
        assert blocking
        return self

    def record(self) -> None:
        self.happened.append("told")

    def synchronize(self) -> None:
        self.happened.append("done")
        if self.failure is not None:
            raise self.failure


@pytest.fixture
def events(monkeypatch: pytest.MonkeyPatch) -> Events:
    events = Events()
    monkeypatch.setattr(torch.cuda, "Event", events)
    monkeypatch.setattr(torch.cuda, "device", lambda _: contextlib.nullcontext())
    return events


def test_a_step_is_waited_for_once(events: Events) -> None:
    Pace().keep(torch.device("cuda"))
    assert events.happened == ["told", "done"]


def test_what_does_its_steps_at_once_is_not_waited_for(events: Events) -> None:
    Pace().keep(torch.device("cpu"))
    assert events.happened == []


def test_a_lost_device_is_left_to_its_next_call(events: Events) -> None:
    events.failure = torch.AcceleratorError("CUDA error: device-side assert triggered")
    Pace().keep(torch.device("cuda"))
    assert events.happened == ["told", "done"]


@pytest.mark.parametrize(
    "given",
    [
        {"args": (torch.zeros(1, device="meta"),)},
        {"options": {"return_dict": False, "sample": torch.zeros(1, device="meta")}},
        {"options": {"x": [torch.zeros(1, device="meta")]}},
        {"arguments": {"timestep": 3, "sample": torch.zeros(1, device="meta")}},
    ],
)
def test_a_call_is_where_its_first_tensor_is(given: dict[str, Any]) -> None:
    assert Call(function=lambda: None, **given).device.type == "meta"


def test_only_steps_are_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[str] = []
    monkeypatch.setattr(Pace, "keep", lambda _, device: told.append(device.type))
    gatherer = Gatherer(threads=1)
    gatherer.start()
    seat = gatherer.seat()
    seat.run(lambda: None)
    assert told == []
    seat.leave()
    gatherer.stop()
