"""Files on their way from a member: the parts of a multipart request."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

import aiohttp

from bot.sandbox.wire import JsonObject, encode


@dataclass(frozen=True, slots=True)
class LocalFile:
    """A file to send."""

    name: str
    data: bytes


FileLike: TypeAlias = "LocalFile | bytes | Path"


class Parts:
    """The files of one request, in order."""

    def __init__(self) -> None:
        self.files: list[LocalFile] = []

    async def add(self, file: FileLike) -> str:
        """Add a file and return the index of its part."""
        if isinstance(file, Path):
            file = LocalFile(file.name, await asyncio.to_thread(file.read_bytes))
        elif isinstance(file, bytes):
            file = LocalFile("file.png" if file.startswith(b"\x89PNG") else "file.bin", file)
        self.files.append(file)
        return str(len(self.files) - 1)

    def form(self, body: JsonObject) -> aiohttp.FormData:
        """Return the multipart body."""
        form = aiohttp.FormData(quote_fields=False)
        form.add_field("payload_json", encode(body), content_type="application/json")
        for index, file in enumerate(self.files):
            form.add_field(
                f"files[{index}]",
                file.data,
                filename=file.name,
                content_type="application/octet-stream",
            )
        return form
