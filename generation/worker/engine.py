"""The worker's heart: one thread that owns the device and takes jobs in the order they came."""

from __future__ import annotations

import logging
import queue
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

import torch

from generation.backends.base import Work
from generation.errors import BackendError, GenerationError, OutOfMemory, WorkerLost
from generation.types import JobId, Progress, Result
from generation.worker import protocol
from generation.worker.devices import choose_device, choose_precision, describe
from generation.worker.finishing import finish
from generation.worker.memory import is_device_lost, is_out_of_memory, release
from generation.worker.models import LoadedModel, ModelShelf
from generation.worker.painter import JobCancelled, Painting, Step, paint
from generation.worker.previews import encode_preview
from generation.worker.settings import WorkerSettings

_LOG = logging.getLogger(__name__)
_MEMORY_STRIKES = 2
_DETAIL_LENGTH = 500


@dataclass(kw_only=True, slots=True)
class _Job:
    work: Work
    cancelled: threading.Event = field(default_factory=threading.Event)
    previewed_at: float = 0.0


class Engine:
    """Runs jobs and reports by ``send``, which must not block and may be called by any thread.

    ``exit_process`` ends the process with a status, after what was sent has left.
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
        self._waiting: queue.SimpleQueue[_Job | None] = queue.SimpleQueue()
        self._jobs: dict[JobId, _Job] = {}
        self._lock = threading.Lock()
        self._finishers = ThreadPoolExecutor(2, thread_name_prefix="finish")
        self._busy_since: float | None = None
        self._memory_strikes = 0
        self._thread = threading.Thread(target=self._main, name="device", daemon=True)

    def start(self) -> None:
        """Open the models in the device's thread; ``Ready`` or ``Broken`` is sent from there."""
        self._thread.start()

    def submit(self, work: Work) -> None:
        """Queue a job. One that is already known is left as it is."""
        with self._lock:
            if work.job_id in self._jobs:
                return
            job = _Job(work=work)
            self._jobs[work.job_id] = job
        self._waiting.put(job)

    def cancel(self, job_id: JobId) -> None:
        """Have the job stop within one step. Unknown ids are ignored."""
        with self._lock:
            job = self._jobs.get(job_id)
        if job is not None:
            job.cancelled.set()

    def stop(self) -> None:
        """Cancel everything and wait for the device's thread to end."""
        with self._lock:
            jobs = list(self._jobs.values())
        for job in jobs:
            job.cancelled.set()
        self._waiting.put(None)
        self._thread.join()
        self._finishers.shutdown()

    def silent_seconds(self) -> float:
        """How long a running job has shown no life; 0 while none runs."""
        since = self._busy_since
        return 0.0 if since is None else time.monotonic() - since

    def _main(self) -> None:
        if self._settings.threads is not None:
            # Holds for the calling thread only, so it must be called in this one.
            torch.set_num_threads(self._settings.threads)
        try:
            shelf = self._open()
        except Exception as error:  # noqa: BLE001  # the worker's border: told to the parent
            detail = getattr(error, "detail", None) or f"{type(error).__name__}: {error}"
            self._send(protocol.Broken(detail=detail[: 4 * _DETAIL_LENGTH]))
            self._exit(protocol.EXIT_CANNOT_START)
            return
        while (job := self._waiting.get()) is not None:
            self._busy_since = time.monotonic()
            self._run(shelf, job)
            self._busy_since = None

    def _open(self) -> ModelShelf:
        device = choose_device(self._settings.device)
        dtype = choose_precision(self._settings.precision, device)
        shelf = ModelShelf(self._settings, device, dtype)
        models, problems = shelf.open()
        self._send(protocol.Resident(model=shelf.resident or ""))
        self._send(protocol.Ready(models=models, problems=problems, device=describe(device, dtype)))
        self._device = device
        return shelf

    def _run(self, shelf: ModelShelf, job: _Job) -> None:
        began = time.monotonic()
        failure: BaseException
        try:
            model = self._load(shelf, job)
            painting = paint(
                model,
                job.work,
                on_step=lambda step: self._on_step(model, job, step),
                is_cancelled=job.cancelled.is_set,
            )
        except Exception as error:  # noqa: BLE001  # the worker's border: told to the parent
            failure = error.with_traceback(None)  # or its frames would keep tensors alive
        else:
            self._memory_strikes = 0
            seconds = time.monotonic() - began
            self._finishers.submit(self._finish, job, painting, model.info.title, seconds)
            return
        self._fall(job, failure)

    def _load(self, shelf: ModelShelf, job: _Job) -> LoadedModel:
        if job.cancelled.is_set():
            raise JobCancelled
        before, name = shelf.resident, job.work.params.model
        model = shelf.load(name)
        if before != name:
            self._send(protocol.Resident(model=name))
        return model

    def _on_step(self, model: LoadedModel, job: _Job, step: Step) -> None:
        now = time.monotonic()
        self._busy_since = now
        progress = Progress(step=step.number, steps=step.total, eta_seconds=step.eta_seconds)
        pause = self._settings.preview_seconds
        if pause is None or now - job.previewed_at < pause or step.number == step.total:
            self._send(protocol.Advanced(job_id=job.work.job_id, progress=progress))
            return
        job.previewed_at = now
        colours = model.previewer.colours(step.latents, step.scheduler)
        self._finishers.submit(self._send_preview, job.work.job_id, progress, colours)

    def _send_preview(self, job_id: JobId, progress: Progress, colours: torch.Tensor) -> None:
        shown = Progress(
            step=progress.step,
            steps=progress.steps,
            eta_seconds=progress.eta_seconds,
            preview=encode_preview(colours),
        )
        self._send(protocol.Advanced(job_id=job_id, progress=shown))

    def _finish(self, job: _Job, painting: Painting, title: str, seconds: float) -> None:
        try:
            outputs = finish(painting, job.work, title)
        except Exception as error:  # noqa: BLE001  # the worker's border: told to the parent
            self._fall(job, error)
            return
        result = Result(outputs=outputs, seconds=seconds, backend="", notes=tuple(painting.notes))
        self._forget(job)
        self._send(protocol.Finished(job_id=job.work.job_id, result=result))

    def _fall(self, job: _Job, error: BaseException) -> None:
        """Report how the job ended, and leave when only a new process can go on."""
        self._forget(job)
        if isinstance(error, JobCancelled):
            self._send(protocol.Stopped(job_id=job.work.job_id))
            return
        known = _as_known(error)
        if isinstance(known, OutOfMemory):
            self._memory_strikes += 1
            release(self._device)
        status = self._reason_to_leave(known)
        if status is not None:
            self._send(protocol.Leaving(reason=known.code))
        self._send(
            protocol.Fell(
                job_id=job.work.job_id,
                code=known.code,
                sentence=known.sentence,
                detail=(known.detail or "")[:_DETAIL_LENGTH],
            )
        )
        if status is not None:
            self._exit(status)

    def _reason_to_leave(self, error: GenerationError) -> int | None:
        """The exit status with which the process must end now, if it must."""
        if isinstance(error, WorkerLost):
            return protocol.EXIT_DEVICE_LOST
        if isinstance(error, OutOfMemory) and self._memory_strikes >= _MEMORY_STRIKES:
            return protocol.EXIT_MEMORY
        return None

    def _forget(self, job: _Job) -> None:
        with self._lock:
            self._jobs.pop(job.work.job_id, None)


def _as_known(error: BaseException) -> GenerationError:
    if isinstance(error, GenerationError):
        return error
    detail = f"{type(error).__name__}: {error}"
    if is_out_of_memory(error):
        return OutOfMemory(detail=detail)
    if is_device_lost(error):
        return WorkerLost(detail=detail)
    return BackendError(detail=detail)
