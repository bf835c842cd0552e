"""Shows how far jobs are, by editing the message that will hold the result."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import math
from collections import OrderedDict
from dataclasses import dataclass, field, replace
from typing import Final, Protocol

import discord

from bot import replies
from bot.address import Address
from bot.errors import told
from bot.post import Post
from bot.replies import Card
from bot.verdicts import SEND_ERRORS
from generation.clock import Clock
from generation.errors import StorageError, UnknownJob
from generation.line import Place
from generation.types import Job, JobId, Progress

_LOG = logging.getLogger(__name__)

EDIT_INTERVAL: Final = 2.5
"""Seconds between two edits of one message; Discord allows about five in five seconds."""

PLACE_INTERVAL: Final = 15.0
"""Seconds between two looks at a waiting job's place, while few wait."""

PLACE_EDITS: Final = 4.0
"""Looks a second at the places of all: each may be an edit, and results go before those."""

CLOSE_SECONDS: Final = 15.0
"""How long a result waits for a progress edit under way, so that it is not overtaken by it."""

FAREWELL_SECONDS: Final = 30.0
"""How long before an answer falls silent it says where its result will be."""

_REMEMBERED_ENDINGS = 1000
_GONE = frozenset({401, 403, 404})  # the message, or our right to edit it, is not coming back


class Places(Protocol):
    """The part of the queue that this module needs."""

    async def recent_place(self, job_id: JobId) -> Place | None:
        """Where a waiting job stood a few seconds ago at most; None once it runs."""
        ...

    async def set_delivery(self, job_id: JobId, delivery: str) -> None:
        """Store a job's new delivery address."""
        ...


@dataclass(kw_only=True, slots=True)
class _Track:
    """One job's message: what to show next, and whether it may still be shown."""

    job: Job
    address: Address
    running: bool = False
    place: Place | None = None
    progress: Progress | None = None
    closed: bool = False
    changed: asyncio.Event = field(default_factory=asyncio.Event)
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    task: asyncio.Task[None] | None = None


