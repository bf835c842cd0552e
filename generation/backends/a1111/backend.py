"""A web UI as a backend: jobs as requests, their progress beside them, stops of our own alone."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from generation.backends.a1111 import tools
from generation.backends.a1111.answers import Answer, error_of, read_answer
from generation.backends.a1111.dialects import A1111, Dialect, Kind, find_dialect
from generation.backends.a1111.listing import Listing, read_listing
from generation.backends.a1111.offer import capabilities
from generation.backends.a1111.payload import OWNED, Call, calls, hires_upscaler
from generation.backends.a1111.progress import Sight, look_at_server, look_at_task
from generation.backends.base import Capabilities, ModelInfo, ToolInfo, Work
from generation.backends.ledger import Track
from generation.backends.remote.backend import Drawing, RemoteBackend
from generation.backends.remote.pictures import from_base64, read_picture, to_outputs
from generation.backends.remote.server import Server
from generation.backends.remote.standing import Patience
from generation.backends.remote.wire import Deadlines
from generation.clock import Clock
from generation.errors import BackendError, BadReply, TimedOut, Unavailable
from generation.images import Picture
from generation.types import JobId, Progress

_LOG = logging.getLogger(__name__)

_REFRESHES = ("refresh-checkpoints", "refresh-vae", "refresh-loras", "refresh-embeddings")


@dataclass(kw_only=True, slots=True)
class _Errand:
    """A job of ours at the server, and what was seen there when it came: ``before``."""

    job_id: JobId
    before: Sight | None = None
    task_id: str | None = None
    preview_number: int = -1
    asked: asyncio.Task[object] | None = field(default=None)

    @property
    def is_first(self) -> bool:
        """Whether nothing ran there, so that what runs until its answer is this job."""
        return self.before is not None and not self.before.is_running


class A1111Backend(RemoteBackend):
    """AUTOMATIC1111, Forge and its kin, SD.Next, stable-diffusion.cpp's server, or KoboldCpp.

    Which one it is, and what it has, is asked when it is first needed and now and then again.
    ``together`` is how many pictures of a job it may draw in one batch. With ``is_ours`` nothing
    but this backend uses the server: then its global previews are shown too. ``payload`` are
    fields for every request; those that Easel must set itself raise ``ValueError``.
    """

    def __init__(
        self,
        name: str,
        server: Server,
        *,
        slots: int = 1,
        together: int = 1,
        is_ours: bool = False,
        payload: Mapping[str, object] | None = None,
        progress_seconds: float = 1.0,
        clock: Clock | None = None,
        patience: Patience | None = None,
        deadlines: Deadlines | None = None,
    ) -> None:
        super().__init__(
            name, server, slots=slots, clock=clock, patience=patience, deadlines=deadlines
        )
        if taken := sorted(OWNED & set(payload or {})):
            raise ValueError(f"{', '.join(taken)} is for Easel to set")
        self._together = together
        self._is_ours = is_ours
        self._payload = dict(payload or {})
        self._progress_seconds = progress_seconds
        self._dialect: Dialect = A1111
        self._listing: Listing | None = None
        self._resident: str | None = None
        self._errands: dict[JobId, _Errand] = {}

    @property
    def resident(self) -> str | None:
        """The checkpoint that it has loaded."""
        return self._resident

    @property
    def can_halt(self) -> bool:
        """Whether this kind of server can be interrupted."""
        return self._dialect.can_halt

    @property
    def notes(self) -> tuple[str, ...]:
        """What it is and how much of everything it has."""
        listing = self._listing
        if listing is None:
            return ()
        counted = (
            (len(listing.samplers), "samplers"),
            (len(listing.schedulers), "schedules"),
            (len(listing.loras), "LoRAs"),
            (len(listing.embeddings), "embeddings"),
            (len(listing.upscalers), "upscalers"),
            (len(listing.styles), "styles"),
            (len(listing.controls), "ControlNets"),
        )
        counts = ", ".join(f"{what} {count}" for count, what in counted if count)
        return (f"{listing.dialect.title}: {counts}", *self._lacks(listing.dialect))

    async def discover(self) -> Capabilities:
        """Who is there and what it has; its lists are read from its folders anew if it is idle."""
        self._dialect = await find_dialect(self.wire)
        await self._refresh()
        listing = await read_listing(self.wire, self._dialect)
        self._listing = listing
        self._resident = listing.resident
        return capabilities(listing)

    async def ping(self) -> None:
        """Ask for what runs there, or for the smallest list that it has."""
        path, query = "sdapi/v1/sd-models", None
        if self._dialect.has_progress:
            path, query = "sdapi/v1/progress", {"skip_current_image": "true"}
        elif self._dialect.kind is Kind.OTHER:
            path = "sdapi/v1/options"
        reply = await self.wire.get(path, query=query)
        if not reply.is_ok:
            raise error_of(reply)

    async def draw(self, work: Work, model: ModelInfo, track: Track) -> Drawing:
        """Send the job's requests one after another, and take their pictures."""
        listing = self._known()
        made = await asyncio.to_thread(
            calls,
            work,
            listing,
            task_id=work.job_id,
            together=1 if work.params.exact else self._together,
            extra=self._payload,
        )
        errand = _Errand(job_id=work.job_id)
        self._errands[work.job_id] = errand
        errand.before = await self._look_around()
        pictures: list[Picture] = []
        for number, call in enumerate(made):
            if track.cancel_asked:
                raise BadReply(detail="stopped between two requests")
            answer = await self._performed(errand, call, track, done=number, of=len(made))
            pictures += await self._read(answer, call)
            self._resident = model.name
        await self._check_whole(errand)
        del self._errands[work.job_id]
        outputs = await to_outputs(
            work, pictures, title=model.title, upscaler=hires_upscaler(work.params, listing)
        )
        return Drawing(outputs=outputs)

    async def use(self, work: Work, tool: ToolInfo, track: Track) -> Drawing:
        """Have it enlarge or describe a picture."""
        track.advance(Progress(step=0, steps=1))
        call = tools.call(work, tool)
        errand = _Errand(job_id=work.job_id)
        self._errands[work.job_id] = errand
        value = await self._answered(errand, call.path, call.body)
        del self._errands[work.job_id]
        return Drawing(outputs=(await tools.output(value, work),))

    async def halt(self, job_id: JobId) -> None:
        """Interrupt what runs there, if it is that job: an interrupt hits whatever it meets."""
        errand = self._errands.get(job_id)
        if errand is None or not self._dialect.can_halt:
            return
        if await self._is_running(errand):
            await self.wire.post("sdapi/v1/interrupt")

    async def is_idle(self, job_id: JobId) -> bool:
        """By the answer to the job's request; where that was lost, by what it says of itself."""
        errand = self._errands.get(job_id)
        if errand is None:
            return True
        asked = errand.asked
        if asked is not None and not asked.done():
            return False
        was_answered = asked is not None and not _was_lost(asked)
        if not was_answered and await self._is_running(errand):
            return False
        self._errands.pop(job_id, None)
        return True

    async def aclose(self) -> None:
        """As every backend, and no request is left open."""
        await super().aclose()
        asked = [errand.asked for errand in self._errands.values() if errand.asked is not None]
        for task in asked:
            task.cancel()
        await asyncio.gather(*asked, return_exceptions=True)

    def _known(self) -> Listing:
        if self._listing is None:
            raise Unavailable(detail="the server has not told yet what it has")
        return self._listing

    async def _refresh(self) -> None:
        """Have it look into its folders: what was added since its start is not in its lists."""
        if not self._dialect.has_progress or self._errands:
            return
        sight = await self._look_around()
        if sight is None or sight.is_running:
            return  # it would wait for the running job
        try:
            for path in _REFRESHES:
                await self.wire.post(f"sdapi/v1/{path}")
        except BackendError as error:
            _LOG.info("refresh_failed backend=%s detail=%s", self.name, error.detail)

    async def _performed(
        self, errand: _Errand, call: Call, track: Track, *, done: int, of: int
    ) -> Answer:
        """The answer to one of the job's requests, while its progress is told."""
        steps = _whole_steps(call)
        errand.task_id = _task_id(call)
        track.advance(Progress(step=done * steps, steps=of * steps))
        following = asyncio.create_task(
            self._follow(errand, track, steps=steps, before=done * steps, in_all=of * steps),
            name=f"a1111-follow-{errand.job_id}",
        )
        try:
            value = await self._answered(errand, call.path, call.body)
        finally:
            following.cancel()
            await asyncio.gather(following, return_exceptions=True)
        return read_answer(value, call, self._known())

    async def _answered(self, errand: _Errand, path: str, body: Mapping[str, object]) -> object:
        """The answer's JSON. When we are cancelled the request stays open: its end is the proof."""
        errand.asked = asyncio.create_task(self._ask(path, body), name=f"a1111-ask-{errand.job_id}")
        return await asyncio.shield(errand.asked)

    async def _ask(self, path: str, body: Mapping[str, object]) -> object:
        # It says nothing until the picture is done, and what we give up on it still finishes.
        longest = self.patience.draw + self.patience.rid
        patience = replace(self.wire.deadlines, silence=longest, total=longest)
        reply = await self.wire.post(path, json=dict(body), deadlines=patience)
        if not reply.is_ok:
            raise error_of(reply)
        return await reply.read_json()

    async def _read(self, answer: Answer, call: Call) -> list[Picture]:
        return [
            await read_picture(from_base64(written), size=call.size) for written in answer.pictures
        ]

    async def _check_whole(self, errand: _Errand) -> None:
        """A job that somebody interrupted at the server answers like a whole one, and is none."""
        after = await self._look_around()
        is_stale = errand.before is not None and errand.before.was_interrupted
        is_new = self._dialect.forgets_interrupts or not is_stale
        if after is not None and after.was_interrupted and is_new:
            raise BadReply(detail="the job was interrupted at the server by somebody else")

    async def _follow(
        self, errand: _Errand, track: Track, *, steps: int, before: int, in_all: int
    ) -> None:
        """Tell of progress until the answer is there."""
        while True:
            await self.clock.sleep(self._progress_seconds)
            try:
                sight = await self._look(errand)
            except BackendError as error:
                _LOG.debug("progress_unknown backend=%s detail=%s", self.name, error.detail)
                continue
            progress = sight and sight.progress(steps)
            if sight and progress:
                errand.preview_number = sight.preview_number
                step = before + progress.step
                track.advance(replace(progress, step=step, steps=in_all))

    async def _look(self, errand: _Errand) -> Sight | None:
        if self._dialect.has_tasks and errand.task_id is not None:
            return await look_at_task(
                self.wire, errand.task_id, after=errand.preview_number, with_preview=True
            )
        if not errand.is_first and not self._is_ours:
            return None
        return await look_at_server(self.wire, self._dialect, with_preview=self._is_ours)

    async def _look_around(self) -> Sight | None:
        """Whether anything runs there; None where that cannot be known."""
        try:
            return await look_at_server(self.wire, self._dialect, with_preview=False)
        except BackendError:
            return None

    async def _is_running(self, errand: _Errand) -> bool:
        """Whether what runs there now is that job."""
        if self._dialect.has_tasks and errand.task_id is not None:
            sight = await look_at_task(
                self.wire, errand.task_id, after=errand.preview_number, with_preview=False
            )
            return sight.is_running
        found = await self._look_around()
        return found is not None and found.is_running and (errand.is_first or self._is_ours)

    def _lacks(self, dialect: Dialect) -> list[str]:
        lacks = []
        if not dialect.can_halt:
            lacks.append(f"{dialect.kind} cannot stop a job that it has begun")
        if dialect.kind in {Kind.A1111, Kind.FORGE} and not dialect.has_tasks:
            lacks.append("started with --nowebui it shows no previews of its own jobs alone")
        return lacks


def _whole_steps(call: Call) -> int:
    """Steps of all its batches, which the server counts as one whole."""
    steps, batches = call.body.get("steps"), call.body.get("n_iter", 1)
    return steps * batches if isinstance(steps, int) and isinstance(batches, int) else 1


def _task_id(call: Call) -> str | None:
    written = call.body.get("force_task_id")
    return written if isinstance(written, str) else None


def _was_lost(asked: asyncio.Task[object]) -> bool:
    """Whether a request ended without an answer, so that the server may still be at it."""
    return asked.cancelled() or isinstance(asked.exception(), Unavailable | TimedOut)
