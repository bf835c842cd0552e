"""From the configuration's backends to the ones that run."""

from __future__ import annotations

from pathlib import Path

from bot.backends import build_backends
from bot.config import (
    Config,
    DataConfig,
    DiscordConfig,
    LocalConfig,
    ModelConfig,
    ScriptedConfig,
    Secret,
)
from generation import demo_model
from generation.backends.local import LocalBackend
from generation.worker.settings import WorkerSettings

SHIPPED = ModelConfig(name="demo")
OWN = ModelConfig(name="own", path=Path("/models/own"), steps=30)


def config(*backends: LocalConfig | ScriptedConfig, default_model: str | None = None) -> Config:
    return Config(
        path=Path("config.toml"),
        discord=DiscordConfig(token=Secret("x")),
        data=DataConfig(directory=Path("data"), database=Secret("x")),
        backends=backends,
        default_model=default_model,
    )


def settings(local: LocalConfig, default_model: str | None = None) -> WorkerSettings:
    (backend,) = build_backends(config(local, default_model=default_model))
    assert isinstance(backend, LocalBackend)
    return backend._settings


def test_the_shipped_model_gets_the_settings_that_suit_it() -> None:
    (model,) = settings(LocalConfig(models=(SHIPPED,))).models
    assert model.path == demo_model.MODEL_DIR
    assert (model.steps, model.max_side) == (demo_model.DEFAULT_STEPS, demo_model.LARGEST_SIDE)


def test_an_operators_words_win_and_the_rest_is_left_to_the_model() -> None:
    (model,) = settings(LocalConfig(models=(OWN,))).models
    assert (model.title, model.steps, model.width) == ("own", 30, None)


def test_the_shipped_model_alone_takes_one_thread() -> None:
    assert settings(LocalConfig(models=(SHIPPED,))).threads == 1
    assert settings(LocalConfig(models=(SHIPPED, OWN))).threads is None
    assert settings(LocalConfig(models=(SHIPPED,), threads=3)).threads == 3


def test_the_default_model_and_its_backend_come_first() -> None:
    built = build_backends(
        config(
            ScriptedConfig(), LocalConfig(models=(SHIPPED, OWN), name="card"), default_model="own"
        )
    )
    assert [backend.name for backend in built] == ["card", "scripted"]
    assert isinstance(built[0], LocalBackend)
    assert [model.name for model in built[0]._settings.models] == ["own", "demo"]
