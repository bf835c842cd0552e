"""Where the Hub's tools keep what they download: as their own code has it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from generation.hub import cache_folder, snapshot_folder

COMMIT = "71153311d3dbb46851df1931d3ca6e939de83304"


@pytest.mark.parametrize(
    "environ",
    [
        {"HOME": "/home/ada"},
        {"HOME": "/home/ada", "XDG_CACHE_HOME": "/var/cache"},
        {"HOME": "/home/ada", "HF_HOME": "/srv/hf"},
        {"HOME": "/home/ada", "HF_HOME": "/srv/hf", "HF_HUB_CACHE": "/srv/cache"},
    ],
)
def test_it_is_where_huggingface_hub_looks(environ: dict[str, str]) -> None:
    program = "from huggingface_hub.constants import HF_HUB_CACHE; print(HF_HUB_CACHE)"
    theirs = subprocess.run(  # noqa: S603 (our own program)
        [sys.executable, "-c", program], env=environ, capture_output=True, text=True, check=True
    )
    assert cache_folder(environ) == Path(theirs.stdout.strip())


def test_a_commit_has_a_folder_of_its_own() -> None:
    folder = snapshot_folder(Path("/hub"), "stabilityai/sdxl-turbo", COMMIT)
    assert folder == Path("/hub/models--stabilityai--sdxl-turbo/snapshots") / COMMIT
