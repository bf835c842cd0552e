"""Sees every call of a model's parts, whoever makes it and through whatever wrapping."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import torch
from torch.nn.modules.module import (
    register_module_forward_hook,
    register_module_forward_pre_hook,
)

from generation.bench.timeline import DECODER, DENOISER, TEXT_ENCODER, Call

_LATENTS = "diffusers.models.autoencoders."
_DENOISERS = ("diffusers.models.unets.", "diffusers.models.transformers.")
_TEXTS = "transformers.models."


@dataclass(kw_only=True, slots=True)
class Sight:
    """A call that has ended, with the first tensor that it was given."""

    call: Call
    given: torch.Tensor | None


@dataclass(kw_only=True, slots=True)
class _Watch:
    """Only outermost calls count: a text encoder is made of smaller ones."""

    tell: Callable[[Sight], None]
    parts: dict[type, str | None] = field(default_factory=dict)
    local: threading.local = field(default_factory=threading.local)

    def before(self, module: torch.nn.Module, given: tuple[Any, ...]) -> None:
        kind = type(module)
        if kind not in self.parts:
            self.parts[kind] = part_of(kind)
        part = self.parts[kind]
        if part is None or getattr(self.local, "outermost", None) is not None:
            return
        tensor = given[0] if given and isinstance(given[0], torch.Tensor) else None
        self.local.outermost = (module, part, tensor, time.monotonic())

    def after(self, module: torch.nn.Module, _given: Any, _answer: Any) -> None:
        outermost = getattr(self.local, "outermost", None)
        if outermost is None or outermost[0] is not module:
            return
        _, part, tensor, began = outermost
        self.local.outermost = None
        if next(module.parameters()).is_cuda:
            torch.cuda.synchronize()  # or it would seem to have ended when it had only been told
        self.tell(Sight(call=Call(part=part, began=began, ended=time.monotonic()), given=tensor))


@contextlib.contextmanager
def watching(tell: Callable[[Sight], None]) -> Iterator[None]:
    """Tell of each call, from the thread that made it. Slows every call a little."""
    watch = _Watch(tell=tell)
    before = register_module_forward_pre_hook(watch.before)
    after = register_module_forward_hook(watch.after, always_call=True)
    try:
        yield
    finally:
        before.remove()
        after.remove()


def part_of(kind: type) -> str | None:
    """Which part of a model such a module is; None for one that is a piece of a part."""
    home = kind.__module__
    if home.startswith(_LATENTS) and "Decoder" in kind.__name__ and "Block" not in kind.__name__:
        return DECODER
    if not hasattr(kind, "from_pretrained"):
        return None
    if home.startswith(_DENOISERS):
        return DENOISER
    return TEXT_ENCODER if home.startswith(_TEXTS) else None
