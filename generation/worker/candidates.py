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
from generation.worker.fitting import Needs, needs_of
from generation.worker.model_folders import INDEX, find_models
from generation.worker.model_notes import notes_of
from generation.worker.samplers import samplers_with_eta
from generation.worker.settings import LocalModel, WorkerSettings
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
    needs: Needs


@dataclass(frozen=True, kw_only=True, slots=True)
class Survey:
    """The models that can be used, by name, and why others, or files, cannot."""

    known: Mapping[str, Candidate]
    problems: tuple[str, ...]


def survey(settings: WorkerSettings, place: Place) -> Survey:
    """Look at every model that is named or found, and at what goes with them."""
    finder = ExtrasFinder(settings)
    found = find_models(settings.model_folders, settings.models)
    named = [model.path for model in settings.models if (model.path / INDEX).is_file()]
    donors = tuple(dict.fromkeys((*named, *found.folders)))
    known: dict[str, Candidate] = {}
    problems = list(found.problems)
    for model in (*settings.models, *found.models):
        try:
            known[model.name] = examine(model, finder, place, donors)
        except Unavailable as error:
            problems.append(f"model {model.name}: {error.detail}")
    if not (settings.models or found.models or problems):
        problems.append(_nothing_in(settings))
    problems += finder.problems()
    for name, candidate in known.items():
        problems += [f"model {name}: {problem}" for problem in candidate.plan.problems]
    return Survey(known=known, problems=tuple(problems))


def _nothing_in(settings: WorkerSettings) -> str:
    if not settings.model_folders:
        return "no model is configured"
    return f"there is no model in {', '.join(map(str, settings.model_folders))}"


def examine(
    model: LocalModel, finder: ExtrasFinder, place: Place, donors: tuple[Path, ...] = ()
) -> Candidate:
    """Read what its files say, without loading it. Raises ``Unavailable`` where it cannot be.

    ``donors`` are model folders that a single file may take from what it lacks.
    """
    source = open_source(model, donors)
    files = source.examine()
    family = find_family(files.class_name)
    traits = read_traits(files)
    extras = finder.of(model, files, family)
    info = describe(with_notes(model), family, traits)
    denoiser = getattr(diffusers, str(files.configs[family.denoiser]["_class_name"]))
    plan = make_plan(model.speed, place, denoiser, info.steps)
    if not plan.suits_loras:
        extras = replace(extras, loras={})
    if extras.likeness is not None:
        plan = plan.without_programs("with an IP-Adapter")  # which comes and goes in its blocks
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
        needs=needs_of(source.weights(), place.dtype.itemsize, info.width, info.height),
    )


def with_notes(model: LocalModel) -> LocalModel:
    """With what its publisher says of it, where its operator says nothing."""
    notes = notes_of(model.path, has_card=model.repo is not None)
    return replace(
        model,
        title=model.title or notes.title,
        licence=notes.licence if model.licence is None else model.licence,
        triggers=notes.triggers if model.triggers is None else model.triggers,
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
        uses_tiling=family.denoiser == "unet" and model.tiles,
        max_references=family.max_references if tasks & family.looks else 0,
        looks=tasks & family.looks,
        licence=model.licence or "",
        triggers=model.triggers or (),
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
