"""LoRAs and an IP-Adapter on the loaded model: on for the jobs that asked, off for all others.

They are never melted into the weights: what is switched off leaves the model bit for bit as it was.
"""

from __future__ import annotations

import contextlib
import logging
import threading
from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from diffusers.utils.peft_utils import (
    delete_adapter_layers,
    set_adapter_layers,
    set_weights_and_activate_adapters,
)
from peft.tuners.tuners_utils import BaseTunerLayer

from generation.errors import LoraUnusable
from generation.types import Lora
from generation.worker.likeness import Likeness
from generation.worker.loras.files import LoraFile
from generation.worker.memory import is_device_lost, is_out_of_memory

_LOG = logging.getLogger(__name__)

Outfit = tuple[tuple[str, float], ...]
"""LoRAs by name, each with its weight, in the order of their names; () is the bare model.

The IP-Adapter has the name ``LIKENESS``.
"""

LIKENESS = ""

MOST_LOADED = 8
"""LoRAs that stay in memory while no job wears them."""


def outfit_of(loras: Iterable[Lora], likeness: float | None = None) -> Outfit:
    """What a job asks for, equal for jobs that ask for the same in another order.

    ``likeness`` is the weight of the pictures that the IP-Adapter looks at; None for none.
    """
    worn = sorted((lora.name, lora.weight) for lora in loras if lora.weight != 0.0)
    return (*(() if likeness is None else ((LIKENESS, likeness),)), *worn)


@dataclass(frozen=True, kw_only=True, slots=True)
class _Loaded:
    """``key`` is the LoRA's name inside the modules; ``parts`` are those that it changes."""

    key: str
    parts: frozenset[str]


class Adapters:
    """The LoRAs of one model and its IP-Adapter. ``files`` are those LoRAs that fit it, by name.

    All but ``held`` is for the device's thread, where the modules are used.
    """

    def __init__(
        self,
        base: Any,
        denoiser: str,
        files: Mapping[str, LoraFile],
        *,
        most: int = MOST_LOADED,
        likeness: Likeness | None = None,
    ) -> None:
        self.likeness = likeness
        self._base = base
        self._denoiser = denoiser
        self._files = files
        self._most = most
        self._loaded: OrderedDict[str, _Loaded] = OrderedDict()
        self._wearers: dict[object, Outfit] = {}
        self._bookkeeping = threading.Lock()
        self._worn: dict[str, Outfit | None] = {}
        self._count = 0

    @contextlib.contextmanager
    def held(self, outfit: Outfit, run: Callable[[Callable[[], None]], None]) -> Iterator[None]:
        """Around a job, in its own thread: the LoRAs stay in memory.

        ``run`` has the device's thread do something and waits for it. Raises ``LoraUnusable``,
        naming the LoRA.
        """
        job = object()
        try:
            if outfit:
                run(lambda: self._hold(job, outfit))
            yield
        finally:
            with self._bookkeeping:
                self._wearers.pop(job, None)

    def wear(self, outfit: Outfit) -> None:
        """Have the denoiser work with exactly these LoRAs, which must be held, and the adapter."""
        if self.likeness is not None:
            self.likeness.wear(dict(outfit).get(LIKENESS))
        self._switch(self._denoiser, outfit)

    def wear_for_texts(self, outfit: Outfit) -> None:
        """Have the text encoders work with exactly these LoRAs, which must be held."""
        for part in self._text_parts():
            self._switch(part, outfit)

    def of_texts(self, outfit: Outfit) -> Outfit:
        """The part of an outfit that changes what texts mean; it belongs in a cache's key."""
        parts = set(self._text_parts())
        return tuple(
            (name, weight)
            for name, weight in outfit
            if name in self._loaded and self._loaded[name].parts & parts
        )

    def _hold(self, job: object, outfit: Outfit) -> None:
        with self._bookkeeping:
            self._wearers[job] = outfit
        for name, _ in outfit:
            if name == LIKENESS:
                continue
            if name not in self._loaded:
                self._load(name)
            self._loaded.move_to_end(name)
        self._thin_out()

    def _text_parts(self) -> list[str]:
        return [part for part in _wearable(self._base) if part != self._denoiser]

    def _switch(self, part: str, outfit: Outfit) -> None:
        """Put on the LoRAs of the outfit that concern the part, and take off all others."""
        wanted = tuple(
            (self._loaded[name].key, weight)
            for name, weight in outfit
            if name != LIKENESS and part in self._loaded[name].parts
        )
        if self._worn.get(part, ()) == wanted:
            return
        module = getattr(self._base, part)
        self._worn[part] = None  # until it is done, nobody knows what it wears
        if wanted:
            names, weights = [name for name, _ in wanted], [weight for _, weight in wanted]
            set_weights_and_activate_adapters(module, names, weights)
        set_adapter_layers(module, enabled=bool(wanted))
        self._worn[part] = wanted

    def _load(self, name: str) -> None:
        file = self._files.get(name)
        if file is None:
            raise LoraUnusable(f"The LoRA {name} is not there any more.")
        if self.likeness is not None:
            self.likeness.wear(None)  # what is put on now goes into the bare model
        self._count += 1
        key = f"style{self._count}"
        try:
            self._base.load_lora_weights(
                str(file.path.parent),
                weight_name=file.path.name,
                adapter_name=key,
                use_safetensors=True,
                local_files_only=True,
            )
        except Exception as error:
            self._remove(key)
            if is_out_of_memory(error) or is_device_lost(error):
                raise
            raise _unusable(name, error) from error
        self._worn = dict.fromkeys(_wearable(self._base))  # loading switches it on
        wearable = {part: getattr(self._base, part) for part in _wearable(self._base)}
        for module in wearable.values():
            module.requires_grad_(requires_grad=False)
        parts = {part for part, module in wearable.items() if _holds(module, key)}
        if not parts:
            raise LoraUnusable(f"The LoRA {name} changes nothing in this model.")
        self._loaded[name] = _Loaded(key=key, parts=frozenset(parts))
        _LOG.info("lora_loaded count=%d", len(self._loaded))

    def _thin_out(self) -> None:
        """Forget what has not been worn for longest, down to the bound."""
        with self._bookkeeping:
            worn = {name for outfit in self._wearers.values() for name, _ in outfit}
        idle = [name for name in self._loaded if name not in worn]
        for name in idle[: max(0, len(self._loaded) - self._most)]:
            self._remove(self._loaded.pop(name).key)

    def _remove(self, key: str) -> None:
        for part in _wearable(self._base):
            delete_adapter_layers(getattr(self._base, part), key)
        self._worn = dict.fromkeys(_wearable(self._base))


def _wearable(base: Any) -> list[str]:
    """The parts of a pipeline that LoRAs can change, of those it has."""
    names = getattr(base, "_lora_loadable_modules", ())
    return [name for name in names if isinstance(getattr(base, name, None), torch.nn.Module)]


def _holds(module: torch.nn.Module, key: str) -> bool:
    return any(
        isinstance(layer, BaseTunerLayer) and key in getattr(layer, "scaling", {})
        for layer in module.modules()
    )


def _unusable(name: str, error: BaseException) -> LoraUnusable:
    return LoraUnusable(
        f"The LoRA {name} does not fit this model.",
        detail=f"{type(error).__name__}: {error}"[:300],
    )
