"""Compiles a denoiser's blocks in a thread of its own, while jobs go on with the plain ones."""

from __future__ import annotations

import dataclasses
import logging
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

import torch
from torch import nn
from torch._dynamo import config as dynamo_config
from torch._inductor.loop_body import InterpreterShim
from torch.fx.experimental import _config as shape_config
from torch.utils._pytree import tree_leaves

from generation.worker.memory import is_device_lost
from generation.worker.speed.attempts import Attempts
from generation.worker.speed.examples import Example
from generation.worker.speed.regions import Regions

_LOG = logging.getLogger(__name__)
_MOST_ROUNDS = 8
_MOST_PROGRAMS = 64
_TOLERANCE = {torch.float32: 1e-3, torch.float16: 1e-2, torch.bfloat16: 3e-2}
_QUANTISED_TOLERANCE = 0.25

Tell = Callable[[str], None]
"""Tells the operator a sentence about the model."""
Change = Callable[[nn.Module], None]
"""Changes a block in place."""


class Compiler:
    """Makes programs for what blocks have met, checks them, and has them used from then on.

    What fails is told and left as it was. ``change``, if there is one, is made to copies of the
    blocks first, and to the blocks themselves when their programs are used. ``threads`` is what
    the device's thread uses, which programs for processors depend on.
    """

    def __init__(
        self,
        regions: Regions,
        *,
        device: torch.device,
        threads: int | None,
        attempts: Attempts,
        tell: Tell,
        change: Change | None = None,
    ) -> None:
        self._regions = regions
        self._device = device
        self._threads = threads
        self._attempts = attempts
        self._tell = tell
        self._change = change
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None
        self._is_abandoned = False
        self._rounds = 0
        # Made once in a process, and while it is, modules called in any thread fail: before jobs.
        InterpreterShim._dummy_gm()  # noqa: SLF001  # torch has no other way to have it made

    @property
    def is_at_work(self) -> bool:
        """Whether something is being compiled now."""
        with self._lock:
            return self._thread is not None and self._thread.is_alive()

    def look(self) -> None:
        """After a job: start on what it met without a program for it, unless already at work."""
        if self._regions.have_run:
            # A whole picture with them: they are safe for this device.
            self._regions.have_run = False
            self._attempts.forget()
        with self._lock:
            if self._is_abandoned or (self._thread is not None and self._thread.is_alive()):
                return
            wanted = self._regions.take_wanted()
            if not wanted:
                return
            self._regions.is_listening = False
            # What is made now could be used before it has been checked. Quantised blocks as they
            # are would be far too slow.
            self._regions.is_on = self._regions.is_on and self._regions.change is not None
            self._rounds += 1
            self._thread = threading.Thread(
                target=self._main, args=(wanted,), name="compile", daemon=True
            )
            self._thread.start()

    def abandon(self, *, wait: bool) -> None:
        """Stop as soon as the block at hand is done, and let go of the model then."""
        with self._lock:
            self._is_abandoned, thread = True, self._thread
        self._regions.is_listening = False
        self._attempts.forget()
        if wait and thread is not None:
            thread.join()

    def _main(self, wanted: list[Example]) -> None:
        began = time.monotonic()
        self._prepare_thread()
        self._attempts.begin()
        try:
            errors = list(self._compile_all(wanted))
        except Exception as error:  # noqa: BLE001  # a border: whatever it is, jobs do without
            if not is_device_lost(error):
                self._attempts.forget()
            self._regions.is_on = False
            self._regions.forget_programs()
            self._tell(f"compiling failed, so it runs as it is: {_in_short(error)}")
            return
        finally:
            wanted.clear()
        if self._is_abandoned:
            self._attempts.forget()
            return
        self._regions.change = self._change
        self._regions.is_on = True
        self._regions.is_listening = self._rounds < _MOST_ROUNDS
        seconds = time.monotonic() - began
        self._tell(
            f"compiled {len(errors)} kinds of block in {seconds:.0f} s; "
            f"they differ from the plain ones by {max(errors):.1e}"
        )

    def _prepare_thread(self) -> None:
        """Settings of torch that hold for the calling thread only."""
        if self._threads is not None:
            torch.set_num_threads(self._threads)
        if self._device.type == "cuda" and self._device.index is not None:
            torch.cuda.set_device(self._device)  # which refuses "the" card, without a number
        # Sides that happen to be equal now must not have to be equal later.
        shape_config.use_duck_shape = False
        dynamo_config.recompile_limit = _MOST_PROGRAMS

    def _compile_all(self, wanted: Iterable[Example]) -> Iterator[float]:
        """How far each program's answer is from the plain block's, relative to its size."""
        for example in wanted:
            for each in self._variants(example):
                if self._is_abandoned:
                    return
                plain = each.run(lambda each=each: each.region.plain(*each.args, **each.options))
                ready = self._changed(each)
                fast = each.run(lambda ready=ready: self._regions.compile(ready))
                yield self._compare(each, plain, fast)

    def _variants(self, example: Example) -> Iterator[Example]:
        """The example, and the same with another number of rows: one row has its own program."""
        yield example
        yield example.with_rows(1 if example.rows > 1 else 2)

    def _changed(self, example: Example) -> Example:
        if self._change is None or self._regions.change is not None:
            return example
        return dataclasses.replace(
            example, region=self._regions.copy_of(example.region, self._change)
        )

    def _compare(self, example: Example, plain: Any, fast: Any) -> float:
        outputs = [each for each in tree_leaves(plain) if isinstance(each, torch.Tensor)]
        programs = [each for each in tree_leaves(fast) if isinstance(each, torch.Tensor)]
        # Rounding is small beside what flows through a block, fewer bits beside what it adds.
        inputs = [] if self._change is None else list(example.tensors())
        error = max(
            float((mine.float() - yours.float()).norm() / _size(yours, inputs))
            for mine, yours in zip(programs, outputs, strict=True)
        )
        is_exact = self._change is None
        allowed = _TOLERANCE[outputs[0].dtype] if is_exact else _QUANTISED_TOLERANCE
        if not error <= allowed:  # also where it is not a number
            raise ArithmeticError(f"a program's answer differs by {error:.1e}")
        return error


def _size(output: torch.Tensor, inputs: Sequence[torch.Tensor]) -> torch.Tensor:
    """How large an output is, or how far it is from the input of its shape that is nearest."""
    alike = [each for each in inputs if each.shape == output.shape]
    sizes = [(output.float() - each.float()).norm() for each in alike] or [output.float().norm()]
    return torch.stack(sizes).min().clamp_min(1e-12)


def _in_short(error: BaseException) -> str:
    lines = [line for line in str(error).splitlines() if line.strip()]
    return f"{type(error).__name__}: {lines[0][:200]}" if lines else type(error).__name__
