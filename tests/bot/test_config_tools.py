"""`upscalers`, `cutters` and `describers`: what becomes a tool, and what is said of what cannot."""

from __future__ import annotations

from pathlib import Path

import pytest

from bot.config import ConfigError, LocalConfig, load
from generation.types import Task
from generation.worker.settings import LocalTool


def tools(folder: Path, lines: str) -> tuple[LocalTool, ...]:
    path = folder / "config.toml"
    path.write_text(f'[[backends]]\nkind = "local"\n{lines}\n')
    (backend,) = load(path, {"EASEL_DISCORD_TOKEN": "x" * 60}).backends
    assert isinstance(backend, LocalConfig)
    return backend.tools


def problem(folder: Path, lines: str) -> str:
    with pytest.raises(ConfigError) as caught:
        tools(folder, lines)
    (found,) = caught.value.problems
    return f"{found.what}. {found.instead}"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "up").mkdir()
    for name in ("b-sharp.safetensors", "a-soft.safetensors", "notes.txt"):
        (tmp_path / "up" / name).touch()
    for name in ("cut", "tell"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "config.json").touch()
    return tmp_path


def test_files_and_folders_become_tools_called_after_them(folder: Path) -> None:
    lines = 'upscalers = ["up/b-sharp.safetensors"]\ncutters = ["cut"]\ndescribers = ["tell"]'
    assert [(tool.name, tool.task, tool.path) for tool in tools(folder, lines)] == [
        ("b-sharp", Task.UPSCALE, folder / "up" / "b-sharp.safetensors"),
        ("cut", Task.CUTOUT, folder / "cut"),
        ("tell", Task.DESCRIBE, folder / "tell"),
    ]


def test_a_folder_of_upscalers_stands_for_every_one_in_it(folder: Path) -> None:
    found = tools(folder, 'upscalers = ["up"]')
    assert [tool.name for tool in found] == ["a-soft", "b-sharp"]


def test_without_any_there_is_no_tool(folder: Path) -> None:
    assert tools(folder, "") == ()


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        ('upscalers = ["up/old.pth"]', "old.pth is no .safetensors file; others could run code"),
        ('upscalers = ["up/gone.safetensors"]', "there is no file"),
        ('upscalers = ["cut"]', "holds no .safetensors file"),
        ('cutters = ["up"]', "is no model's folder: it holds no config.json"),
        ('describers = ["gone"]', "is no model's folder: it holds no config.json"),
        ('upscalers = ["up/a-soft.safetensors", "up"]', 'two models or tools are named "a-soft"'),
    ],
)
def test_what_cannot_be_a_tool_is_told_with_what_to_do(folder: Path, lines: str, said: str) -> None:
    assert said in problem(folder, lines)


def test_a_tool_is_not_called_as_a_model(folder: Path) -> None:
    (folder / "demo").mkdir()
    (folder / "demo" / "config.json").touch()
    assert 'two models or tools are named "demo"' in problem(folder, 'cutters = ["demo"]')
