"""The chest: tools are found, used one at a time, and never stay in the device's way."""

from __future__ import annotations

import io
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import torch
from PIL import Image

from generation.backends.base import ToolInfo, Work
from generation.errors import OutOfMemory, Unavailable
from generation.tools import tool_params
from generation.types import Output, Progress, Result, Task, new_job_id
from generation.worker.gatherer import Gatherer, JobCancelled, Seat
from generation.worker.settings import LocalTool
from generation.worker.tools import chest, describers
from generation.worker.tools.base import Bench
from generation.worker.tools.chest import ToolChest

CARD, PROCESSOR = torch.device("cuda"), torch.device("cpu")


@dataclass
class Probe:
    """A tool that notes where it is used. ``full`` are devices without room for it."""

    full: tuple[str, ...] = ()
    module: Probe = field(init=False)
    places: list[tuple[str, torch.dtype]] = field(default_factory=list)
    used_on: list[tuple[str, torch.dtype]] = field(default_factory=list)
    meanwhile: Callable[[Bench], None] = lambda _bench: None

    def __post_init__(self) -> None:
        self.module = self

    def to(self, device: torch.device, dtype: torch.dtype) -> None:
        self.places.append((device.type, dtype))

    def dtype_on(self, device: torch.device, usual: torch.dtype) -> torch.dtype:
        del device
        return usual

    def work(self, bench: Bench) -> Output:
        self.used_on.append((bench.device.type, bench.dtype))
        if bench.device.type in self.full:
            raise torch.OutOfMemoryError("out of memory")
        self.meanwhile(bench)
        bench.on_step(1, 2)
        return Output.of_text("done")


def chest_with(
    monkeypatch: pytest.MonkeyPatch, *probes: Probe, device: torch.device = CARD
) -> ToolChest:
    """A chest on that device whose tools, tool-0 and so on, are the probes."""
    loading = {Path(str(index)): probe for index, probe in enumerate(probes)}
    monkeypatch.setitem(chest._LOADERS, Task.DESCRIBE, loading.pop)
    monkeypatch.setattr(describers, "check", lambda _path: "probe")
    named = [
        LocalTool(name=f"tool-{path}", title="", task=Task.DESCRIBE, path=path) for path in loading
    ]
    made = ToolChest(tuple(named), device, torch.float16)
    made.open()
    return made


def wish(name: str = "tool-0") -> Work:
    tool = ToolInfo(name=name, title="", task=Task.DESCRIBE)
    buffer = io.BytesIO()
    Image.new("RGB", (8, 8)).save(buffer, "PNG")
    return Work(job_id=new_job_id(), params=tool_params(tool, 8, 8), image=buffer.getvalue())


def use(made: ToolChest, seat: Seat, work: Work | None = None) -> Result:
    return made.use(work or wish(), seat=seat, tell=lambda _progress: None)


def test_every_usable_tool_is_offered_and_the_others_are_named(tools_folder: Path) -> None:
    named = [
        LocalTool(name=name, title=name.title(), task=task, path=tools_folder / path)
        for name, task, path in (
            ("sharp", Task.UPSCALE, "sharp.safetensors"),
            ("lost", Task.UPSCALE, "lost.safetensors"),
            ("cutter", Task.CUTOUT, "cutter"),
            ("wrong", Task.DESCRIBE, "cutter"),
            ("describer", Task.DESCRIBE, "describer"),
        )
    ]
    infos, problems = ToolChest(tuple(named), PROCESSOR, torch.float32).open()
    assert infos == (
        ToolInfo(name="sharp", title="Sharp (×4)", task=Task.UPSCALE, factor=4.0),
        ToolInfo(name="cutter", title="Cutter", task=Task.CUTOUT),
        ToolInfo(name="describer", title="Describer", task=Task.DESCRIBE),
    )
    assert [problem.partition(":")[0] for problem in problems] == ["tool lost", "tool wrong"]


def test_a_tool_is_on_the_device_while_it_is_used_and_not_a_moment_longer(
    monkeypatch: pytest.MonkeyPatch, seat: Seat
) -> None:
    probe = Probe()
    made = chest_with(monkeypatch, probe)
    for _ in range(2):
        assert use(made, seat).notes == ()
    there, back = ("cuda", torch.float16), ("cpu", torch.float32)
    assert probe.used_on == [there, there]
    assert probe.places == [there, back, there, back]


