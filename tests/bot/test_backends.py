"""From the configuration's backends to the ones that run."""

from __future__ import annotations

from pathlib import Path

import pytest

from bot import backends as backends_module
from bot.backends import build_backends, cards_for, local_model
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
from generation.backends.cards import Card
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


def test_what_a_worker_measures_is_kept_with_the_other_data() -> None:
    assert settings(LocalConfig(models=(SHIPPED,))).calibration == Path("data/calibration.json")


def test_the_default_model_and_its_backend_come_first() -> None:
    built = build_backends(
        config(
            ScriptedConfig(), LocalConfig(models=(SHIPPED, OWN), name="card"), default_model="own"
        )
    )
    assert [backend.name for backend in built] == ["card", "scripted"]
    assert isinstance(built[0], LocalBackend)
    assert [model.name for model in built[0]._settings.models] == ["own", "demo"]


def card(number: int, problem: str | None = None) -> Card:
    return Card(device=f"cuda:{number}", name="RTX", memory=24 * 1024**3, problem=problem)


def placed(*backends: LocalConfig | ScriptedConfig, cards: list[Card]) -> list[tuple[str, str]]:
    return [
        (backend.name, backend._settings.device)
        for backend in build_backends(config(*backends), cards)
        if isinstance(backend, LocalBackend)
    ]


def test_a_section_that_leaves_the_device_to_us_has_a_worker_on_each_card() -> None:
    section = LocalConfig(models=(OWN,))
    assert placed(section, cards=[card(0), card(1)]) == [
        ("local-0", "cuda:0"),
        ("local-1", "cuda:1"),
    ]
    assert placed(section, cards=[]) == [("local", "auto")]


def test_a_section_that_names_its_device_has_one_worker_there() -> None:
    section = LocalConfig(models=(OWN,), device="cuda:1")
    assert placed(section, cards=[card(0), card(1)]) == [("local", "cuda:1")]


def test_cards_with_a_problem_are_left_alone() -> None:
    section = LocalConfig(models=(OWN,))
    cards = [card(0, "too small"), card(1)]
    assert placed(section, cards=cards) == [("local", "cuda:1")]
    assert placed(section, cards=[card(0, "broken"), card(1, "broken")]) == [("local", "auto")]


def test_the_shipped_model_is_too_small_for_several_cards() -> None:
    section = LocalConfig(models=(SHIPPED,))
    assert placed(section, cards=[card(0), card(1)]) == [("local", "auto")]


def test_a_name_is_never_given_twice() -> None:
    cpu = LocalConfig(name="local-1", models=(OWN,), device="cpu")
    names = [name for name, _ in placed(LocalConfig(models=(OWN,)), cpu, cards=[card(0), card(1)])]
    assert sorted(names) == ["local-0", "local-1", "local-1.2"]


@pytest.mark.parametrize(
    ("section", "asked"),
    [
        (LocalConfig(models=(OWN,)), True),
        (LocalConfig(models=(OWN,), device="cuda:0"), False),
        (LocalConfig(models=(SHIPPED,)), False),
        (ScriptedConfig(), False),
    ],
)
async def test_cards_are_looked_for_only_where_that_decides_something(
    section: LocalConfig | ScriptedConfig, monkeypatch: pytest.MonkeyPatch, *, asked: bool
) -> None:
    async def find() -> tuple[Card, ...]:
        return (card(0),)

    monkeypatch.setattr(backends_module, "find_cards", find)
    assert await cards_for(config(section)) == ((card(0),) if asked else ())


def test_the_shipped_model_is_not_offered_for_edges_that_meet() -> None:
    assert not local_model(ModelConfig(name="demo")).tiles
    assert local_model(ModelConfig(name="mine", path=Path("models/mine"))).tiles
