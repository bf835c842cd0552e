"""Follows one call to its end: place in line, steps, pictures on the way, and what it gave."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass

from generation.backends.gradio import files, words
from generation.backends.gradio.app import App, Endpoint
from generation.backends.gradio.calls import Message
from generation.backends.gradio.changes import changed
from generation.backends.gradio.findings import Link, find
from generation.backends.ledger import Track
from generation.backends.remote.pictures import read_preview
from generation.backends.remote.wire import Wire
from generation.clock import Clock
from generation.errors import BackendError, BadReply
from generation.types import Progress

_PREVIEW_PAUSE = 1.0
"""Seconds between two previews: each is fetched, decoded and shown to somebody."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Drawn:
    """What a call gave: where its pictures are, and the seed that the app says it used."""

    links: tuple[Link, ...]
    seed: int | None


class Watch:
    """Follows calls of a job. ``part`` is which of how many calls for it this one is."""

    def __init__(
        self,
        wire: Wire,
        app: App,
        endpoint: Endpoint,
        track: Track,
        *,
        clock: Clock,
        steps: int,
        part: tuple[int, int],
    ) -> None:
        self._wire = wire
        self._app = app
        self._endpoint = endpoint
        self._track = track
        self._clock = clock
        self._steps = steps
        self._part, self._parts = part
        self._share = 0.0
        self._data: list[object] | None = None
        self._preview: bytes | None = None
        self._previewed_at: float | None = None

    async def follow(self, told: AsyncIterator[Message]) -> Drawn:
        """Watch the call to its end. Raises ``BackendError``, in the app's words if it has any."""
        async for message in told:
            match message.get("msg"):
                case "estimation":
                    self._wait(message)
                case "process_starts":
                    self._tell()
                case "progress":
                    self._advance(message)
                case "process_generating":
                    await self._look(message)
                case "process_completed":
                    return self._ended(message)
                case _:
                    continue  # heartbeats, logs for the page, what later versions may add
        raise BadReply(detail="the app's stream ended too early")

    def _wait(self, message: Message) -> None:
        rank, eta = _number(message.get("rank")), _number(message.get("rank_eta"))
        if rank is not None and self._part == 0:
            self._track.advance(
                Progress(step=0, steps=self._total, eta_seconds=eta, ahead=max(0, int(rank)))
            )

    def _advance(self, message: Message) -> None:
        """The last of the app's bars that knows its end: the outer ones come first."""
        bars = message.get("progress_data")
        for bar in bars if isinstance(bars, list) else ():
            if isinstance(bar, dict) and (share := _share(bar)) is not None:
                self._share = share
        self._tell()

    async def _look(self, message: Message) -> None:
        found = find(self._endpoint, self._generated(message))
        now = self._clock.monotonic()
        is_early = self._previewed_at is not None and now - self._previewed_at < _PREVIEW_PAUSE
        if not found.links or is_early:
            return
        self._previewed_at = now
        try:
            data = await files.fetch(self._wire, self._app, found.links[0])
        except BackendError:
            return  # the job goes on without
        self._preview = await read_preview(data) or self._preview
        self._tell()

    def _generated(self, message: Message) -> list[object]:
        """What the outputs are now: the whole the first time, then what changed."""
        data = _data(message)
        if data is None:
            return self._data or []
        is_change = self._app.sends_changes and self._data is not None
        self._data = changed(self._data or [], data) if is_change else data
        return self._data

    def _ended(self, message: Message) -> Drawn:
        output = message.get("output")
        if message.get("success") is False:
            raise words.failure(output)
        found = find(self._endpoint, _data(message) or [])
        if not found.links:
            raise (
                words.rejected(found.words)
                if found.words
                else BadReply(detail="the app ended the job without a picture and without a word")
            )
        return Drawn(links=found.links, seed=found.seed)

    def _tell(self) -> None:
        done = self._part * self._steps + round(self._share * self._steps)
        self._track.advance(Progress(step=done, steps=self._total, preview=self._preview))

    @property
    def _total(self) -> int:
        return self._steps * self._parts


def _data(message: Message) -> list[object] | None:
    output = message.get("output")
    data = output.get("data") if isinstance(output, dict) else None
    return data if isinstance(data, list) else None


def _share(bar: Mapping[str, object]) -> float | None:
    """How far a bar is, 0 … 1; None where it does not know its end."""
    share = _number(bar.get("progress"))
    if share is None:
        index, length = _number(bar.get("index")), _number(bar.get("length"))
        share = index / length if index is not None and length else None
    return None if share is None else max(0.0, min(share, 1.0))


def _number(value: object) -> float | None:
    return value if isinstance(value, int | float) and not isinstance(value, bool) else None
