"""New models are found without a restart, and jobs go on meanwhile."""

from __future__ import annotations

import shutil
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from bot.backends import rescan
from generation import demo_model
from generation.backends.local import LocalBackend
from generation.catalog import Catalog
from generation.errors import Unavailable


@pytest.fixture
def models(tmp_path: Path) -> Path:
    shutil.copytree(demo_model.MODEL_DIR, tmp_path / "models" / "first")
    return tmp_path / "models"


@pytest.fixture
async def backend(models: Path) -> AsyncIterator[LocalBackend]:
    backend = LocalBackend("here", (), model_folders=(models,), device="cpu", threads=1, slots=1)
    yield backend
    await backend.aclose()


async def test_a_model_that_is_added_is_offered_after_another_look(
    backend: LocalBackend, models: Path
) -> None:
    catalog = Catalog()
    await catalog.refresh([backend])
    assert [*catalog.names] == ["first"]
    shutil.copytree(demo_model.MODEL_DIR, models / "second")
    (models / "old.ckpt").touch()
    problems = await rescan([backend], catalog)
    assert [*catalog.names] == ["first", "second"]
    assert [problem.partition(":")[0] for problem in problems] == ["here"]
    assert "old.ckpt is skipped: it could run code" in problems[0]
    assert "old.ckpt" in ((await backend.health()).problem or "")


async def test_a_model_that_is_gone_is_no_longer_offered(
    backend: LocalBackend, models: Path
) -> None:
    shutil.copytree(demo_model.MODEL_DIR, models / "second")
    assert len((await backend.capabilities()).models) == 2
    shutil.rmtree(models / "second")
    await backend.rescan()
    assert [model.name for model in (await backend.capabilities()).models] == ["first"]


async def test_an_empty_folder_is_named_at_the_start(tmp_path: Path) -> None:
    backend = LocalBackend("here", (), model_folders=(tmp_path,), device="cpu")
    with pytest.raises(Unavailable) as caught:
        await backend.start()
    assert caught.value.detail == f"there is no model in {tmp_path}"
    await backend.aclose()
