"""``[backends.models.speed]``: its defaults, its words, and what is refused with which advice."""

from __future__ import annotations

from pathlib import Path

import pytest

from bot.config import Config, ConfigError, LocalConfig, Problem, load
from generation.worker.settings import Speed

HEAD = """\
[discord]
token = "MTk4NjIyNDgzNDcxOTI1MjQ4.Cl2FMQ.ZnCjm1XVW7vRze4b7Cq4se7kKWs"
[[backends]]
kind = "local"
[[backends.models]]
name = "demo"
[backends.models.speed]
"""


def read(folder: Path, rows: str) -> Config:
    path = folder / "config.toml"
    path.write_text(HEAD + rows)
    return load(path, {})


def speed(folder: Path, rows: str) -> Speed:
    (backend,) = read(folder, rows).backends
    assert isinstance(backend, LocalConfig)
    return backend.models[0].speed


def problems(folder: Path, rows: str) -> list[Problem]:
    with pytest.raises(ConfigError) as caught:
        read(folder, rows)
    return list(caught.value.problems)


def test_an_empty_section_is_the_same_as_none(tmp_path: Path) -> None:
    assert speed(tmp_path, "") == Speed()


def test_every_key_is_read(tmp_path: Path) -> None:
    rows = """
compile = "On"
attention = "Flash-3"
channels_last = "off"
tf32 = "on"
quantise = "int8"
cache = "first-block"
cache_threshold = 0.08
vae_tiles_above = 1024
"""
    assert speed(tmp_path, rows) == Speed(
        compile="on",
        attention="flash-3",
        channels_last="off",
        tf32="on",
        quantise="int8",
        cache="first-block",
        cache_threshold=0.08,
        vae_tiles_above=1024,
    )
    assert speed(tmp_path, "fuse_qkv = true").fuse_qkv


def test_all_that_is_wrong_is_told_at_once(tmp_path: Path) -> None:
    rows = """\
compile = "yes"
attention = "fast"
channels_last = true
fuse_qkv = "on"
quantise = "int4"
cache = "teacache"
cache_threshold = 3
vae_tiles_above = 1
"""
    assert [problem.key for problem in problems(tmp_path, rows)] == [
        f"backends[1].models[1].speed.{key}"
        for key in (
            "compile",
            "attention",
            "channels_last",
            "fuse_qkv",
            "quantise",
            "cache",
            "cache_threshold",
            "vae_tiles_above",
        )
    ]


@pytest.mark.parametrize("name", ["flash_hub", "_flash_3_hub", "sage-hub"])
def test_kernels_of_the_hub_are_refused_with_another_way(tmp_path: Path, name: str) -> None:
    (problem,) = problems(tmp_path, f'attention = "{name}"')
    assert "Hugging Face Hub, which the worker never asks" in problem.what
    assert 'attention = "native"' in problem.instead


@pytest.mark.parametrize(
    ("rows", "key", "advice"),
    [
        ('compile = "off"\nquantise = "fp8"', "quantise", 'compile = "auto"'),
        ('fuse_qkv = true\nquantise = "fp8"', "fuse_qkv", "Take out fuse_qkv"),
        ('cache = "taylorseer"\ncache_threshold = 0.1', "cache_threshold", '"first-block"'),
        ("cache_threshold = 0.1", "cache_threshold", '"first-block"'),
        ("compille = 1", "compille", "Perhaps you mean compile"),
    ],
)
def test_what_does_not_go_together_gets_advice(
    tmp_path: Path, rows: str, key: str, advice: str
) -> None:
    (problem,) = problems(tmp_path, rows)
    assert problem.key == f"backends[1].models[1].speed.{key}"
    assert advice in problem.instead
