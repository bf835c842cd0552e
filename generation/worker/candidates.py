"""Models before they are loaded: what each can do, where it comes from and what goes with it."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import diffusers

from generation.backends.base import ModelInfo
from generation.errors import Unavailable
from generation.types import Task
from generation.worker.extras import Extras, ExtrasFinder
from generation.worker.families import find_family, read_traits
from generation.worker.families.base import Family, Guidance, Traits
from generation.worker.samplers import samplers_with_eta
from generation.worker.settings import LocalModel
from generation.worker.sources import Source, open_source
from generation.worker.speed.plan import Place, Plan, make_plan

_LARGEST_SIDE = 2048
_TAESD = "taesd"
_TIMES_DEFAULT = 4  # models fall apart far above the size they were trained on


@dataclass(frozen=True, kw_only=True, slots=True)
class Candidate:
    """A model that can be loaded, as its settings and its files describe it."""

    source: Source
    family: Family
    traits: Traits
    info: ModelInfo
    taesd: Path
    """Where a tiny decoder for previews may lie."""
    extras: Extras
    build: str
    """Equal for models that differ in their weights' values only, and so are equally fast."""
    plan: Plan


def examine(model: LocalModel, finder: ExtrasFinder, place: Place) -> Candidate:
    """Read what its files say, without loading it. Raises ``Unavailable`` where it cannot be."""
    source = open_source(model)
    files = source.examine()
    family = find_family(files.class_name)
    traits = read_traits(files)
    extras = finder.of(model, files, family)
    info = describe(model, family, traits)
    denoiser = getattr(diffusers, str(files.configs[family.denoiser]["_class_name"]))
    plan = make_plan(model.speed, place, denoiser, info.steps)
    if not plan.suits_loras:
        extras = replace(extras, loras={})
    build = hashlib.sha256(json.dumps(asdict(files), sort_keys=True, default=str).encode())
    return Candidate(
        source=source,
        family=family,
        traits=traits,
        info=extras.offered_with(info),
        extras=extras,
        taesd=model.taesd or (model.parts or model.path) / _TAESD,
        build=build.hexdigest()[:16],
        plan=plan,
    )


def describe(model: LocalModel, family: Family, traits: Traits) -> ModelInfo:
    """The model as members choose it. Raises ``Unavailable`` for a setting that does not fit it."""
    multiple = math.lcm(traits.multiple_of, model.multiple_of or 1)
    width = _rounded(model.width or traits.side, multiple)
    height = _rounded(model.height or traits.side, multiple)
    largest = model.max_side or min(_LARGEST_SIDE, _TIMES_DEFAULT * max(width, height))
    largest = min(largest, traits.max_side or largest)
    sampler, schedule = model.sampler or traits.sampler, model.scheduler or traits.schedule
    scale, tasks = model.guidance_scale, family.tasks(traits)
    if scale is not None and traits.guidance is Guidance.NONE:
        raise Unavailable(detail="it was trained to need no guidance; take out guidance_scale")
    return ModelInfo(
        name=model.name,
        title=model.title,
        width=width,
        height=height,
        steps=model.steps or traits.steps,
        guidance_scale=traits.guidance_scale if scale is None else scale,
        sampler=_chosen("sampler", sampler, traits.kit.samplers),
        scheduler=_chosen("scheduler", schedule, traits.kit.schedules),
        samplers=tuple(traits.kit.samplers),
        schedulers=tuple(traits.kit.schedules),
        tasks=tasks,
        strength=model.strength,
        multiple_of=multiple,
        min_side=math.ceil(model.min_side / multiple) * multiple,
        max_side=largest // multiple * multiple,
        max_count=model.max_count,
        uses_negative_prompt=traits.guidance is Guidance.CLASSIFIER_FREE,
        uses_guidance=traits.guidance is not Guidance.NONE,
        uses_emphasis=family.weigh is not None,
        eta_samplers=samplers_with_eta(traits.kit),
        clip_skip=_layer(model.clip_skip, traits),
        max_clip_skip=traits.layers,
        uses_subseed=family.denoiser == "unet" and Task.TXT2IMG in tasks,
        uses_tiling=family.denoiser == "unet",
        max_references=family.max_references if tasks & family.looks else 0,
    )


def _rounded(side: int, multiple: int) -> int:
    return max(1, round(side / multiple)) * multiple


def _layer(wanted: int, traits: Traits) -> int:
    if wanted > traits.layers:
        most = f"at most {traits.layers}" if traits.layers > 1 else "nothing but 1"
        raise Unavailable(detail=f"clip_skip = {wanted} does not fit this model; it takes {most}")
    return wanted


def _chosen(noun: str, name: str, fitting: Mapping[str, object]) -> str:
    if name not in fitting:
        known = ", ".join(fitting)
        raise Unavailable(detail=f"the {noun} {name!r} does not fit this model; use {known}")
    return name
