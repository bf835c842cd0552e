"""An OpenAI-style images endpoint as a backend: each job is a request, or a few."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from generation.backends.base import Capabilities, Health, ModelInfo, Work
from generation.backends.ledger import Track
from generation.backends.openai_images.api import Api
from generation.backends.openai_images.dialects import PLAIN, Dialect, find_dialect
from generation.backends.openai_images.models import Model, read_model
from generation.backends.openai_images.refusals import USUAL_PAUSE
from generation.backends.openai_images.replies import Answer
from generation.backends.openai_images.requests import Call, make_call, rounds
from generation.backends.remote.backend import Drawing, RemoteBackend
from generation.backends.remote.pictures import read_picture, read_preview, to_outputs
from generation.backends.remote.server import Server
from generation.backends.remote.standing import Patience
from generation.backends.remote.wire import Deadlines
from generation.clock import Clock
from generation.errors import BackendError, BadReply, Busy, Unavailable
from generation.images import Picture, cut_patch, punched
from generation.types import JobId, Progress, Task

_LOG = logging.getLogger(__name__)

_UNSEEDED = "This engine takes no seed: the same settings give another picture."


@dataclass(kw_only=True, slots=True)
class _Errand:
    """A job's request under way, and whether somebody wants it to end."""

    halted: asyncio.Event = field(default_factory=asyncio.Event)
    request: asyncio.Task[Answer] | None = None


