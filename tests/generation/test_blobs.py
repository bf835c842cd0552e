"""Pictures on disk: stored once by content, whole or not at all."""

from __future__ import annotations

import asyncio
import hashlib
import os
import sys
from pathlib import Path

import pytest

from generation.blobs import Blobs
from generation.errors import PictureGone, StorageError
from generation.types import BlobId


async def test_bytes_come_back_under_their_hash(tmp_path: Path) -> None:
    blob = await Blobs(tmp_path).put(b"picture")
    assert blob == hashlib.sha256(b"picture").hexdigest()
    assert await Blobs(tmp_path).get(blob) == b"picture"
    assert (tmp_path / "blobs" / blob[:2] / blob).read_bytes() == b"picture"


async def test_the_same_bytes_are_stored_once_even_at_once(tmp_path: Path) -> None:
    blobs = Blobs(tmp_path)
    ids = await asyncio.gather(*(blobs.put(b"picture") for _ in range(8)))
    assert (len(set(ids)), names_below(tmp_path)) == (1, [ids[0]])


async def test_deleted_bytes_are_gone_and_deleting_again_is_no_error(tmp_path: Path) -> None:
    blobs = Blobs(tmp_path)
    blob = await blobs.put(b"picture")
    await blobs.delete(blob)
    await blobs.delete(blob)
    with pytest.raises(PictureGone):
        await blobs.get(blob)


@pytest.mark.parametrize("bad", ["../../etc/passwd", "", "A" * 64, "a" * 63, "a" * 64 + "\n"])
async def test_an_id_that_is_no_hash_leads_nowhere(tmp_path: Path, bad: str) -> None:
    with pytest.raises(PictureGone):
        await Blobs(tmp_path).get(BlobId(bad))


async def test_a_write_that_fails_leaves_no_file_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("generation.blobs.os.fsync", full)
    with pytest.raises(StorageError, match="No space left"):
        await Blobs(tmp_path).put(b"picture")
    assert names_below(tmp_path) == []


def names_below(directory: Path) -> list[str]:
    return [path.name for path in directory.rglob("*") if path.is_file()]


async def test_a_disk_with_less_than_the_reserve_takes_nothing_new(tmp_path: Path) -> None:
    await Blobs(tmp_path, reserve=1).require_room()
    with pytest.raises(StorageError, match="disk is full") as caught:
        await Blobs(tmp_path, reserve=sys.maxsize).require_room()
    assert "are reserved" in (caught.value.detail or "")


async def test_half_written_files_of_a_crash_are_removed_and_fresh_ones_stay(
    tmp_path: Path,
) -> None:
    blobs = Blobs(tmp_path)
    old, fresh = await blobs.put(b"old"), await blobs.put(b"fresh")
    folder = tmp_path / "blobs" / old[:2]
    for name, age in ((folder / old, 500), (folder / ".new-1", 500), (folder / ".new-2", 1500)):
        name.touch()
        os.utime(name, (age, age))
    assert await blobs.stored_between(100, 1000) == [old]
    assert not (folder / ".new-1").exists()
    assert (folder / ".new-2").exists()
    assert await blobs.get(fresh) == b"fresh"
