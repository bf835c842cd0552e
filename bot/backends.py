"""Builds the backends that the configuration names."""

from __future__ import annotations

from dataclasses import fields, replace

from bot.config import BackendConfig, Config, LocalConfig, ModelConfig
from generation import demo_model
from generation.backends.base import Backend
from generation.backends.local import LocalBackend
from generation.backends.scripted import ScriptedBackend
from generation.worker.settings import LocalModel

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
)


def build_backends(config: Config) -> tuple[Backend, ...]:
    """One backend for each section, the default model's first. None has been started yet."""
    ordered = sorted(config.backends, key=lambda backend: not _has(backend, config.default_model))
    return tuple(_build(backend, config.default_model) for backend in ordered)


def _has(config: BackendConfig, model: str | None) -> bool:
    return isinstance(config, LocalConfig) and any(each.name == model for each in config.models)


def _build(config: BackendConfig, default_model: str | None) -> Backend:
    if not isinstance(config, LocalConfig):
        return ScriptedBackend(name=config.name)
    models = sorted(config.models, key=lambda model: model.name != default_model)
    return LocalBackend(
        config.name,
        [_model(model) for model in models],
        device=config.device,
        precision=config.precision,
        threads=config.threads or _threads(config),
    )


def _threads(config: LocalConfig) -> int | None:
    """One for the shipped model alone, else torch's own choice.

    It is too small to gain from a second one, and loses up to forty times where the other
    processors are busy; with one, every machine's same seed also takes the same way.
    """
    return 1 if all(model.path is None for model in config.models) else None


def _model(config: ModelConfig) -> LocalModel:
    if config.path is None:
        known = replace(_DEMO, name=config.name)
    else:
        known = LocalModel(name=config.name, title=config.name, path=config.path)
    chosen = {
        field.name: value
        for field in fields(ModelConfig)
        if (value := getattr(config, field.name)) is not None
    }
    return replace(known, **chosen)
