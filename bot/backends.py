"""Builds the backends that the configuration names."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import fields, replace

from bot.config import BackendConfig, Config, EngineConfig, LocalConfig, ModelConfig, ScriptedConfig
from bot.engines import build_engine
from generation import demo_model
from generation.backends.base import Backend
from generation.backends.cards import Card, find_cards
from generation.backends.local import LocalBackend
from generation.backends.scripted import ScriptedBackend
from generation.catalog import Catalog
from generation.errors import Unavailable
from generation.worker.settings import ControlSettings, LocalModel

CALIBRATION_FILE = "calibration.json"
"""In the data directory: how many jobs at once pay on this machine. May be deleted."""
COMPILED_FOLDER = "compiled"
"""In the data directory: programs made from models, for this machine. May be deleted."""

_DEMO = LocalModel(
    name="demo",
    title="Easel demo",
    path=demo_model.MODEL_DIR,
    width=demo_model.DEFAULT_WIDTH,
    height=demo_model.DEFAULT_HEIGHT,
    steps=demo_model.DEFAULT_STEPS,
    guidance_scale=demo_model.DEFAULT_GUIDANCE,
    sampler="Euler",
    min_side=demo_model.SMALLEST_SIDE,
    max_side=demo_model.LARGEST_SIDE,
    multiple_of=demo_model.SIDE_MULTIPLE,
    loras=tuple(demo_model.LORAS.values()),
    # It knows where things are by the edges alone: without any it draws little but a background.
    tiles=False,
)


async def cards_for(config: Config) -> tuple[Card, ...]:
    """This machine's cards, as far as the configuration leaves it to us which ones to use."""
    return await find_cards() if any(_takes_all(each) for each in config.backends) else ()


def build_backends(config: Config, cards: Sequence[Card] = ()) -> tuple[Backend, ...]:
    """The backends of each section, the default model's first. None has been started yet.

    A section that leaves the device to us has a backend for each of the ``cards`` without a
    problem: local-0, local-1, ….
    """
    return tuple(_build(backend, config) for backend in _all_placed(config, cards))


def weights(config: Config, cards: Sequence[Card] = ()) -> dict[str, float]:
    """How readily each of the backends is given jobs, by its name."""
    return {backend.name: backend.weight for backend in _all_placed(config, cards)}


def _all_placed(config: Config, cards: Sequence[Card]) -> Iterator[BackendConfig]:
    ordered = sorted(config.backends, key=lambda backend: not _has(backend, config.default_model))
    return (each for backend in ordered for each in _placed(backend, cards, config))


async def rescan(backends: Sequence[Backend], catalog: Catalog) -> tuple[str, ...]:
    """Have workers look for new models and offer those; the problems that they met."""
    local = [backend for backend in backends if isinstance(backend, LocalBackend)]
    problems: list[str] = []
    for backend in local:
        try:
            found = await backend.rescan()
        except Unavailable as error:
            found = (error.detail or error.sentence,)
        problems += [f"{backend.name}: {problem}" for problem in found]
    await catalog.refresh(backends)
    return tuple(problems)


def _has(config: BackendConfig, model: str | None) -> bool:
    if isinstance(config, ScriptedConfig):
        return False
    return any(each.name == model for each in config.models)


def _takes_all(config: BackendConfig) -> bool:
    return isinstance(config, LocalConfig) and config.device == "auto" and not _is_tiny(config)


def _placed(config: BackendConfig, cards: Sequence[Card], whole: Config) -> Iterator[BackendConfig]:
    """The section once for each card it is to use."""
    usable = [card for card in cards if card.problem is None]
    if not isinstance(config, LocalConfig) or not _takes_all(config) or not usable:
        yield config
    elif len(usable) == 1:
        # Not what a worker would choose by itself: the first, which may be the one left out.
        yield replace(config, device=usable[0].device)
    else:
        taken = {other.name for other in whole.backends}
        for card in usable:
            number = card.device.rpartition(":")[2]
            yield replace(config, device=card.device, name=_free(f"{config.name}-{number}", taken))


def _free(name: str, taken: set[str]) -> str:
    names = itertools.chain([name], (f"{name}.{number}" for number in itertools.count(2)))
    return next(each for each in names if each not in taken)


def _build(config: BackendConfig, whole: Config) -> Backend:
    if isinstance(config, EngineConfig):
        return build_engine(config)
    if not isinstance(config, LocalConfig):
        return ScriptedBackend(
            name=config.name, slots=config.slots, step_seconds=config.step_seconds
        )
    models = sorted(config.models, key=lambda model: model.name != whole.default_model)
    return LocalBackend(
        config.name,
        [local_model(model) for model in models],
        device=config.device,
        precision=config.precision,
        threads=threads_for(config),
        memory=None if config.memory_gib is None else int(config.memory_gib * 1024**3),
        parallel_loading=config.parallel_loading,
        model_folders=config.model_folders,
        lora_folders=config.lora_folders,
        embedding_folders=config.embedding_folders,
        tools=config.tools,
        controls=ControlSettings(
            folders=config.controlnet_folders, depth_estimator=config.depth_estimator
        ),
        calibration=whole.data.directory / CALIBRATION_FILE,
        compiled=whole.data.directory / COMPILED_FOLDER,
    )


def _is_tiny(config: LocalConfig) -> bool:
    """Whether it has the shipped model alone, to which a second worker would bring nothing."""
    return not config.model_folders and all(model.path is None for model in config.models)


def threads_for(config: LocalConfig) -> int | None:
    """The operator's choice, else one for the shipped model alone, else torch's own choice.

    It is too small to gain from a second one, and loses up to forty times where the other
    processors are busy; with one, every machine's same seed also takes the same way.
    """
    return config.threads or (1 if _is_tiny(config) else None)


def local_model(config: ModelConfig) -> LocalModel:
    """The model as a worker is told of it, with the operator's choices over its own."""
    if config.path is None:
        known = replace(_DEMO, name=config.name)
    else:
        known = LocalModel(name=config.name, title=config.name, path=config.path)
    chosen = {
        field.name: value
        for field in fields(ModelConfig)
        if field.name not in {"revision", "file"}  # path says it already
        if (value := getattr(config, field.name)) is not None
    }
    return replace(known, **chosen)
