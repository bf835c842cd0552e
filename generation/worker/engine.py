"""The worker's heart: jobs in the order they came, as many at once as pay, a thread for each."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

import torch

from generation.backends.base import Work
from generation.errors import GenerationError, OutOfMemory, WorkerLost
from generation.types import JobId, Progress, Result
from generation.worker import protocol
from generation.worker.causes import why_not_started
from generation.worker.devices import (
    choose_device,
    choose_precision,
    describe,
    doubt_about,
)
from generation.worker.finishing import Finishers, finish, size_of
from generation.worker.gatherer import Gatherer, JobCancelled, Seat
from generation.worker.memory import as_known, release
from generation.worker.models import LoadedModel, ModelShelf
from generation.worker.painter import Painting, Step
from generation.worker.passes import paint_job
from generation.worker.previews import Sketch
from generation.worker.settings import WorkerSettings
from generation.worker.slots import known_slots, measure_slots
from generation.worker.tools.chest import ToolChest

_MEMORY_STRIKES = 2


@dataclass(kw_only=True, slots=True, eq=False)
class _Job:
    work: Work
    seat: Seat
    previewed_at: float = 0.0

    @property
    def id(self) -> JobId:
        return self.work.job_id

    @property
    def is_for_tools(self) -> bool:
        return self.work.params.task.is_for_tools


class Engine:
    """Runs jobs and reports by ``send``, which must not block and may be called by any thread.

    Jobs that run at the same time have the same model; a job for another one waits until they
    have ended. ``exit_process`` ends the process with a status, after what was sent has left.
    """

    def __init__(
        self,
        settings: WorkerSettings,
        *,
        send: Callable[[protocol.FromWorker], None],
        exit_process: Callable[[int], None],
    ) -> None:
        self._settings = settings
        self._send = send
        self._exit = exit_process
        self._gatherer = Gatherer(threads=settings.threads)
        self._finishers = Finishers()
        self._lock = threading.Lock()
        # All of these are changed under the lock.
        self._jobs: dict[JobId, _Job] = {}
        self._waiting: deque[_Job] = deque()
        self._running: dict[_Job, threading.Thread] = {}
        self._model: str | None = None
        self._loaded: LoadedModel | None = None
        self._slots = 0
        self._memory_strikes = 0
        self._is_leaving = False

    def start(self) -> None:
        """Open the models in the device's thread; ``Ready`` or ``Broken`` is sent from there."""
        self._gatherer.start()
        self._gatherer.post(self._open)

    def submit(self, work: Work) -> None:
        """Queue a job. One that is already known is left as it is."""
        with self._lock:
            if work.job_id in self._jobs or self._is_leaving:
                return
            job = _Job(work=work, seat=self._gatherer.seat(exact=work.params.exact))
            self._jobs[job.id] = job
            self._waiting.append(job)
        self._start_jobs()

    def cancel(self, job_id: JobId) -> None:
        """Have the job stop, within one step if it runs. Unknown ids are ignored."""
        with self._lock:
            job = self._jobs.get(job_id)
            is_waiting = job in self._waiting
            if job is not None and is_waiting:
                self._waiting.remove(job)
        if job is None:
            return
        job.seat.cancel()
        if is_waiting:
            job.seat.leave()
            self._fall(job, JobCancelled())
            self._start_jobs()

    def rescan(self) -> None:
        """Look at the models' files again, between two calls of jobs; ``Offered`` tells."""
        self._gatherer.post(self._rescan)

    def stop(self) -> None:
        """Cancel everything and wait for all threads to end."""
        with self._lock:
            self._is_leaving = True
            jobs, threads = list(self._jobs), list(self._running.values())
            loaded = self._loaded
        if loaded is not None:
            loaded.speed.close(wait=False)
        for job_id in jobs:
            self.cancel(job_id)
        for thread in threads:
            thread.join()
        self._gatherer.stop()
        self._finishers.shutdown()

    @property
    def loaded(self) -> LoadedModel | None:
        """The model that jobs are drawn with; None before it is loaded and while it is changed."""
        with self._lock:
            return self._loaded

    def silent_seconds(self) -> float:
        """How long a job, or the device on its behalf, has shown no life; 0 while there is none."""
        return self._gatherer.silent_seconds()

    def _open(self) -> None:
        try:
            self._device = choose_device(self._settings.device)
            dtype = choose_precision(self._settings.precision, self._device)
            self._shelf = ModelShelf(self._settings, self._device, dtype, tell=self._note)
            models, problems = self._shelf.open()
            self._chest = ToolChest(self._settings.tools, self._device, dtype)
            tools, faults = self._chest.open()
        except Exception as error:  # noqa: BLE001  # the worker's border: told to the parent
            detail = why_not_started(error)[: 4 * protocol.DETAIL_LENGTH]
            self._send(protocol.Broken(detail=detail))
            self._exit(protocol.EXIT_CANNOT_START)
            return
        name = self._shelf.resident or ""
        self._send(protocol.Resident(model=name))
        named = describe(self._device, dtype)
        doubt = doubt_about(self._device, self._settings.device)
        problems = (*problems, *faults, *([doubt] if doubt else ()))
        self._send(
            protocol.Ready(
                models=models,
                problems=problems,
                device=named,
                notes=self._shelf.notes,
                tools=tools,
            )
        )
        self._open_slots(self._shelf.load(name))
        self._start_jobs()

    def _rescan(self) -> None:
        try:
            models, problems = self._shelf.rescan()
        except Exception as error:  # noqa: BLE001  # the worker's border: told to the parent
            models, problems = self._shelf.offer, (f"models: {why_not_started(error)}",)
        notes = self._shelf.notes
        self._send(protocol.Offered(models=models, problems=problems, notes=notes))

    def _note(self, model: str, text: str) -> None:
        self._send(protocol.Noted(model=model, text=text))

    def _open_slots(self, model: LoadedModel) -> None:
        """Say how many jobs the model takes. On the device's thread, while no other job runs."""
        slots = known_slots(model, self._settings.slots)
        if slots is None:
            self._send(protocol.Resident(model=model.info.name))
            slots = measure_slots(model, self._gatherer)
        self._send(protocol.Resident(model=model.info.name, slots=slots))
        with self._lock:
            self._model, self._loaded, self._slots = model.info.name, model, slots

    def _start_jobs(self) -> None:
        """Start what waits, in its order, as far as there is a slot and the model is the same."""
        with self._lock:
            while self._waiting and self._slots > 0 and not self._is_leaving:
                job = self._waiting[0]
                if not job.is_for_tools and job.work.params.model != self._model:
                    if self._running:
                        return
                    # Until it is loaded nobody knows how many it takes; the old one must go first.
                    self._model, self._loaded, self._slots = job.work.params.model, None, 1
                if len(self._running) >= self._slots:
                    return
                self._waiting.popleft()
                thread = threading.Thread(
                    target=self._run, args=(job,), name=f"job-{job.id}", daemon=True
                )
                self._running[job] = thread
                thread.start()

    def _run(self, job: _Job) -> None:
        if self._settings.threads is not None:
            torch.set_num_threads(self._settings.threads)  # holds for the calling thread only
        job.seat.stir()
        failure = self._use_tool(job) if job.is_for_tools else self._paint(job)
        job.seat.leave()
        if failure is not None:
            self._fall(job, failure)
        with self._lock:
            del self._running[job]
        self._start_jobs()

    def _paint(self, job: _Job) -> BaseException | None:
        """Make the job's pictures, or say why not. Nothing keeps its model alive afterwards."""
        began = time.monotonic()
        try:
            model = self._load(job)
            painting = paint_job(
                model, job.work, seat=job.seat, on_step=lambda step: self._on_step(model, job, step)
            )
            model.speed.after_job()
        except Exception as error:  # noqa: BLE001  # the worker's border: told to the parent
            return error.with_traceback(None)  # or its frames would keep tensors alive
        with self._lock:
            self._memory_strikes = 0
        seconds = time.monotonic() - began
        finished = (job, painting, model.info.title, seconds)
        self._finishers.submit(self._finish, *finished, size=size_of(painting))
        return None

    def _use_tool(self, job: _Job) -> BaseException | None:
        """Do the job with its tool, or say why not. The loaded model stays what it is."""
        try:
            result = self._chest.use(
                job.work, seat=job.seat, tell=lambda progress: self._advance(job, progress)
            )
        except Exception as error:  # noqa: BLE001  # the worker's border: told to the parent
            return error.with_traceback(None)
        self._end(job, result)
        return None

    def _load(self, job: _Job) -> LoadedModel:
        """The job's model. Only the first of several jobs does not find it loaded."""
        if job.seat.is_cancelled:
            raise JobCancelled
        with self._lock:
            if self._loaded is not None:
                return self._loaded
        model = job.seat.run(lambda: self._switch(job.work.params.model))
        self._start_jobs()
        return model

    def _switch(self, name: str) -> LoadedModel:
        model = self._shelf.load(name)
        self._open_slots(model)
        return model

    def _on_step(self, model: LoadedModel, job: _Job, step: Step) -> None:
        now = time.monotonic()
        progress = Progress(step=step.number, steps=step.total, eta_seconds=step.eta_seconds)
        pause = self._settings.preview_seconds
        if pause is None or now - job.previewed_at < pause or step.number == step.total:
            self._advance(job, progress)
            return
        job.seat.stir()
        job.previewed_at = now
        sketch = model.previewer.sketch(step.foreseen())
        self._finishers.submit(self._send_preview, job.id, progress, sketch)

    def _advance(self, job: _Job, progress: Progress) -> None:
        job.seat.stir()
        self._send(protocol.Advanced(job_id=job.id, progress=progress))

    def _send_preview(self, job_id: JobId, progress: Progress, sketch: Sketch) -> None:
        shown = Progress(
            step=progress.step,
            steps=progress.steps,
            eta_seconds=progress.eta_seconds,
            preview=sketch.jpeg(),
        )
        self._send(protocol.Advanced(job_id=job_id, progress=shown))

    def _finish(self, job: _Job, painting: Painting, title: str, seconds: float) -> None:
        try:
            outputs = finish(painting, job.work, title)
        except Exception as error:  # noqa: BLE001  # the worker's border: told to the parent
            self._fall(job, error)
            return
        notes = tuple(painting.notes)
        self._end(job, Result(outputs=outputs, seconds=seconds, backend="", notes=notes))

    def _end(self, job: _Job, result: Result) -> None:
        if self._forget(job):
            self._send(protocol.Finished(job_id=job.id, result=result))

    def _fall(self, job: _Job, error: BaseException) -> None:
        """Report how the job ended, and leave when only a new process can go on."""
        if not self._forget(job):
            return  # it has been told that the process leaves
        if isinstance(error, JobCancelled):
            self._send(protocol.Stopped(job_id=job.id))
            return
        known = as_known(error)
        if isinstance(known, OutOfMemory):
            release(self._device)
        status = self._reason_to_leave(known)
        if status is None:
            self._send(protocol.Fell.of(job.id, known))
            return
        self._send(protocol.Leaving(reason=known.code))
        self._send(protocol.Fell.of(job.id, known))
        with self._lock:
            others = list(self._jobs)
            self._jobs.clear()
        for other in others:
            self._send(protocol.Fell.of(other, WorkerLost(detail=f"the worker left: {known.code}")))
        self._exit(status)

    def _reason_to_leave(self, error: GenerationError) -> int | None:
        """The exit status with which the process must end now, if it must and is not about to."""
        with self._lock:
            if isinstance(error, OutOfMemory):
                self._memory_strikes += 1
            status = None
            if isinstance(error, WorkerLost):
                status = protocol.EXIT_DEVICE_LOST
            elif self._memory_strikes >= _MEMORY_STRIKES and not self._jobs:
                status = protocol.EXIT_MEMORY  # but not while others do well
            if status is not None and self._is_leaving:
                return None
            self._is_leaving = self._is_leaving or status is not None
            return status

    def _forget(self, job: _Job) -> bool:
        """Whether the job's ending is still to be told."""
        with self._lock:
            return self._jobs.pop(job.id, None) is not None
