"""A backup is whole, can take the data directory's place, and disturbs nobody."""

from __future__ import annotations

from pathlib import Path

import pytest

from generation.backup import back_up
from generation.errors import StorageError
from generation.types import BlobId, JobState
from tests.generation.stage import Stage


async def test_a_backup_of_a_running_bot_can_be_started_from(stage: Stage, tmp_path: Path) -> None:
    picture = await stage.queue.keep(b"a picture to start from")
    running = await stage.submit(inputs=(picture,))
    await stage.backend.begun.get()
    waiting = await stage.submit("ben")
    target = tmp_path / "backup"
    made = await back_up(tmp_path / "easel.db", tmp_path, target)
    assert (made.jobs, made.pictures) == (2, 1)
    await stage.backend.finish(running)
    await stage.final(running)  # the bot itself goes on

    restored = Stage(target)
    await restored.start()
    first = await restored.backend.begun.get()
    kept = await restored.queue.picture(picture)
    assert (first.job_id, kept) == (running, b"a picture to start from")
    assert await restored.state(waiting) is JobState.QUEUED
    await restored.crash()


async def test_the_copy_is_one_file_without_a_log(stage: Stage, tmp_path: Path) -> None:
    await stage.submit()
    target = tmp_path / "backup"
    await back_up(tmp_path / "easel.db", tmp_path, target)
    assert [path.name for path in target.iterdir()] == ["easel.db"]


async def test_pictures_can_be_left_out(stage: Stage, tmp_path: Path) -> None:
    blob = await stage.queue.keep(b"picture")
    await stage.submit(inputs=(blob,))
    made = await back_up(tmp_path / "easel.db", tmp_path, tmp_path / "backup", pictures=False)
    assert (made.jobs, made.pictures) == (1, 0)


async def test_a_picture_forgotten_meanwhile_does_not_stop_the_backup(
    stage: Stage, tmp_path: Path
) -> None:
    await stage.submit(inputs=(BlobId("a" * 64),))
    made = await back_up(tmp_path / "easel.db", tmp_path, tmp_path / "backup")
    assert (made.jobs, made.pictures) == (1, 0)


async def test_a_folder_with_something_in_it_is_not_written_to(
    stage: Stage, tmp_path: Path
) -> None:
    del stage
    target = tmp_path / "backup"
    target.mkdir()
    (target / "letter.txt").write_text("mine")
    with pytest.raises(StorageError) as caught:
        await back_up(tmp_path / "easel.db", tmp_path, target)
    assert "not empty" in (caught.value.detail or "")
    assert [path.name for path in target.iterdir()] == ["letter.txt"]


@pytest.mark.parametrize("content", [None, b"no database, and long enough to be one" * 100])
async def test_what_is_no_database_is_an_error_and_leaves_no_half_copy(
    tmp_path: Path, content: bytes | None
) -> None:
    database, target = tmp_path / "easel.db", tmp_path / "backup"
    if content is not None:
        database.write_bytes(content)
    with pytest.raises(StorageError):
        await back_up(database, tmp_path, target)
    assert list(target.iterdir()) == []
