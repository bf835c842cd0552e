"""The worker's engine in this process, with a stopwatch at its door."""

from __future__ import annotations

import contextlib
import queue
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

from generation.backends.base import ModelInfo, Work
from generation.bench.jobs import new_work
from generation.bench.plan import Plan
from generation.errors import Unavailable
from generation.types import JobId
from generation.worker import protocol
from generation.worker.bench.reporter import MeasureError
from generation.worker.engine import Engine
from generation.worker.models import LoadedModel

_PATIENCE = 3600.0
_COMPILING_SECONDS = 600.0
_LOOK_SECONDS = 0.05


@dataclass(kw_only=True, slots=True)
class Run:
    """A job in the lab. Times are those of the monotonic clock."""

    work: Work
    submitted: float
    steps: list[float] = field(default_factory=list)
    ended: float = 0.0
    ending: protocol.Finished | protocol.Stopped | protocol.Fell | None = None
    news: threading.Condition = field(default_factory=threading.Condition)

    @property
    def seconds(self) -> float:
        """From its submission to its last message."""
        return self.ended - self.submitted

    def await_step(self, number: int) -> None:
        """Return once that many steps are done. Raises ``MeasureError`` when it ends before."""
        with self.news:
            self.news.wait_for(
                lambda: len(self.steps) >= number or self.ending is not None, timeout=_PATIENCE
            )
            if len(self.steps) < number:
                raise MeasureError(f"a job ended before step {number}")

    def await_end(self) -> None:
        """Return once it has ended in some way."""
        with self.news:
            if not self.news.wait_for(lambda: self.ending is not None, timeout=_PATIENCE):
                raise MeasureError("a job did not end")

    def take(self, message: protocol.FromWorker) -> None:
        """Note a message about it."""
        now = time.monotonic()
        with self.news:
            match message:
                case protocol.Advanced():
                    self.steps.append(now)
                case protocol.Finished() | protocol.Stopped() | protocol.Fell():
                    self.ending, self.ended = message, now
            self.news.notify_all()


class Lab:
    """A running engine with its one model. Open it with ``open_lab``."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self._runs: dict[JobId, Run] = {}
        self._opening: queue.SimpleQueue[protocol.FromWorker] = queue.SimpleQueue()
        self.engine = Engine(plan.settings, send=self._take, exit_process=self._leave)
        self.info: ModelInfo
        self.device = ""

    @property
    def model(self) -> LoadedModel:
        """The loaded model, as the engine's jobs use it."""
        loaded = self.engine.loaded
        if loaded is None:
            raise MeasureError("the model is no longer loaded")
        return loaded

    def start(self) -> None:
        """Load the model and draw once. Raises ``Unavailable`` and ``MeasureError``."""
        self.engine.start()
        match self._opening.get():
            case protocol.Ready(models=models, device=device):
                self.info, self.device = models[0], device
            case protocol.Broken(detail=detail):
                raise Unavailable(detail=detail)
        self.draw([new_work(self.info)])  # a process's first job is not like the others
        self._settle()

    def _settle(self) -> None:
        """Where the model is compiled, draw until it is: that is what members will have."""
        ends = time.monotonic() + _COMPILING_SECONDS
        while self.model.speed.is_compiling and time.monotonic() < ends:
            while self.model.speed.is_compiling and time.monotonic() < ends:
                time.sleep(_LOOK_SECONDS)
            self.draw([new_work(self.info)])  # which may show something more to compile

    def submit(self, work: Work) -> Run:
        """Give the engine a job."""
        run = Run(work=work, submitted=time.monotonic())
        self._runs[work.job_id] = run
        self.engine.submit(work)
        return run

    def draw(self, works: Sequence[Work]) -> list[Run]:
        """Give the engine jobs at once and wait for all. Raises ``MeasureError`` if one fails."""
        runs = [self.submit(work) for work in works]
        for run in runs:
            run.await_end()
            if isinstance(run.ending, protocol.Fell):
                raise MeasureError(f"a job failed: {run.ending.detail or run.ending.sentence}")
        return runs

    def cancel(self, run: Run) -> None:
        """Have the job stop."""
        self.engine.cancel(run.work.job_id)

    def _take(self, message: protocol.FromWorker) -> None:
        match message:
            case protocol.Ready() | protocol.Broken():
                self._opening.put(message)
            case protocol.Finished() | protocol.Stopped() | protocol.Fell():
                self._runs.pop(message.job_id).take(message)
            case protocol.Advanced():
                if (run := self._runs.get(message.job_id)) is not None:
                    run.take(message)

    def _leave(self, status: int) -> None:
        for run in list(self._runs.values()):
            fell = protocol.Fell(
                job_id=run.work.job_id,
                code="worker_lost",
                sentence="",
                detail=f"the worker wanted to end with status {status}",
            )
            run.take(fell)


@contextlib.contextmanager
def open_lab(plan: Plan) -> Iterator[Lab]:
    """An engine that is ready. Raises ``Unavailable`` and ``MeasureError``."""
    lab = Lab(plan)
    try:
        lab.start()
        yield lab
    finally:
        lab.engine.stop()


def alternate(
    ways: Sequence[Callable[[], float]], *, rounds: int, seconds: float
) -> list[tuple[float, ...]]:
    """What the ways return, each in turn, so that a machine's moods hit all of them alike.

    At least three rounds; more until there are ``rounds`` or ``seconds`` have passed.
    """
    results: list[tuple[float, ...]] = []
    began = time.monotonic()
    while len(results) < 3 or (len(results) < rounds and time.monotonic() - began < seconds):
        results.append(tuple(way() for way in ways))
    return results
