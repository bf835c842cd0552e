"""Where ControlNets lie: read from the configuration, or refused with what to do."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from bot.config import ConfigError, LocalConfig, Problem, load
from generation.controls import CONTROL_NAMES
from generation.worker.settings import ControlPlace

HEAD = """\
[discord]
token = "MTk4NjIyNDgzNDcxOTI1MjQ4.Cl2FMQ.ZnCjm1XVW7vRze4b7Cq4se7kKWs"
[[backends]]
kind = "local"
"""


def read(folder: Path, rows: str) -> LocalConfig:
    path = folder / "config.toml"
    path.write_text(HEAD + rows)
    (backend,) = load(path, {}).backends
    assert isinstance(backend, LocalConfig)
    return backend


def problem(folder: Path, rows: str) -> Problem:
    with pytest.raises(ConfigError) as caught:
        read(folder, rows)
    (only,) = caught.value.problems
    return only


def make(folder: Path) -> Path:
    folder.mkdir(parents=True)
    (folder / "config.json").touch()
    return folder


def test_folders_and_the_finder_of_depth_are_meant_from_the_files_folder(tmp_path: Path) -> None:
    make(tmp_path / "nets" / "canny")
    make(tmp_path / "depth")
    backend = read(tmp_path, 'controlnet_folders = ["nets"]\ndepth_estimator = "depth"\n')
    assert backend.controlnet_folders == (tmp_path / "nets",)
    assert backend.depth_estimator == tmp_path / "depth"


def test_a_model_names_its_own_by_their_kinds(tmp_path: Path) -> None:
    make(tmp_path / "mine")
    backend = read(
        tmp_path, '[[backends.models]]\nname="demo"\n[backends.models.controls]\ncanny = "mine"\n'
    )
    (model,) = backend.models
    assert model.controls == (ControlPlace(kind="canny", path=tmp_path / "mine"),)


@pytest.mark.parametrize(
    ("rows", "what"),
    [
        ('controlnet_folders = ["nowhere"]\n', "there is no folder"),
        ('depth_estimator = "."\n', "is no folder of a model"),
        (
            '[[backends.models]]\nname="demo"\n[backends.models.controls]\ncanny = "."\n',
            "is no folder of a ControlNet",
        ),
        (
            '[[backends.models]]\nname="demo"\n[backends.models.controls]\ncany = "."\n',
            "there is no such key",
        ),
    ],
)
def test_what_is_not_there_is_told_by_its_line(tmp_path: Path, rows: str, what: str) -> None:
    assert what in problem(tmp_path, rows).what


def test_the_example_names_every_kind() -> None:
    text = (Path(__file__).parents[2] / "config.example.toml").read_text()
    (listed,) = re.findall(r"# kinds are ([^.]+)\.", text)
    words = re.sub(r"[\s#]+", " ", listed).replace(" and ", ", ").split(", ")
    assert tuple(words) == CONTROL_NAMES
