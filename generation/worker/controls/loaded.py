"""The ControlNets of the loaded model: read when a job asks, given back when memory is short."""

from __future__ import annotations

import contextlib
import functools
import inspect
import logging
import threading
from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import diffusers
import torch

from generation.errors import ControlUnusable
from generation.worker.calibration import Limits
from generation.worker.calls import Shared
from generation.worker.controls.files import ControlFile
from generation.worker.memory import is_device_lost, is_out_of_memory, release
from generation.worker.model_folder import variant_of
from generation.worker.seamless import made_seamless

_LOG = logging.getLogger(__name__)

MOST_LOADED = 2
"""ControlNets that stay in memory while no job uses them."""


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class LoadedControl:
    """A ControlNet in memory. Its calls answer with further arguments of the denoiser's call.

    ``seamless`` are its calls for pictures whose edges meet.
    """

    file: ControlFile
    module: Any
    plain: Shared
    seamless: Shared


class Controls:
    """The ControlNets that fit one model, by kind. All but ``held`` is for the device's thread."""

    def __init__(
        self,
        base: Any,
        files: Mapping[str, ControlFile],
        *,
        device: torch.device,
        dtype: torch.dtype,
        limits: Callable[[str], Limits],
        most: int = MOST_LOADED,
    ) -> None:
        self._base = base
        self._files = files
        self._device = device
        self._dtype = dtype
        self._limits = limits
        self._most = most
        self._loaded: OrderedDict[Path, LoadedControl] = OrderedDict()
        self._users: dict[object, frozenset[Path]] = {}
        self._bookkeeping = threading.Lock()

    @contextlib.contextmanager
    def held(
        self, kinds: Sequence[str], run: Callable[[Callable[[], Any]], Any], *, apart: bool
    ) -> Iterator[tuple[LoadedControl, ...]]:
        """Around a job, in its own thread: the ControlNets of these kinds stay in memory.

        ``run`` has the device's thread do something and waits for it. Where the model does not
        lie on the device as a whole, or has it to itself, they are kept ``apart``: on the device
        only while they compute. Raises ``ControlUnusable``, naming the kind.
        """
        job = object()
        try:
            yield run(lambda: self._hold(job, kinds, apart=apart)) if kinds else ()
        finally:
            with self._bookkeeping:
                self._users.pop(job, None)

    def give_back(self) -> None:
        """Let go of every ControlNet that no job uses."""
        self._thin_out(0)
        release(self._device)

    def _hold(self, job: object, kinds: Sequence[str], *, apart: bool) -> tuple[LoadedControl, ...]:
        files = [self._file(kind) for kind in kinds]
        with self._bookkeeping:
            self._users[job] = frozenset(file.path for file in files)
        found = tuple(self._get(file) for file in files)
        self._thin_out(self._most)
        for each in found:
            self._place(each, apart=apart)
        return found

    def _file(self, kind: str) -> ControlFile:
        file = self._files.get(kind)
        if file is None:
            raise ControlUnusable(f"This model has no ControlNet for {kind} any more.")
        return file

    def _get(self, file: ControlFile) -> LoadedControl:
        if file.path not in self._loaded:
            self._loaded[file.path] = self._read(file)
            _LOG.info("control_loaded count=%d", len(self._loaded))
        self._loaded.move_to_end(file.path)
        return self._loaded[file.path]

    def _read(self, file: ControlFile) -> LoadedControl:
        kind: Any = getattr(diffusers, str(file.config["_class_name"]))
        try:
            module = kind.from_pretrained(
                str(file.path),
                dtype=self._dtype,
                variant=variant_of(file.path),
                local_files_only=True,
                use_safetensors=True,
            ).eval()
        except Exception as error:
            if is_out_of_memory(error) or is_device_lost(error):
                raise
            raise ControlUnusable(
                f"The ControlNet for {', '.join(file.kinds)} cannot be loaded.",
                detail=f"{type(error).__name__}: {error}"[:300],
            ) from error
        module.requires_grad_(requires_grad=False)
        file.net.complete(module, self._base)
        names = _names_of(kind)
        limits = self._limits(f"control {kind.__name__}")
        plain = Shared(call=functools.partial(self._call, module, file), names=names, limits=limits)
        return LoadedControl(
            file=file,
            module=module,
            plain=plain,
            seamless=made_seamless(plain, module),
        )

    def _place(self, control: LoadedControl, *, apart: bool) -> None:
        """Have it lie on the device, unless it is to be kept apart or there is no room."""
        if control.file.net.borrows:
            if apart and not _is_whole(self._base, self._device):
                raise ControlUnusable(
                    "There is not enough memory for this model with its ControlNet right now."
                )
            control.module.to(self._device)
            return
        try:
            control.module.to("cpu" if apart else self._device)
        except (RuntimeError, MemoryError) as error:
            if not is_out_of_memory(error):
                raise
        else:
            return
        # Outside the handler: its traceback would keep what was moved alive.
        control.module.to("cpu")
        self.give_back()

    def _call(self, module: Any, file: ControlFile, **asked: Any) -> dict[str, Any]:
        where = module.device
        if where.type == self._device.type:
            return file.net.take(module(**asked))
        module.to(self._device)
        try:
            return file.net.take(module(**asked))
        finally:
            module.to(where)

    def _thin_out(self, most: int) -> None:
        """Forget what has not been used for longest, down to the bound."""
        with self._bookkeeping:
            used = frozenset[Path]().union(*self._users.values())
        idle = [path for path in self._loaded if path not in used]
        for path in idle[: max(0, len(self._loaded) - most)]:
            del self._loaded[path]


def _names_of(kind: Any) -> inspect.Signature:
    names = inspect.signature(kind.forward)
    return names.replace(parameters=list(names.parameters.values())[1:])


def _is_whole(base: Any, device: torch.device) -> bool:
    return all(
        weights.device.type == device.type
        for part in base.components.values()
        if isinstance(part, torch.nn.Module)
        for weights in part.parameters()
    )
