"""One thread that owns the device, and what many jobs ask of it, joined into few calls.

Every job runs a pipeline of its own in a thread of its own. Where the pipeline calls the
denoiser, a stand-in hands the call to the device's thread and waits for its part of the answer.
"""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from typing import Any, TypeVar

import torch

from generation.worker.calls import Call, Shared, measure, serve
from generation.worker.joining import Contents
from generation.worker.pace import Pace

T = TypeVar("T")

_PREPARATION = 0.01
"""Seconds that a step waits for a job on its way to its first: one that comes a moment later
would stay a step behind to the end, and each of its calls would be made for it alone."""


class JobCancelled(Exception):
    """Raised in a job's thread to leave it before the picture is decoded."""


class Seat:
    """A job's place at the device. Its methods are for the job's thread, except ``cancel``."""

    def __init__(self, gatherer: Gatherer, number: int, *, exact: bool) -> None:
        self.number = number
        """Seats count in the order in which their jobs arrived."""
        self.is_cancelled = False
        self.is_denoising = False
        self.waits = True
        self.since = 0.0
        """When it last got an answer or began to wait."""
        self._gatherer = gatherer
        self.is_exact = exact
        """Whether its calls are made alone, by the model as it was loaded."""
        self._contents = Contents()

    def run(self, function: Callable[[], T]) -> T:
        """Have the device's thread do something, before any denoising. Raises ``JobCancelled``."""
        (answer,) = self._gatherer.ask([Call(function=function, asker=self)])
        return answer  # type: ignore[no-any-return]  # it is what the function gave

    def see_to(self, function: Callable[[], None]) -> None:
        """Have the device's thread do what has to be done even where the job is cancelled."""
        self._gatherer.ask([Call(function=function)])

    def each(self, shared: Shared, rows: torch.Tensor) -> list[Any]:
        """An answer for each row, on the device's thread; joined with other jobs' where it pays."""
        calls = []
        for row in torch.split(rows, 1):
            call = Call(function=shared.call, args=(row,), asker=self, shared=shared)
            self._look(call)
            calls.append(call)
        answers = self._gatherer.ask(calls)
        return [item for answer in answers for item in answer]

    def step(
        self,
        shared: Shared,
        args: tuple[Any, ...],
        options: Mapping[str, Any],
        *,
        outfit: Hashable = (),
        wear: Callable[[], None] | None = None,
    ) -> Any:
        """Call the denoiser, together with other jobs' calls of the same shape and outfit."""
        call = Call(
            function=shared.call,
            args=args,
            options=options,
            asker=self,
            shared=shared,
            outfit=outfit,
            wear=wear,
            is_step=True,
        )
        self._look(call)
        (answer,) = self._gatherer.ask([call])
        return answer

    @contextlib.contextmanager
    def denoising(self) -> Iterator[None]:
        """Around a pipeline's loop. After its first step, the device waits for this job's next."""
        try:
            yield
        finally:
            self._gatherer.end_loop(self)

    def stir(self) -> None:
        """Show life."""
        self._gatherer.stir(self)

    def is_late(self, now: float) -> bool:
        """Whether others' steps need not wait for it: it is in no loop, and not about to be."""
        return not self.is_denoising and now - self.since > _PREPARATION

    def cancel(self) -> None:
        """Have the job's thread leave: at once while it waits, else at its next call."""
        self._gatherer.cancel(self)

    def leave(self) -> None:
        """Give the seat back. Nobody waits for the job from now on."""
        self._gatherer.leave(self)

    def _look(self, call: Call) -> None:
        if not self.is_exact:
            call.look(self._contents)


