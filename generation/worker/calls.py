"""What is asked of the device, and how several calls are made as one, with what can go wrong."""

from __future__ import annotations

import copy
import inspect
import logging
import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import torch

from generation.worker.calibration import Limits
from generation.worker.joining import (
    CannotJoinError,
    Contents,
    Shape,
    describe,
    is_alike,
    join,
    repeat,
    split,
)
from generation.worker.memory import is_device_lost, is_out_of_memory, release

_LOG = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Shared:
    """Something of the loaded model that jobs call together: its denoiser, or its decoder.

    ``names`` are those of the arguments; the first has the call's rows. What ``is_known`` answers
    row by row; of anything else, calls with a key are ``proven`` once a job's answer from a
    joined call was like that from its own, and ``refused`` when it was not.
    """

    call: Callable[..., Any]
    names: inspect.Signature
    limits: Limits
    is_known: bool = False
    proven: set[Hashable] = field(default_factory=set)
    refused: set[Hashable] = field(default_factory=set)

    @classmethod
    def of_module(cls, module: torch.nn.Module, limits: Limits) -> Shared:
        """A module, called as it is defined: hooks may hide its signature."""
        kind: Any = type(getattr(module, "_orig_mod", module))
        names = inspect.signature(kind.forward)
        bare = names.replace(parameters=list(names.parameters.values())[1:])
        return cls(call=module, names=bare, limits=limits)

    @classmethod
    def of_function(cls, function: Callable[..., Any], limits: Limits) -> Shared:
        """A function that answers with an item for each row of its first argument."""
        return cls(call=function, names=inspect.signature(function), limits=limits, is_known=True)


class Asker(Protocol):
    """Who waits for a call. The lowest ``number`` came first."""

    number: int
    is_cancelled: bool
    is_denoising: bool
    waits: bool
    since: float


@dataclass(kw_only=True, slots=True, eq=False)
class Call:
    """Something to be done on the device. Without a shape it is done alone.

    ``is_step`` waits for the other jobs that are denoising; everything else is done at once.
    ``outfit`` names what ``wear`` puts on the module before the call, such as LoRAs.
    """

    function: Callable[..., Any]
    args: tuple[Any, ...] = ()
    options: Mapping[str, Any] = field(default_factory=dict)
    asker: Asker | None = None
    shared: Shared | None = None
    outfit: Hashable = ()
    wear: Callable[[], None] | None = None
    is_step: bool = False
    shape: Shape | None = None
    arguments: Mapping[str, Any] = field(default_factory=dict)
    done: threading.Event = field(default_factory=threading.Event)
    answer: Any = None
    error: BaseException | None = None

    @property
    def number(self) -> int:
        """Its place in the order in which jobs arrived; what no job asked for comes first."""
        return self.asker.number if self.asker is not None else -1

    @property
    def rows(self) -> int:
        """Its rows, as far as they matter to joining."""
        return self.shape.rows if self.shape is not None else 1

    @property
    def most(self) -> int | None:
        """Rows of the largest call worth making of it and others; None if not yet measured."""
        if self.shared is None or self.shape is None:
            return self.rows
        return self.shared.limits.most(self.shape.size)

    @property
    def is_proven(self) -> bool:
        """Whether calls like this are known to give the same answers when joined."""
        if self.shared is None or self.shape is None:
            return False
        return self.shared.is_known or self.shape.key in self.shared.proven

    @property
    def device(self) -> torch.device:
        """Where its first tensor lies."""
        for value in (*self.arguments.values(), *self.args, *self.options.values()):
            first = value[0] if isinstance(value, list) and value else value
            if isinstance(first, torch.Tensor):
                return first.device
        return torch.device("cpu")

    def look(self, contents: Contents) -> None:
        """Find out what it can be joined with, and give it a shape if there can be such."""
        if self.shared is None:
            return
        bound = self.shared.names.bind(*self.args, **self.options)
        try:
            shape = describe(bound.arguments, contents)
        except CannotJoinError as error:
            _LOG.debug("call_alone cause=%s", error)
            return
        if shape.key not in self.shared.refused:
            self.shape, self.arguments = shape, bound.arguments

    def goes_with(self, other: Call) -> bool:
        """Whether both can be one call."""
        if self.shape is None or other.shape is None or self.shared is not other.shared:
            return False
        return self.outfit == other.outfit and self.shape.key == other.shape.key

    def run(self) -> Any:
        """Make it as it came."""
        return self.function(*self.args, **self.options)

    def run_with(self, arguments: Mapping[str, Any]) -> Any:
        """Make it with other values for the names that it gives. It must have a shape."""
        if self.shared is None:
            raise ValueError("only calls to something shared have names")
        bound = inspect.BoundArguments(self.shared.names, OrderedDict(arguments))
        return self.function(*bound.args, **bound.kwargs)

    def dress(self) -> None:
        """Have the module wear the call's outfit."""
        if self.wear is not None:
            self.wear()


