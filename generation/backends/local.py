"""The local backend: pictures made by a worker process on this host."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from pathlib import Path

from generation.backends.base import Capabilities, Event, Health, Work
from generation.backends.ledger import Ledger, Track
from generation.backends.process import WORKER_COMMAND
from generation.backends.session import Patience, Session, boot
from generation.clock import Clock, SystemClock
from generation.errors import Unavailable, WorkerLost, backend_error
from generation.types import JobId
from generation.worker import protocol
from generation.worker.settings import ControlSettings, LocalModel, LocalTool, WorkerSettings

_LOG = logging.getLogger(__name__)


class LocalBackend:
    """Runs jobs in a child process, and replaces the process when it dies.

    Jobs for the same model are drawn together as far as that pays; others wait for their turn.
    The process starts with the first question, or with ``start``. A start that fails is logged
    with its cause and raises ``Unavailable`` for those who asked; it is tried again later.
    """

    def __init__(
        self,
        name: str,
        models: Sequence[LocalModel],
        *,
        device: str = "auto",
        precision: str = "auto",
        threads: int | None = None,
        preview_seconds: float | None = 1.0,
        slots: int | None = None,
        calibration: Path | None = None,
        memory: int | None = None,
        parallel_loading: bool = False,
        model_folders: Sequence[Path] = (),
        lora_folders: Sequence[Path] = (),
        embedding_folders: Sequence[Path] = (),
        controls: ControlSettings | None = None,
        compiled: Path | None = None,
        tools: Sequence[LocalTool] = (),
        clock: Clock | None = None,
        patience: Patience | None = None,
        command: Sequence[str] = WORKER_COMMAND,
    ) -> None:
        self._name = name
        self._settings = WorkerSettings(
            models=tuple(models),
            device=device,
            precision=precision,
            threads=threads,
            preview_seconds=preview_seconds,
            slots=slots,
            calibration=calibration,
            memory=memory,
            parallel_loading=parallel_loading,
            model_folders=tuple(model_folders),
            lora_folders=tuple(lora_folders),
            embedding_folders=tuple(embedding_folders),
            controls=controls or ControlSettings(),
            compiled=compiled,
            tools=tuple(tools),
        )
        self._clock = clock or SystemClock()
        self._patience = patience or Patience()
        self._command = tuple(command)
        self._ledger = Ledger()
        self._session: Session | None = None
        self._starting: asyncio.Task[Session] | None = None
        self._submitting: set[asyncio.Task[None]] = set()
        self._failure: Unavailable | None = None
        self._failed_at = 0.0
        self._is_closed = False

    @property
    def name(self) -> str:
        """The operator's name for it."""
        return self._name

    async def start(self) -> None:
        """Start the worker now rather than with the first question. Raises ``Unavailable``."""
        await self._ensure()

    async def capabilities(self) -> Capabilities:
        """What the worker found in its models' and tools' files. Raises ``Unavailable``."""
        session = await self._ensure()
        return Capabilities(models=session.ready.models, tools=session.ready.tools)

    async def rescan(self) -> tuple[str, ...]:
        """Have the worker look for new models and LoRAs; its problems. Raises ``Unavailable``."""
        session = await self._ensure()
        await session.rescan()
        self._tell_of(session)
        return session.ready.problems

    async def health(self) -> Health:
        """How the worker is, from memory."""
        session = self._session
        running = tuple(track.job_id for track in self._ledger.running())
        if session is None:
            problem = "starting" if self._starting is not None else "not started"
            if self._failure is not None:
                problem = self._failure.detail or self._failure.sentence
            return Health(ok=False, slots=1, running=running, problem=problem)
        return Health(
            ok=True,
            slots=session.slots,
            one_model=True,
            running=running,
            resident_model=session.resident,
            boot_id=session.boot_id,
            problem="; ".join(session.ready.problems) or None,
            device=session.ready.device,
            notes=session.ready.notes,
        )

    async def run(self, work: Work, after: int = 0) -> AsyncIterator[Event]:
        """Submit the job at the first step of the iteration, or attach to it if it is known.

        Never raises: a worker that cannot start or dies is a ``Failed`` event. A job is known
        until its last event has been taken; after that the same id begins anew.
        """
        track = self._ledger.find(work.job_id)
        if track is None:
            track = self._ledger.open(work.job_id)
            task = asyncio.create_task(
                self._submit(work, track), name=f"local-submit-{work.job_id}"
            )
            self._submitting.add(task)
            task.add_done_callback(self._submitting.discard)
        async for event in track.events(after):
            yield event

    async def cancel(self, job_id: JobId) -> None:
        """Stop the job within one step. A worker that does not obey in time is killed."""
        track = self._ledger.find(job_id)
        if track is None or track.ended.is_set():
            return
        track.cancel_asked = True
        session = self._session
        if session is None or not track.is_submitted:
            track.stop()
            return
        session.process.send(protocol.Cancel(job_id=job_id))
        if not await self._in_time(track.ended, self._patience.cancel):
            self._kill(session, f"did not cancel {job_id}")
            await track.ended.wait()

    async def aclose(self) -> None:
        """Stop the worker: politely, then by force. Jobs that still run fail as unavailable."""
        self._is_closed = True
        if self._starting is not None:
            self._starting.cancel()
            await asyncio.gather(self._starting, return_exceptions=True)
        self._ledger.fail_all(lambda: Unavailable(detail="the backend was closed"))
        session = self._session
        if session is not None:
            session.process.send(protocol.Stop())
            ended = asyncio.Event()
            session.tasks[0].add_done_callback(lambda _: ended.set())
            if not await self._in_time(ended, self._patience.stop):
                self._kill(session, "did not stop")
            await asyncio.gather(*session.tasks, return_exceptions=True)
        await asyncio.gather(*self._submitting, return_exceptions=True)

    async def _submit(self, work: Work, track: Track) -> None:
        try:
            session = await self._ensure()
        except Unavailable as error:
            track.fail(Unavailable(error.sentence, detail=error.detail))
            return
        if not track.ended.is_set():
            track.is_submitted = session.has_had_work = True
            session.process.send(protocol.Run(work=work))

    async def _ensure(self) -> Session:
        """The running session, started if need be by whoever comes first."""
        if self._is_closed:
            raise Unavailable(detail="the backend was closed")
        if self._session is not None:
            if not self._session.is_leaving:
                return self._session
            await asyncio.wait(self._session.tasks[:1])
        if self._starting is None:
            waited = self._clock.monotonic() - self._failed_at
            if self._failure is not None and waited < self._patience.retry_start:
                raise Unavailable(detail=self._failure.detail)
            self._starting = asyncio.create_task(self._boot(), name=f"local-start-{self._name}")
        starting = self._starting
        try:
            return await asyncio.shield(starting)
        except asyncio.CancelledError:
            if starting.cancelled():  # by aclose, not our own caller
                raise Unavailable(detail="the backend was closed") from None
            raise

    async def _boot(self) -> Session:
        try:
            session = await boot(self._command, self._settings, self._patience, self._name)
        except Unavailable as error:
            is_news = self._failure is None or self._failure.detail != error.detail
            self._failure, self._failed_at = error, self._clock.monotonic()
            _LOG.log(
                logging.ERROR if is_news else logging.INFO,
                "worker_start_failed backend=%s device=%s again_in=%g detail=%s",
                *(self._name, self._settings.device, self._patience.retry_start, error.detail),
            )
            raise
        finally:
            self._starting = None
        self._failure = None
        self._session = session
        session.tasks = [
            asyncio.create_task(self._listen(session), name=f"local-listen-{self._name}"),
            asyncio.create_task(self._watch(session), name=f"local-watch-{self._name}"),
        ]
        _LOG.info(
            "worker_ready backend=%s pid=%d device=%s models=%d",
            *(self._name, session.process.pid, session.ready.device, len(session.ready.models)),
        )
        self._tell_of(session)
        for early in session.noted:
            self._take(session, early)
        return session

    def _tell_of(self, session: Session) -> None:
        for problem in session.ready.problems:
            _LOG.warning("worker_problem backend=%s detail=%s", self._name, problem)
        for note in session.ready.notes:
            _LOG.info("worker_speed backend=%s detail=%s", self._name, note)

    async def _listen(self, session: Session) -> None:
        """Take the worker's messages until it ends, then clear up after it."""
        reason = None
        try:
            while (message := await session.process.receive()) is not None:
                self._take(session, message)
        except protocol.ProtocolError as error:
            reason = str(error)
        session.process.kill()
        await session.process.wait()
        reason = session.kill_reason or reason or session.process.death
        self._session = None
        session.lose(reason)
        session.tasks[1].cancel()
        if self._is_closed:
            return
        _LOG.error(
            "worker_lost backend=%s pid=%d reason=%s jobs=%d last_words=%s",
            *(self._name, session.process.pid, reason, len(self._ledger.running())),
            session.process.last_words,
        )
        for track in self._ledger.running():
            if track.is_submitted:  # the others wait for the next worker
                track.fail(WorkerLost(detail=reason))
        if not session.has_had_work:
            # It would only die again: wait until somebody asks, and then not at once.
            self._failure = Unavailable(detail=f"the worker died while idle: {reason}")
            self._failed_at = self._clock.monotonic()
            return
        # Back at once, so that the next job finds it warm; a failure is kept for who asks.
        self._starting = asyncio.create_task(self._boot(), name=f"local-start-{self._name}")
        self._starting.add_done_callback(_mark_seen)

    def _take(self, session: Session, message: protocol.Message) -> None:
        match message:
            case protocol.Resident(model=model, slots=slots):
                session.resident, session.slots = model, slots
            case protocol.Noted(model=model, text=text):
                _LOG.info("worker_note backend=%s model=%s detail=%s", self._name, model, text)
            case protocol.Offered():
                session.take_offer(message)
            case protocol.Pong(silent_seconds=silent):
                session.unanswered = 0
                if silent > self._patience.silence:
                    self._kill(session, f"no step for {silent:.0f} s")
            case protocol.Leaving(reason=reason):
                session.is_leaving, session.kill_reason = True, f"left: {reason}"
            case protocol.Fell():
                self._fell(message)
            case protocol.Advanced() | protocol.Finished() | protocol.Stopped():
                self._tell(message)
            case _:
                raise protocol.ProtocolError(f"unexpected {type(message).__name__}")

    def _tell(self, message: protocol.Advanced | protocol.Finished | protocol.Stopped) -> None:
        track = self._ledger.find(message.job_id)
        if track is None:
            return
        match message:
            case protocol.Advanced(progress=progress):
                track.advance(progress)
            case protocol.Finished(result=result):
                track.finish(replace(result, backend=self._name))
            case protocol.Stopped():
                track.stop()

    def _fell(self, message: protocol.Fell) -> None:
        _LOG.warning(
            "job_failed backend=%s job=%s code=%s detail=%s",
            *(self._name, message.job_id, message.code, message.detail),
        )
        if track := self._ledger.find(message.job_id):
            kind = backend_error(message.code)
            track.fail(kind(message.sentence, detail=message.detail))

    async def _watch(self, session: Session) -> None:
        """Ask the worker now and then whether it is there; kill it when it does not answer."""
        number = 0
        while True:
            await self._clock.sleep(self._patience.heartbeat)
            if session.unanswered * self._patience.heartbeat >= self._patience.answer:
                self._kill(session, f"no answer for {self._patience.answer:g} s")
                return
            number += 1
            session.unanswered += 1
            session.process.send(protocol.Ping(number=number))

    def _kill(self, session: Session, reason: str) -> None:
        session.kill_reason = session.kill_reason or reason
        session.process.kill()

    async def _in_time(self, event: asyncio.Event, seconds: float) -> bool:
        """Whether the event came before ``seconds`` of the clock had passed."""
        waiting = asyncio.create_task(event.wait(), name="local-await")
        timer = asyncio.create_task(self._clock.sleep(seconds), name="local-timer")
        try:
            await asyncio.wait({waiting, timer}, return_when=asyncio.FIRST_COMPLETED)
            return event.is_set()
        finally:
            waiting.cancel()
            timer.cancel()


def _mark_seen(task: asyncio.Task[Session]) -> None:
    if not task.cancelled():
        task.exception()
