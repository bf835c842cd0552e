"""The worker's models: what each folder can do, and the one that is loaded."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from diffusers import (
    StableDiffusionImg2ImgPipeline,
    StableDiffusionInpaintPipeline,
    StableDiffusionPipeline,
)
from safetensors import SafetensorError

from generation.backends.base import ModelInfo
from generation.errors import Unavailable
from generation.types import Task
from generation.worker.memory import release
from generation.worker.previews import Previewer, fit_previewer
from generation.worker.prompts import PromptCache
from generation.worker.samplers import AUTOMATIC, SAMPLERS, SCHEDULES, build_scheduler
from generation.worker.settings import LocalModel, WorkerSettings

# Diffusers' classes are untyped beyond their names.
_FAMILIES: Mapping[str, Mapping[Task, Any]] = {
    "StableDiffusionPipeline": {
        Task.TXT2IMG: StableDiffusionPipeline,
        Task.IMG2IMG: StableDiffusionImg2ImgPipeline,
        Task.INPAINT: StableDiffusionInpaintPipeline,
    }
}
_LARGEST_SIDE = 2048
_PLAIN_CHANNELS = 4
_TIMES_DEFAULT = 4  # models fall apart far above the size they were trained on


@dataclass(kw_only=True, slots=True)
class LoadedModel:
    """A model in the device's memory. Everything here is shared by jobs except schedulers."""

    info: ModelInfo
    family: str
    base: Any
    device: torch.device
    dtype: torch.dtype
    prompts: PromptCache
    previewer: Previewer

    def pipeline(self, task: Task, sampler: str, schedule: str) -> tuple[Any, str | None]:
        """A pipeline of this job's own, with its own scheduler, over the shared weights.

        Also a note for the member, when the sampler does not have that schedule.
        """
        scheduler, note = build_scheduler(self.base.scheduler, sampler, schedule)
        parts = {**self.base.components, "scheduler": scheduler}
        pipe = _FAMILIES[self.family][task](
            **parts, requires_safety_checker=self.base.config.requires_safety_checker
        )
        pipe.set_progress_bar_config(disable=True)
        return pipe, note


class ModelShelf:
    """The models the operator named. One is resident at a time; asking for another swaps it."""

    def __init__(self, settings: WorkerSettings, device: torch.device, dtype: torch.dtype) -> None:
        self._settings = settings
        self._device = device
        self._dtype = dtype
        self._known: dict[str, tuple[LocalModel, ModelInfo]] = {}
        self._resident: LoadedModel | None = None

    def open(self) -> tuple[tuple[ModelInfo, ...], tuple[str, ...]]:
        """Read every model's files and load the first that works: usable models, and problems.

        Raises ``Unavailable`` when none is usable.
        """
        problems: list[str] = []
        for model in self._settings.models:
            try:
                self._known[model.name] = (model, _examine(model))
            except Unavailable as error:
                problems.append(f"model {model.name}: {error.detail}")
        for name in tuple(self._known):
            try:
                self.load(name)
                break
            except Unavailable as error:
                del self._known[name]
                problems.append(f"model {name}: {error.detail}")
        if not self._known:
            raise Unavailable(detail="; ".join(problems) or "no model is configured")
        return tuple(info for _, info in self._known.values()), tuple(problems)

    @property
    def resident(self) -> str | None:
        """The loaded model's name."""
        return self._resident.info.name if self._resident is not None else None

    def load(self, name: str) -> LoadedModel:
        """The model, loaded. Raises ``Unavailable`` when it is not on the shelf or fails to load.

        Running out of memory is left to the caller.
        """
        if self._resident is not None and self._resident.info.name == name:
            return self._resident
        if name not in self._known:
            raise Unavailable(detail=f"the worker has no model {name!r}")
        self._resident = None
        release(self._device)
        model, info = self._known[name]
        self._resident = self._read(model, info)
        return self._resident

    def _read(self, model: LocalModel, info: ModelInfo) -> LoadedModel:
        try:
            base = _FAMILIES[_family(model)][Task.TXT2IMG].from_pretrained(
                str(model.path), dtype=self._dtype, local_files_only=True, use_safetensors=True
            )
        except (OSError, ValueError, KeyError, TypeError, SafetensorError) as error:
            raise Unavailable(detail=f"model {model.name} cannot be loaded: {error}") from error
        base.to(self._device)
        for part in (base.unet, base.vae, base.text_encoder):
            part.requires_grad_(requires_grad=False)
        return LoadedModel(
            info=info,
            family=_family(model),
            base=base,
            device=self._device,
            dtype=self._dtype,
            prompts=PromptCache(base, self._device, self._settings.cached_prompts),
            previewer=fit_previewer(base.vae, self._device),
        )


def _examine(model: LocalModel) -> ModelInfo:
    family = _family(model)
    unet, vae = _config(model, "unet"), _config(model, "vae")
    cell = 2 ** (len(_list(vae, "block_out_channels")) - 1)
    multiple = math.lcm(cell, model.multiple_of or cell)
    sample = unet.get("sample_size")
    native = (sample if isinstance(sample, int) else 64) * cell
    width, height = model.width or native, model.height or native
    largest = model.max_side or min(_LARGEST_SIDE, _TIMES_DEFAULT * max(width, height))
    tasks = frozenset(_FAMILIES[family])
    if unet.get("in_channels") != _PLAIN_CHANNELS:
        raise Unavailable(
            detail=f"its UNet takes {unet.get('in_channels')} channels; only plain models, "
            f"with {_PLAIN_CHANNELS}, can be used"
        )
    return ModelInfo(
        name=model.name,
        title=model.title,
        width=width,
        height=height,
        steps=model.steps,
        guidance_scale=model.guidance_scale,
        sampler=_known_name("sampler", model.sampler, SAMPLERS),
        scheduler=_known_name("scheduler", model.scheduler or AUTOMATIC, SCHEDULES),
        samplers=tuple(SAMPLERS),
        schedulers=tuple(SCHEDULES),
        tasks=tasks,
        strength=model.strength,
        multiple_of=multiple,
        min_side=math.ceil(model.min_side / multiple) * multiple,
        max_side=largest // multiple * multiple,
        max_count=model.max_count,
    )


def _family(model: LocalModel) -> str:
    if not model.path.is_dir():
        raise Unavailable(detail=f"there is no folder {model.path}")
    name = str(_read_json(model.path / "model_index.json").get("_class_name"))
    if name not in _FAMILIES:
        raise Unavailable(detail=f"{name} is not among: {', '.join(_FAMILIES)}")
    for part in ("unet", "vae"):
        if not any((model.path / part).glob("*.safetensors")):
            raise Unavailable(detail=f"{part} has no .safetensors weights in {model.path}")
    return name


def _config(model: LocalModel, part: str) -> Mapping[str, object]:
    return _read_json(model.path / part / "config.json")


def _read_json(path: Path) -> Mapping[str, object]:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise Unavailable(detail=f"{path} cannot be read: {error}") from error
    if not isinstance(content, dict):
        raise Unavailable(detail=f"{path} is not a JSON object")
    return content


def _list(config: Mapping[str, object], key: str) -> list[object]:
    value = config.get(key)
    if not isinstance(value, list):
        raise Unavailable(detail=f"the VAE's config has no {key}")
    return value


def _known_name(noun: str, name: str, table: Mapping[str, object]) -> str:
    if name not in table:
        raise Unavailable(detail=f"there is no {noun} {name!r}; known: {', '.join(table)}")
    return name
