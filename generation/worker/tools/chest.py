"""The worker's tools: what each one is for, and how one is put to work."""

from __future__ import annotations

import contextlib
import io
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import torch
from PIL import Image

from generation.backends.base import ToolInfo, Work
from generation.errors import OutOfMemory, Unavailable
from generation.infotext import read_png
from generation.types import Output, Progress, Result, Task
from generation.worker.gatherer import JobCancelled, Seat
from generation.worker.memory import is_out_of_memory, release
from generation.worker.settings import LocalTool
from generation.worker.tools import cutters, describers, upscalers
from generation.worker.tools.base import Bench, Tool

_PROCESSOR = torch.device("cpu")
_LOOK_SECONDS = 0.5  # between two looks whether a job that waits is still wanted
_SLOW_NOTE = "Memory was short, so the processor did this, which takes longer."

_LOADERS: dict[Task, Callable[..., Tool]] = {
    Task.UPSCALE: upscalers.load,
    Task.CUTOUT: cutters.load,
    Task.DESCRIBE: describers.load,
}


@dataclass(frozen=True, kw_only=True, slots=True)
class _Job:
    """One attempt at a job."""

    work: Work
    seat: Seat
    tell: Callable[[Progress], None]
    began: float = field(default_factory=time.monotonic)

    def bench(self, device: torch.device, dtype: torch.dtype) -> Bench:
        """What the tool needs to know. Raises ``Unavailable`` where there is no picture."""
        if self.work.image is None:
            raise Unavailable(detail=f"a {self.work.params.task} job came without its picture")
        with Image.open(io.BytesIO(self.work.image), formats=("PNG",)) as opened:
            is_opaque = "A" not in opened.getbands() and "transparency" not in opened.info
            whole = opened.convert("RGB" if is_opaque else "RGBA")
        return Bench(
            params=self.work.params,
            picture=whole.convert("RGB"),
            alpha=None if is_opaque else whole.getchannel("A"),
            settings=read_png(self.work.image),
            device=device,
            dtype=dtype,
            seat=self.seat,
            on_step=self._on_step,
        )

    def _on_step(self, done: int, total: int) -> None:
        left = (time.monotonic() - self.began) / done * (total - done)
        self.tell(Progress(step=done, steps=total, eta_seconds=left))


class ToolChest:
    """The tools that the operator named. One job uses them at a time.

    The last one used for each task stays in the machine's memory, and none on the device: there
    the models' pictures need the room more, and moving a tool takes a moment only.
    """

    def __init__(
        self, tools: tuple[LocalTool, ...], device: torch.device, dtype: torch.dtype
    ) -> None:
        self._named = tools
        self._device = device
        self._dtype = dtype
        self._usable: dict[str, LocalTool] = {}
        self._kept: dict[Task, tuple[str, Tool]] = {}
        self._lock = threading.Lock()

    def open(self) -> tuple[tuple[ToolInfo, ...], tuple[str, ...]]:
        """Read every tool's files: usable tools, and problems."""
        infos: list[ToolInfo] = []
        problems: list[str] = []
        for tool in self._named:
            try:
                infos.append(_examine(tool))
            except Unavailable as error:
                problems.append(f"tool {tool.name}: {error.detail}")
            else:
                self._usable[tool.name] = tool
        return tuple(infos), tuple(problems)

    def use(self, work: Work, *, seat: Seat, tell: Callable[[Progress], None]) -> Result:
        """Do a job, in its own thread. What has no room on the device, the processor does.

        Raises ``JobCancelled``, ``Unavailable``, ``OutOfMemory`` and what the tool raises.
        """
        with self._held(seat):
            began = time.monotonic()
            tool = self._fetch(work.params.model)
            for device in dict.fromkeys((self._device, _PROCESSOR)):
                job = _Job(work=work, seat=seat, tell=tell)
                output = self._try(tool, job, device)
                if output is not None:
                    seconds = time.monotonic() - began
                    notes = (_SLOW_NOTE,) * (device != self._device)
                    return Result(outputs=(output,), seconds=seconds, backend="", notes=notes)
        raise OutOfMemory

    @contextlib.contextmanager
    def _held(self, seat: Seat) -> Iterator[None]:
        while not self._lock.acquire(timeout=_LOOK_SECONDS):
            if seat.is_cancelled:
                raise JobCancelled
            seat.stir()
        try:
            yield
        finally:
            self._lock.release()

    def _fetch(self, name: str) -> Tool:
        named = self._usable.get(name)
        if named is None:
            raise Unavailable(detail=f"the worker has no tool {name!r}")
        kept = self._kept.get(named.task)
        if kept is not None and kept[0] == name:
            return kept[1]
        self._kept.pop(named.task, None)  # first, or both would lie in memory
        tool = _LOADERS[named.task](named.path)
        self._kept[named.task] = (name, tool)
        return tool

    def _try(self, tool: Tool, job: _Job, device: torch.device) -> Output | None:
        """What the tool made on that device; None where it had no room."""
        is_cpu = device.type == "cpu"
        dtype = torch.float32 if is_cpu else tool.dtype_on(device, self._dtype)
        try:
            if not is_cpu:
                job.seat.run(lambda: tool.module.to(device, dtype))
            return tool.work(job.bench(device, dtype))
        except (RuntimeError, MemoryError) as error:
            if not is_out_of_memory(error):
                raise
        finally:
            if not is_cpu:
                job.seat.see_to(lambda: self._put_back(tool))
        release(device)
        return None

    def _put_back(self, tool: Tool) -> None:
        tool.module.to(_PROCESSOR, torch.float32)
        release(self._device)


def _examine(tool: LocalTool) -> ToolInfo:
    """What the tool is. Raises ``Unavailable`` for files that are none."""
    factor = None
    match tool.task:
        case Task.UPSCALE:
            factor = float(upscalers.load(tool.path).scale)
        case Task.CUTOUT:
            cutters.check(tool.path)
        case _:
            describers.check(tool.path)
    title = tool.title if factor is None else f"{tool.title} (×{factor:g})"
    return ToolInfo(name=tool.name, title=title, task=tool.task, factor=factor)
