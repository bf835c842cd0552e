"""The jobs a backend is running, as streams that can be left and joined again."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import replace

from generation.backends.base import Cancelled, Done, Event, Failed, Progressed
from generation.errors import BackendError
from generation.types import JobId, Progress, Result

_KEPT_ENDINGS = 64


class Track:
    """One job's events. Progress is lossy, the latest wins; the ending is kept until taken."""

    def __init__(self, job_id: JobId, forget: Callable[[Track], None]) -> None:
        self.job_id = job_id
        self.is_submitted = False
        self.cancel_asked = False
        self.ended = asyncio.Event()
        self._forget = forget
        self._sequence = 0
        self._progressed: Progressed | None = None
        self._ending: Done | Cancelled | Failed | None = None
        self._changed = asyncio.Event()

    def advance(self, progress: Progress) -> None:
        """Tell of progress. A late preview of an earlier step keeps the later step's number."""
        if self._ending is not None:
            return
        latest = self._progressed.progress if self._progressed is not None else None
        if latest is not None and latest.steps == progress.steps and latest.step > progress.step:
            progress = replace(latest, preview=progress.preview)
        self._progressed = Progressed(sequence=self._next(), progress=progress)
        self._wake()

    def finish(self, result: Result) -> None:
        """End the job with pictures."""
        if self._ending is None:
            self._end(Done(sequence=self._next(), result=result))

    def stop(self) -> None:
        """End the job as cancelled."""
        if self._ending is None:
            self._end(Cancelled(sequence=self._next()))

    def fail(self, error: BackendError) -> None:
        """End the job without pictures; as cancelled, if that was what its owner waited for."""
        if self._ending is not None:
            return
        if self.cancel_asked:
            self.stop()
        else:
            self._end(Failed(sequence=self._next(), error=error))

    async def events(self, after: int) -> AsyncIterator[Event]:
        """What happened past ``after`` and what happens from now on, up to the ending."""
        seen = after
        while True:
            latest, ending, changed = self._progressed, self._ending, self._changed
            if latest is not None and latest.sequence > seen:
                seen = latest.sequence
                yield latest
            elif ending is not None:
                self._forget(self)
                if ending.sequence > after:
                    yield ending
                return
            else:
                await changed.wait()

    def _end(self, ending: Done | Cancelled | Failed) -> None:
        self._ending = ending
        self.ended.set()
        self._wake()

    def _next(self) -> int:
        self._sequence += 1
        return self._sequence

    def _wake(self) -> None:
        self._changed.set()
        self._changed = asyncio.Event()


class Ledger:
    """A backend's jobs by id. A job is known from its submission until its ending was taken.

    After that the same id may be submitted again: that is how a retry looks to a backend.
    Endings nobody comes for are kept up to a bound, the oldest go first.
    """

    def __init__(self) -> None:
        self._tracks: dict[JobId, Track] = {}

    def open(self, job_id: JobId) -> Track:
        """Begin a job that is not known."""
        ended = [track for track in self._tracks.values() if track.ended.is_set()]
        for old in ended[: max(0, len(ended) - _KEPT_ENDINGS + 1)]:
            self._forget(old)
        track = Track(job_id, self._forget)
        self._tracks[job_id] = track
        return track

    def find(self, job_id: JobId) -> Track | None:
        """The job, or None when it was never submitted or its ending has been taken."""
        return self._tracks.get(job_id)

    def running(self) -> tuple[Track, ...]:
        """Jobs that have not ended, oldest first."""
        return tuple(track for track in self._tracks.values() if not track.ended.is_set())

    def fail_all(self, make_error: Callable[[], BackendError]) -> None:
        """End everything that runs; each job gets an error of its own."""
        for track in self.running():
            track.fail(make_error())

    def _forget(self, track: Track) -> None:
        if self._tracks.get(track.job_id) is track:
            del self._tracks[track.job_id]
