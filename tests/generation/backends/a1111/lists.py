"""A web UI's lists, read from the one on loopback, and jobs for it."""

from __future__ import annotations

import base64
import io
from collections.abc import Mapping
from dataclasses import replace

from PIL import Image

from generation.backends.a1111.dialects import find_dialect
from generation.backends.a1111.listing import Listing, read_listing
from generation.backends.a1111.payload import Call, calls
from generation.backends.base import Work
from generation.backends.remote.server import Server
from generation.backends.remote.wire import Wire
from generation.types import JobId, Params, Setting, Task
from tests.servers.a1111 import A1111Twin
from tests.servers.twin import Twin

PARAMS = Params(
    task=Task.TXT2IMG,
    model="tinyrand-a",
    prompt="a cat",
    negative_prompt="blurry",
    width=512,
    height=768,
    steps=20,
    guidance_scale=7.0,
    sampler="Euler a",
    scheduler="Karras",
    seed=11,
    count=1,
)


async def listing_of(twin: type[Twin] = A1111Twin) -> Listing:
    async with twin().running() as url:
        wire = Wire(Server.at(url))
        try:
            return await read_listing(wire, await find_dialect(wire))
        finally:
            await wire.aclose()


def work(*options: Setting, image: bytes | None = None, **changes: object) -> Work:
    params = replace(PARAMS, options=options, **changes)  # type: ignore[arg-type]
    return Work(job_id=JobId("job1"), params=params, image=image)


def body(job: Work, listing: Listing, **settings: object) -> Mapping[str, object]:
    """What the job's only request says."""
    (call,) = requests(job, listing, **settings)
    return call.body


def requests(job: Work, listing: Listing, **settings: object) -> list[Call]:
    return calls(job, listing, task_id="t1", **settings)  # type: ignore[arg-type]


def png(size: tuple[int, int], colour: str = "red", mode: str = "RGB") -> bytes:
    buffer = io.BytesIO()
    Image.new(mode, size, colour).save(buffer, "PNG")
    return buffer.getvalue()


def opened(written: object) -> Image.Image:
    assert isinstance(written, str)
    return Image.open(io.BytesIO(base64.b64decode(written)))