Give = Callable[[Sequence[Call], Sequence[Any], Sequence[BaseException | None]], None]
"""Hands calls their answers or errors."""


def serve(calls: Sequence[Call], give: Give) -> None:
    """Make the calls as one and give each its part, or its error.

    Without room half of them are made at a time, and the bound is remembered; after any other
    error each is made alone, so that it reaches the job that caused it. A device that is lost is
    told to all.
    """
    answers: Sequence[Any] = ()
    failure: BaseException | None = None
    try:
        calls[0].dress()
        answers = _run(calls)
    except Exception as error:  # noqa: BLE001  # it is the job's, or the jobs', to handle
        failure = error
    if failure is None:
        give(calls, answers, [None] * len(calls))
        return
    failure = _bare(failure)
    is_full = is_out_of_memory(failure)
    if len(calls) == 1 or (is_device_lost(failure) and not is_full):
        give(calls, [None] * len(calls), _copies(failure, len(calls)))
        return
    _LOG.warning("joined_call_failed jobs=%d cause=%s", len(calls), type(failure).__name__)
    _learn(calls, is_full=is_full)
    size = (len(calls) + 1) // 2 if is_full else 1
    for start in range(0, len(calls), size):
        _serve_wanted(calls[start : start + size], give)


def _serve_wanted(calls: Sequence[Call], give: Give) -> None:
    wanted = [call for call in calls if call.asker is None or not call.asker.is_cancelled]
    dropped = [call for call in calls if call not in wanted]
    give(dropped, [None] * len(dropped), [None] * len(dropped))
    if wanted:
        serve(wanted, give)


def _run(calls: Sequence[Call]) -> Sequence[Any]:
    if len(calls) == 1:
        return [calls[0].run()]
    rows = [call.rows for call in calls]
    answer = calls[0].run_with(join([call.arguments for call in calls], rows))
    answers = split(answer, rows)
    _prove(calls[-1], answers[-1])
    return answers


def _prove(call: Call, answer: Any) -> None:
    """Before calls of a kind are trusted to be joined, see that one gets its own answer.

    What an unknown model's arguments mean can only be guessed by their shapes, and a wrong guess
    would give members the pictures of others. Raises ``CannotJoinError``.
    """
    if call.is_proven or call.shared is None or call.shape is None:
        return
    if not is_alike(answer, call.run()):
        raise CannotJoinError("a joined call gives other answers than the calls")
    call.shared.proven.add(call.shape.key)


def _learn(calls: Sequence[Call], *, is_full: bool) -> None:
    """Remember that a joined call failed."""
    first, rows = calls[0], sum(call.rows for call in calls)
    if is_full:
        release(first.device)
    if first.shared is None or first.shape is None:
        return
    if is_full:
        first.shared.limits.lower(first.shape.size, (rows + 1) // 2)
    elif not first.is_proven:
        first.shared.refused.add(first.shape.key)


def measure(call: Call) -> None:
    """Find out up to which size a call is worth joining with others. It must have a shape."""
    if call.shared is None or call.shape is None:
        raise ValueError("only calls with a shape can be joined")
    limits, shape, is_full = call.shared.limits, call.shape, False

    def run(times: int) -> None:
        nonlocal is_full
        try:
            call.run_with(repeat(call.arguments, times))
            _synchronize(call.device)
        except (RuntimeError, MemoryError):
            is_full = True
            raise

    try:
        call.dress()
        limits.measure(shape.size, shape.rows, run)
    except Exception as error:  # noqa: BLE001  # then it is made alone, which tells the cause
        _LOG.warning("calibration_failed size=%s cause=%s", shape.size, type(error).__name__)
    if limits.most(shape.size) is None:
        limits.lower(shape.size, shape.rows)
    if is_full:
        release(call.device)


def _synchronize(device: torch.device) -> None:
    """Return when the device has done what it was told."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    elif device.type == "mps":
        torch.mps.synchronize()


def _bare(error: BaseException) -> BaseException:
    """The error without the frames that keep its call's tensors alive."""
    error.__cause__ = error.__context__ = None
    return error.with_traceback(None)


def _copies(error: BaseException, count: int) -> list[BaseException | None]:
    """One error for each job: a shared one would gather the frames of all their threads."""
    try:
        return [error, *(copy.copy(error) for _ in range(count - 1))]
    except Exception:  # noqa: BLE001  # an error of a library may not let itself be copied
        return [
            error,
            *(RuntimeError(f"{type(error).__name__}: {error}") for _ in range(count - 1)),
        ]