class Board:
    """Follows unfinished jobs. Lossy on purpose: the latest state wins, failures are passed over.

    One message is edited at most every ``EDIT_INTERVAL`` seconds, and never again once ``close``
    has returned.
    """

    def __init__(self, *, post: Post, places: Places, clock: Clock) -> None:
        self._post = post
        self._places = places
        self._clock = clock
        self._tracks: dict[JobId, _Track] = {}
        self._ended: OrderedDict[JobId, None] = OrderedDict()
        self._new: asyncio.Queue[_Track] = asyncio.Queue()

    async def run(self) -> None:
        """Edit messages until cancelled. Belongs into the application's task group."""
        async with asyncio.TaskGroup() as group:
            while True:
                track = await self._new.get()
                track.task = group.create_task(self._watch(track), name=f"progress-{track.job.id}")

    def queued(self, job: Job, place: Place) -> None:
        """The job has been accepted and waits."""
        track = self._track(job)
        if track is not None and not track.running:
            track.place = place
            track.changed.set()

    def started(self, job: Job) -> None:
        """The job is being worked on."""
        track = self._track(job)
        if track is not None:
            track.running, track.progress = True, None
            track.changed.set()

    def progressed(self, job: Job, progress: Progress) -> None:
        """The job has advanced."""
        track = self._track(job)
        if track is not None:
            track.running, track.progress = True, progress
            track.changed.set()

    async def close(self, job_id: JobId) -> Address | None:
        """Stop for good: an edit under way is awaited (unless it hangs), no other follows.

        Returns the job's address as known here, if the job was followed.
        """
        self._ended[job_id] = None
        while len(self._ended) > _REMEMBERED_ENDINGS:
            self._ended.popitem(last=False)
        track = self._tracks.pop(job_id, None)
        if track is None:
            return None
        track.closed = True
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(CLOSE_SECONDS), track.lock:
                pass
        if track.task is not None:
            track.task.cancel()
        return track.address

    def _track(self, job: Job) -> _Track | None:
        """The job's track, begun if need be; None if it has ended or cannot be shown."""
        if job.id in self._ended:
            return None
        track = self._tracks.get(job.id)
        if track is None:
            try:
                address = Address.load(job.request.delivery)
            except ValueError:
                return None
            track = _Track(job=job, address=address)
            self._tracks[job.id] = track
            self._new.put_nowait(track)
        return track

    async def _watch(self, track: _Track) -> None:
        """Follow one job; what goes wrong with it is not the others' concern."""

        async def log(error: Exception) -> None:
            _LOG.error("progress_crashed job=%s", track.job.id, exc_info=error)

        async with told(log):
            await self._follow(track)

    async def _follow(self, track: _Track) -> None:
        while not track.closed:
            track.changed.clear()
            is_last = self._seconds_left(track) <= 0
            card = replies.out_of_reach(track.job) if is_last else _card(track)
            async with track.lock:
                if track.closed or not await self._edit(track, card) or is_last:
                    return
            await self._clock.sleep(EDIT_INTERVAL)
            while not track.changed.is_set() and self._seconds_left(track) > 0:
                await self._look_again(track)

    def _seconds_left(self, track: _Track) -> float:
        """Until the answer has to say where its result will be, since it falls silent soon."""
        silent = track.address.falls_silent_at()
        return math.inf if silent is None else silent - FAREWELL_SECONDS - self._clock.now()

    async def _look_again(self, track: _Track) -> None:
        """Wait for something new to show; a job that waits moves up without anyone telling."""
        turn = max(PLACE_INTERVAL, len(self._tracks) / PLACE_EDITS)
        pause = min(self._seconds_left(track), math.inf if track.running else turn)
        if pause == math.inf:
            await track.changed.wait()
            return
        async with asyncio.TaskGroup() as group:
            sleep, wait = self._clock.sleep(pause), track.changed.wait()
            timer = group.create_task(sleep, name=f"progress-timer-{track.job.id}")
            change = group.create_task(wait, name=f"progress-change-{track.job.id}")
            await asyncio.wait({timer, change}, return_when=asyncio.FIRST_COMPLETED)
            timer.cancel()
            change.cancel()
        if not track.changed.is_set() and not track.running:
            await self._find_place(track)

    async def _find_place(self, track: _Track) -> None:
        try:
            place = await self._places.recent_place(track.job.id)
        except StorageError:
            return  # the dispatcher says so in the log; this only shows less meanwhile
        if place is not None and place != track.place and not track.running:
            track.place = place
            track.changed.set()

    async def _edit(self, track: _Track, card: Card) -> bool:
        """Show the card; False if the message can never be edited again."""
        address = track.address
        try:
            if address.token_lives(self._clock.now()):
                message_id = await self._post.edit_answer(address, card)
            elif address.message_id is not None and address.reachable and not address.private:
                message_id = await self._post.edit_message(address, card)
            else:
                return False
        except discord.HTTPException as error:
            _LOG.info(
                "progress_not_shown job=%s status=%s code=%s",
                track.job.id,
                error.status,
                error.code,
            )
            return error.status not in _GONE
        except SEND_ERRORS as error:
            _LOG.info("progress_not_shown job=%s kind=%s", track.job.id, type(error).__name__)
            return True
        if message_id != address.message_id:
            track.address = replace(address, message_id=message_id)
            try:
                await self._places.set_delivery(track.job.id, track.address.dump())
            except UnknownJob:
                return False
            except StorageError as error:
                _LOG.warning("address_not_stored job=%s code=%s", track.job.id, error.code)
        return True


def _card(track: _Track) -> Card:
    if track.running:
        return replies.running(track.job, track.progress, spoiler=track.address.spoiler)
    return replies.queued(track.job, track.place)
