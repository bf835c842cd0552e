"""A denoiser's repeated blocks, each of which can run as it is or as a compiled program.

Compiling is for one background thread, which calls blocks by ``Regions.compile``. All other
threads never compile: they use what is there, and what has no program for their inputs runs as
it is and is noted, so that the background can see to it.
"""

from __future__ import annotations

import copy
import functools
import threading
from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn
from torch._C._dynamo.eval_frame import reset_code
from torch._dynamo import config as dynamo_config, lookup_backend, run as run_compiled

from generation.worker.memory import is_device_lost, is_out_of_memory
from generation.worker.speed.examples import Example, copy_of, is_like, settled

_FEWEST_REPEATED = 2


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Region:
    """A block, and the ways to run it: as it is, making a program, and by one that there is."""

    block: nn.Module
    plain: Callable[..., Any]
    tracing: Callable[..., Any]
    compiled: Callable[..., Any]


class _Here(threading.local):
    """What the calling thread is doing."""

    is_tracing = False
    programs_run = 0

    def __init__(self) -> None:
        # Another thread's tracing is seen by all; ours must then run as it is, and not fail.
        dynamo_config.error_on_nested_fx_trace = False


_HERE = _Here()


@functools.cache
def _counting(backend: str) -> Callable[[Any, Any], Callable[..., Any]]:
    """The backend, with its programs counted where they run.

    One for all models: what was made for one serves others that are built alike.
    """
    make_program = lookup_backend(backend)

    def make(graph: Any, inputs: Any) -> Callable[..., Any]:
        program = make_program(graph, inputs)

        def run(*args: Any) -> Any:
            _HERE.programs_run += 1
            return program(*args)

        return run

    return make


class Regions:
    """The blocks of one denoiser. ``backend`` is a name of ``torch.compile``'s.

    ``on_failure`` is told, once, when a program fails on the device; from then on all blocks run
    as they are.
    """

    def __init__(
        self, denoiser: nn.Module, *, backend: str, on_failure: Callable[[BaseException], None]
    ) -> None:
        self.is_on = False
        """Whether programs are used."""
        self.is_plain = False
        """Whether the calls that come now are to run as they are, whatever there is."""
        self.is_listening = True
        """Whether blocks that run as they are note what they run with."""
        self.have_run = False
        """Whether programs have been used for a job since this was last set back."""
        self.change: Callable[[nn.Module], None] | None = None
        """What is made to each block before its next call."""
        self._unchanged: set[Region] = set()
        self._on_failure = on_failure
        self._lock = threading.Lock()
        self._wanted: dict[Hashable, Example] = {}
        self._seen: set[Hashable] = set()
        self._backend = _counting(backend)
        self.regions = [self._install(block) for block in find_blocks(denoiser)]
        self._unchanged.update(self.regions)

    def take_wanted(self) -> list[Example]:
        """What blocks have met without a program for it, since the last time."""
        with self._lock:
            wanted, self._wanted = list(self._wanted.values()), {}
        return wanted

    def compile(self, example: Example) -> Any:
        """Run the example's block as a program, made if there is none. For the background only."""
        _HERE.is_tracing = True
        before = _HERE.programs_run
        try:
            answer = example.region.tracing(*example.args, **example.options)
        finally:
            _HERE.is_tracing = False
        if _HERE.programs_run == before:
            raise RuntimeError("nothing in it could be compiled")
        return answer

    def forget_programs(self) -> None:
        """Have nothing find the programs that there are, because one of them is wrong."""
        for region in self.regions:
            reset_code(type(region.block).forward.__code__)

    def copy_of(self, region: Region, change: Callable[[nn.Module], None]) -> Region:
        """A region of a block like this one, with weights of its own, and changed."""
        block = copy.deepcopy(region.block)
        del block.forward  # the original's
        change(block)
        return self._region(block)

    def _install(self, block: nn.Module) -> Region:
        region = self._region(block)

        @functools.wraps(region.plain)
        def forward(*args: Any, **options: Any) -> Any:
            return self._call(region, args, options)

        block.forward = forward  # as hooks of diffusers do
        return region

    def _region(self, block: nn.Module) -> Region:
        plain = block.forward
        return Region(
            block=block,
            plain=plain,
            tracing=torch.compile(plain, fullgraph=True, dynamic=True, backend=self._backend),
            compiled=run_compiled(plain),
        )

    def _call(self, region: Region, args: tuple[Any, ...], options: Mapping[str, Any]) -> Any:
        if self.change is not None and region in self._unchanged:
            self.change(region.block)
            self._unchanged.remove(region)
        if self.is_plain or not (self.is_on or self.is_listening):
            return region.plain(*args, **options)
        args = tuple(map(settled, args))
        options = {name: settled(value) for name, value in options.items()}
        if not self.is_on:
            self._note(region, args, options)
            return region.plain(*args, **options)
        before = _HERE.programs_run
        try:
            answer = region.compiled(*args, **options)
        except Exception as error:
            if is_out_of_memory(error) or is_device_lost(error):
                raise
            self._fail(error)
        else:
            if _HERE.programs_run > before:
                self.have_run = True
            elif self.is_listening:
                self._note(region, args, options)
            return answer
        return region.plain(*args, **options)

    def _note(self, region: Region, args: tuple[Any, ...], options: Mapping[str, Any]) -> None:
        """Keep a copy of the inputs, if blocks like this have not met their like before."""
        kind = (_build_of(region.block), is_like(args, options))
        if kind in self._seen:
            return
        example = copy_of(region, args, options)
        with self._lock:
            self._seen.add(kind)
            self._wanted[kind] = example

    def _fail(self, error: BaseException) -> None:
        self.is_on = self.is_listening = False
        self._on_failure(error.with_traceback(None))


def find_blocks(denoiser: nn.Module) -> list[nn.Module]:
    """The blocks that a denoiser is built of: those its class names, else its lists of equals."""
    names = getattr(denoiser, "_repeated_blocks", None) or ()
    named = [each for each in denoiser.modules() if type(each).__name__ in names]
    return named or [
        block
        for part in denoiser.children()
        if isinstance(part, nn.ModuleList) and len(part) >= _FEWEST_REPEATED
        if len({type(block) for block in part}) == 1
        for block in part
    ]


def _build_of(block: nn.Module) -> Hashable:
    """Equal for blocks that differ in their weights' values only. LoRAs change it."""
    kinds = tuple(type(module).__qualname__ for module in block.modules())
    return kinds, tuple((name, tuple(each.shape)) for name, each in block.named_parameters())
