"""Pictures on disk: stored once by content, whole or not at all."""

from __future__ import annotations

import asyncio
import hashlib
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