def test_what_has_no_room_on_the_card_is_done_by_the_processor_and_said(
    monkeypatch: pytest.MonkeyPatch, seat: Seat
) -> None:
    probe = Probe(full=("cuda",))
    result = use(chest_with(monkeypatch, probe), seat)
    assert probe.used_on == [("cuda", torch.float16), ("cpu", torch.float32)]
    assert result.notes == ("Memory was short, so the processor did this, which takes longer.",)
    assert probe.places[-1] == ("cpu", torch.float32)


def test_no_room_anywhere_is_out_of_memory(monkeypatch: pytest.MonkeyPatch, seat: Seat) -> None:
    probe = Probe(full=("cuda", "cpu"))
    with pytest.raises(OutOfMemory):
        use(chest_with(monkeypatch, probe), seat)


def test_a_failing_tool_leaves_the_device_as_well(
    monkeypatch: pytest.MonkeyPatch, seat: Seat
) -> None:
    def fail(_bench: Bench) -> None:
        raise ZeroDivisionError

    probe = Probe(meanwhile=fail)
    with pytest.raises(ZeroDivisionError):
        use(chest_with(monkeypatch, probe), seat)
    assert probe.places[-1] == ("cpu", torch.float32)


def test_a_cancelled_tool_leaves_the_device_as_well(
    monkeypatch: pytest.MonkeyPatch, seat: Seat
) -> None:
    def cancel(bench: Bench) -> None:
        seat.cancel()
        bench.seat.run(lambda: None)

    probe = Probe(meanwhile=cancel)
    with pytest.raises(JobCancelled):
        use(chest_with(monkeypatch, probe), seat)
    assert probe.places[-1] == ("cpu", torch.float32)


def test_a_tool_is_loaded_once_and_kept_until_another_of_its_task_is_used(
    monkeypatch: pytest.MonkeyPatch, seat: Seat
) -> None:
    first, second = Probe(), Probe()
    made = chest_with(monkeypatch, first, second, device=PROCESSOR)
    use(made, seat, wish("tool-0"))
    use(made, seat, wish("tool-0"))
    use(made, seat, wish("tool-1"))
    assert (len(first.used_on), len(second.used_on)) == (2, 1)
    with pytest.raises(KeyError):  # it would have to be read again, and these are read once
        use(made, seat, wish("tool-0"))


def test_two_jobs_do_not_use_tools_at_once_and_one_that_waits_can_be_cancelled(
    monkeypatch: pytest.MonkeyPatch, device: Gatherer, seat: Seat
) -> None:
    is_inside, may_leave = threading.Event(), threading.Event()

    def stay(_bench: Bench) -> None:
        is_inside.set()
        assert may_leave.wait(60)

    probe = Probe(meanwhile=stay)
    made = chest_with(monkeypatch, probe, device=PROCESSOR)
    first = threading.Thread(target=use, args=(made, seat))
    first.start()
    assert is_inside.wait(60)
    other = device.seat()
    other.cancel()
    try:
        with pytest.raises(JobCancelled):
            use(made, other)
    finally:
        may_leave.set()
        first.join()
        other.leave()
    assert len(probe.used_on) == 1


def test_progress_reckons_how_long_the_rest_takes(
    monkeypatch: pytest.MonkeyPatch, seat: Seat
) -> None:
    told: list[Progress] = []
    chest_with(monkeypatch, Probe()).use(wish(), seat=seat, tell=told.append)
    (progress,) = told
    assert (progress.step, progress.steps) == (1, 2)
    assert progress.eta_seconds is not None
    assert progress.eta_seconds >= 0


def test_a_tool_that_is_not_there_and_a_picture_that_is_not_are_told(
    monkeypatch: pytest.MonkeyPatch, seat: Seat
) -> None:
    made = chest_with(monkeypatch, Probe())
    with pytest.raises(Unavailable):
        use(made, seat, wish("tool-9"))
    whole = wish()
    with pytest.raises(Unavailable):
        use(made, seat, Work(job_id=whole.job_id, params=whole.params))
