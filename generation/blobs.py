"""Pictures on disk, each under the SHA-256 of its bytes."""

from __future__ import annotations

import asyncio
import hashlib
import os
import re
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

from generation.errors import PictureGone, StorageError
from generation.types import BlobId

_ID = re.compile(r"[0-9a-f]{64}")
_UNFINISHED = ".new-"
_MIB = 1024 * 1024
_FULL = "The bot's disk is full, so nothing new can be drawn. Please tell whoever runs it."


class Blobs:
    """Content-addressed files below ``<data>/blobs``. All disk work happens off the loop."""

    def __init__(self, data: Path, *, reserve: int = 0) -> None:
        """``reserve`` is how many bytes of the disk are kept free for what is drawn already."""
        self._root = data / "blobs"
        self._data = data
        self._reserve = reserve

    async def require_room(self) -> None:
        """Raises ``StorageError`` when the disk has no more than the reserve left."""
        free = await asyncio.to_thread(self._free)
        if free < self._reserve:
            detail = f"the disk has {free // _MIB} MiB left; {self._reserve // _MIB} are reserved"
            raise StorageError(_FULL, detail=detail)

    async def put(self, data: bytes) -> BlobId:
        """Store bytes and return their id; they survive a power cut from then on.

        Storing the same bytes again changes nothing. Raises ``StorageError`` on a full disk.
        """
        return await asyncio.to_thread(self._put, data)

    async def get(self, blob: BlobId) -> bytes:
        """The stored bytes. Raises ``PictureGone`` when they are not there."""
        return await asyncio.to_thread(self._get, blob)

    async def delete(self, blob: BlobId) -> None:
        """Forget the bytes. An unknown id is no error."""
        await asyncio.to_thread(self._delete, blob)

    async def stored_between(self, start: float, end: float) -> list[BlobId]:
        """The pictures whose files were written between two UNIX times.

        Files that a crash then left half written are removed. Raises ``StorageError``.
        """
        return await asyncio.to_thread(self._stored_between, start, end)

    def _free(self) -> int:
        try:
            return shutil.disk_usage(self._data).free
        except OSError as error:
            raise StorageError(detail=f"looking at the disk: {error.strerror}") from error

    def _stored_between(self, start: float, end: float) -> list[BlobId]:
        found = []
        try:
            for path in self._written_between(start, end):
                if path.name.startswith(_UNFINISHED):
                    path.unlink(missing_ok=True)
                elif _ID.fullmatch(path.name):
                    found.append(BlobId(path.name))
        except OSError as error:
            raise StorageError(detail=f"looking through pictures: {error.strerror}") from error
        return found

    def _written_between(self, start: float, end: float) -> Iterator[Path]:
        for path in self._root.glob("*/*"):
            try:
                if start < path.stat().st_mtime < end:
                    yield path
            except FileNotFoundError:
                continue  # deleted meanwhile

    def _put(self, data: bytes) -> BlobId:
        blob = BlobId(hashlib.sha256(data).hexdigest())
        path = self._path(blob)
        try:
            if not path.exists():
                path.parent.mkdir(parents=True, exist_ok=True)
                _write_durably(path, data)
        except OSError as error:
            raise StorageError(detail=f"writing a picture: {error.strerror}") from error
        return blob

    def _get(self, blob: BlobId) -> bytes:
        try:
            return self._path(blob).read_bytes()
        except FileNotFoundError as error:
            raise PictureGone(detail=f"blob={blob}") from error
        except OSError as error:
            raise StorageError(detail=f"reading a picture: {error.strerror}") from error

    def _delete(self, blob: BlobId) -> None:
        try:
            self._path(blob).unlink(missing_ok=True)
        except OSError as error:
            raise StorageError(detail=f"deleting a picture: {error.strerror}") from error

    def _path(self, blob: BlobId) -> Path:
        # An id may come from outside; anything but a hash could walk out of the folder.
        if not _ID.fullmatch(blob):
            raise PictureGone(detail="malformed blob id")
        return self._root / blob[:2] / blob


def _write_durably(path: Path, data: bytes) -> None:
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=_UNFINISHED)
    temporary = Path(name)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
        _sync_folder(path.parent)
    finally:
        temporary.unlink(missing_ok=True)


def _sync_folder(folder: Path) -> None:
    # Windows cannot open folders; there the rename is journalled by the file system.
    if os.name == "nt":
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