class Gatherer:
    """The device's thread. It joins the calls that wait at the same time, and waits for no others.

    A step is made as soon as every job between its loop's first call and its end is waiting; a
    job that encodes, decodes or finishes is not waited for. The oldest job's call goes first,
    and takes along what fits with it, up to the calls' limits: where joining does not pay, jobs
    take turns. ``threads`` bounds the processor's cores.
    """

    def __init__(self, *, threads: int | None = None) -> None:
        self._threads = threads
        self._changed = threading.Condition()
        self._seats: list[Seat] = []
        self._count = 0
        self._waiting: list[Call] = []
        self._moved_at = self._looked_at = time.monotonic()
        self._is_stopping = False
        self._thread = threading.Thread(target=self._main, name="device", daemon=True)

    def start(self) -> None:
        """Begin to serve."""
        self._thread.start()

    def stop(self) -> None:
        """Do what waits and end. Cancel the seats first."""
        with self._changed:
            self._is_stopping = True
            self._changed.notify_all()
        self._thread.join()

    def seat(self, *, exact: bool = False) -> Seat:
        """A place for one more job; calls of an ``exact`` one are never joined with others'."""
        with self._changed:
            self._count += 1
            seat = Seat(self, self._count, exact=exact)
            seat.since = time.monotonic()
            self._seats.append(seat)
            return seat

    def post(self, function: Callable[[], None]) -> None:
        """Have the device's thread do something, without waiting. It must not raise."""
        with self._changed:
            self._waiting.append(Call(function=function))
            self._changed.notify_all()

    def silent_seconds(self) -> float:
        """How long some job, or the device on behalf of all, has shown no life. 0 without jobs."""
        now = time.monotonic()
        with self._changed:
            return max((now - self._alive(seat) for seat in self._seats), default=0.0)

    def ask(self, calls: list[Call]) -> list[Any]:
        """Wait for the answers to one job's calls. Raises ``JobCancelled``, or what they raised."""
        if threading.current_thread() is self._thread:
            return [call.run() for call in calls]
        self._put(calls)
        for call in calls:
            call.done.wait()
        seat, error = calls[0].asker, next((c.error for c in calls if c.error is not None), None)
        answers = [call.answer for call in calls]
        for call in calls:
            call.answer = call.error = None  # or the error's frames would keep themselves alive
        try:
            if seat is not None and seat.is_cancelled:
                raise JobCancelled
            if error is not None:
                raise error
            return answers
        finally:
            del error, answers, calls

    def cancel(self, seat: Seat) -> None:
        """Drop the seat's waiting calls; what the device is already at is finished and dropped."""
        with self._changed:
            seat.is_cancelled = True
            self._drop(seat)

    def end_loop(self, seat: Seat) -> None:
        """Do not wait for the seat's next step."""
        with self._changed:
            seat.is_denoising = False
            self._changed.notify_all()

    def leave(self, seat: Seat) -> None:
        """Forget the seat."""
        with self._changed:
            seat.is_denoising = False
            self._drop(seat)
            if seat in self._seats:
                self._seats.remove(seat)

    def stir(self, seat: Seat) -> None:
        """Note a sign of life."""
        with self._changed:
            seat.waits, seat.since = False, time.monotonic()

    def _alive(self, seat: Seat) -> float:
        # While a job waits, it is the device that has to move.
        return max(seat.since, self._moved_at) if seat.waits else seat.since

    def _put(self, calls: list[Call]) -> None:
        with self._changed:
            seat = calls[0].asker
            if seat is not None:
                if seat.is_cancelled or self._is_stopping:
                    raise JobCancelled
                seat.is_denoising = seat.is_denoising or calls[0].is_step
                seat.waits, seat.since = True, time.monotonic()
            self._waiting += calls
            self._changed.notify_all()

    def _drop(self, seat: Seat) -> None:
        for call in self._waiting:
            if call.asker is seat:
                call.done.set()
        self._waiting = [call for call in self._waiting if call.asker is not seat]
        self._changed.notify_all()

    def _main(self) -> None:
        if self._threads is not None:
            torch.set_num_threads(self._threads)  # holds for the calling thread only
        pace = Pace()
        with torch.no_grad():
            while (calls := self._next()) is not None:
                # What tells the device is forgotten once it is served.
                is_step, device = calls[0].is_step, calls[0].device
                if len(calls) > 1 and calls[0].most is None:
                    measure(calls[0])
                else:
                    serve(calls, self._give)
                del calls  # or its tensors would live until the next one
                if is_step:
                    # Before the next calls are chosen: a job may be cancelled, or join, meanwhile.
                    pace.keep(device)

    def _next(self) -> list[Call] | None:
        """Calls to make as one, taken from those that wait; or calls to measure, left there."""
        with self._changed:
            while (first := self._first()) is None:
                if self._is_stopping:
                    return None
                self._changed.wait(self._patience())
            calls = self._with_company(first)
            self._moved_at = time.monotonic()
            if len(calls) == 1 or first.most is not None:
                self._waiting = [call for call in self._waiting if call not in calls]
            return calls

    def _first(self) -> Call | None:
        quick = [call for call in self._waiting if not call.is_step]
        if quick:
            return min(quick, key=lambda call: call.number)
        self._looked_at = time.monotonic()
        if all(seat.waits or seat.is_late(self._looked_at) for seat in self._seats):
            return min(self._waiting, key=lambda call: call.number, default=None)
        return None

    def _patience(self) -> float | None:
        """Seconds until the next job that prepares its first step is late, if there is one."""
        ready_by = [
            seat.since + _PREPARATION
            for seat in self._seats
            if not (seat.waits or seat.is_denoising or seat.is_late(self._looked_at))
        ]
        # Never nothing, or a clock that stands still for a moment would have this run in circles.
        return max(0.001, min(ready_by) - self._looked_at) if ready_by else None

    def _with_company(self, first: Call) -> list[Call]:
        most, rows = first.most, first.rows
        calls = [first]
        for call in sorted(self._waiting, key=lambda call: call.number):
            fits = most is None or rows + call.rows <= most
            if call is not first and fits and call.goes_with(first):
                rows += call.rows
                calls.append(call)
        return calls

    def _give(
        self,
        calls: Sequence[Call],
        answers: Sequence[Any],
        errors: Sequence[BaseException | None],
    ) -> None:
        with self._changed:
            self._moved_at = time.monotonic()
            for call, answer, error in zip(calls, answers, errors, strict=True):
                call.answer, call.error = answer, error
                call.args, call.options, call.arguments = (), {}, {}
                if call.asker is not None:
                    call.asker.waits, call.asker.since = False, self._moved_at
                call.done.set()