class OpenAIImagesBackend(RemoteBackend):
    """A server with ``/v1/images/generations``.

    ``dialect`` says what it takes besides; None is told from its models. ``payload`` are fields
    for every request. ``price`` is what a picture costs, for the log and its owner.
    ``partial_images`` (0 … 3) are shown while OpenAI's own models draw; each of them is paid for.
    ``hosts`` are other hosts whose pictures may be fetched.
    """

    def __init__(
        self,
        name: str,
        server: Server,
        *,
        dialect: Dialect | None = None,
        payload: Mapping[str, object] | None = None,
        price: float | None = None,
        partial_images: int = 0,
        hosts: Sequence[str] = (),
        slots: int = 1,
        clock: Clock | None = None,
        patience: Patience | None = None,
        deadlines: Deadlines | None = None,
    ) -> None:
        super().__init__(
            name, server, slots=slots, clock=clock, patience=patience, deadlines=deadlines
        )
        # Such a server says nothing until its pictures are done.
        whole = replace(self.wire.deadlines, silence=self.patience.rid, total=self.patience.rid)
        self._api = Api(self.wire, hosts=frozenset(hosts), patience=whole, clock=self.clock)
        self._given = dialect
        self._dialect = dialect or PLAIN
        self._payload = dict(payload or {})
        self._price = price
        self._partial_images = partial_images
        self._models: dict[str, Model] = {}
        self._errands: dict[JobId, _Errand] = {}
        self._busy_until = 0.0

    @property
    def description(self) -> str | None:
        """Whose API it speaks."""
        return self._dialect.title if self._models else None

    @property
    def notes(self) -> tuple[str, ...]:
        """Until when it takes no more, and what cannot be told of its models."""
        left = self._busy_until - self.clock.monotonic()
        busy = (f"it takes no more requests for {left:.0f} s",) if left > 0 else ()
        if self._dialect is PLAIN and len(self._models) > 1:
            listed = "it lists models of every kind; name those that draw under [[backends.models]]"
            return (*busy, listed)
        return busy

    async def health(self) -> Health:
        """How it is; without a slot while its rate limit is met."""
        health = await super().health()
        return replace(health, slots=0) if self.clock.monotonic() < self._busy_until else health

    async def discover(self) -> Capabilities:
        """Ask for its models."""
        cards = await self._api.cards()
        self._dialect = self._given or find_dialect(self.wire.server.host, cards)
        found = [model for card in cards if (model := read_model(card, self._dialect)) is not None]
        if not found:
            raise Unavailable(
                detail=f"{self.wire.server.url} lists no model that draws pictures. Check the "
                "address and the account, or write which kind of server it is as dialect."
            )
        self._models = {model.info.name: model for model in found}
        return Capabilities(models=tuple(model.info for model in self._models.values()))

    async def ping(self) -> None:
        """Ask for its models."""
        await self._api.cards()

    async def draw(self, work: Work, model: ModelInfo, track: Track) -> Drawing:
        """Send the job's requests, one after the other."""
        served = self._models[model.name]
        errand = self._errands[work.job_id] = _Errand()
        pictures: list[Picture] = []
        tokens = 0
        sent, mask = await self._pictures(work)
        for seed, count in rounds(work.params, served, self._dialect):
            call = make_call(
                work.params,
                served,
                self._dialect,
                seed=seed,
                count=count,
                pictures=sent,
                mask=mask,
                extra=self._payload,
                partial_images=self._partial_images if self._can_stream(count) else 0,
            )
            # Such a server tells of no steps; pictures are all that can be counted.
            so_far = Progress(step=len(pictures), steps=work.params.count)
            track.advance(so_far)
            answer = await self._answer(errand, call, track, so_far)
            pictures += await self._read(answer, work, count)
            tokens += answer.tokens
        del self._errands[work.job_id]
        seeds = None if self._dialect.seed is not None else [None] * len(pictures)
        outputs = await to_outputs(work, pictures, title=model.title, seeds=seeds)
        return Drawing(outputs=outputs, notes=self._told(work, len(outputs), tokens))

    async def halt(self, job_id: JobId) -> None:
        """Wait no longer for its request. Most servers draw on, which is then waited for."""
        if (errand := self._errands.get(job_id)) is not None:
            errand.halted.set()

    async def is_idle(self, job_id: JobId) -> bool:
        """Whether its request has been answered, which is all that such a server tells."""
        errand = self._errands.get(job_id)
        if errand is not None and errand.request is not None and not errand.request.done():
            return False
        self._errands.pop(job_id, None)
        return True

    async def aclose(self) -> None:
        """Hang up on every request."""
        await super().aclose()
        left = [errand.request for errand in self._errands.values() if errand.request]
        for request in left:
            request.cancel()
        await asyncio.gather(*left, return_exceptions=True)

    def _can_stream(self, count: int) -> bool:
        return self._dialect.has_partial_images and count == 1

    async def _answer(self, errand: _Errand, call: Call, track: Track, so_far: Progress) -> Answer:
        """The answer to a request, which goes on by itself when the job is stopped."""
        if errand.halted.is_set():
            raise BackendError(detail="the job was cancelled between two of its requests")

        async def shown(data: bytes) -> None:
            if (preview := await read_preview(data)) is not None:
                track.advance(replace(so_far, preview=preview))

        asking = self._api.ask(call, shown)
        request = asyncio.create_task(asking, name=f"images-{track.job_id}")
        request.add_done_callback(_seen)
        errand.request = request
        halted = asyncio.create_task(errand.halted.wait(), name=f"images-halt-{track.job_id}")
        try:
            await asyncio.wait({request, halted}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            halted.cancel()
        if not request.done():
            if self._dialect.stops_when_left:
                request.cancel()
            raise BackendError(detail="the job was cancelled while its request was under way")
        try:
            return request.result()
        except Busy as busy:
            pause = USUAL_PAUSE if busy.retry_after is None else busy.retry_after
            self._busy_until = max(self._busy_until, self.clock.monotonic() + pause)
            raise

    async def _read(self, answer: Answer, work: Work, count: int) -> list[Picture]:
        if len(answer.pictures) < count:
            raise BadReply(detail=f"{len(answer.pictures)} pictures came instead of {count}")
        # What an edit comes out as is up to the server.
        exact = work.params.task is Task.TXT2IMG
        size = (work.params.width, work.params.height) if exact else None
        pictures = []
        for told in answer.pictures[:count]:
            data = told if isinstance(told, bytes) else await self._api.fetch(told)
            pictures.append(await read_picture(data, size=size))
        return pictures

    async def _pictures(self, work: Work) -> tuple[tuple[bytes, ...], bytes | None]:
        """What is sent along. A mask is transparent where the picture is to be drawn anew."""
        if work.image is None or work.mask is None:
            return work.references, None
        start, mask = await asyncio.to_thread(cut_patch, work.image, work.mask, work.params)
        return (start,), await asyncio.to_thread(punched, start, mask)

    def _told(self, work: Work, count: int, tokens: int) -> tuple[str, ...]:
        """What the job's owner should know; what it cost goes into the log as well."""
        notes = [] if self._dialect.seed is not None else [_UNSEEDED]
        if self._price is not None or tokens:
            cost = None if self._price is None else self._price * count
            _LOG.info(
                "pictures_paid backend=%s job=%s model=%s pictures=%d tokens=%d cost=%s",
                *(self.name, work.job_id, work.params.model, count, tokens, cost),
            )
            notes.append(f"Cost: {cost:g}" if cost is not None else f"Cost: {tokens} tokens")
        return tuple(notes)


def _seen(request: asyncio.Task[Answer]) -> None:
    """An error that nobody waits for any more is no mishap of ours."""
    if not request.cancelled():
        request.exception()
