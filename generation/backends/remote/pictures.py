"""Pictures that servers send: hostile bytes, decoded elsewhere and written afresh as ours."""

from __future__ import annotations

import asyncio
import base64
import binascii
from collections.abc import Sequence

from generation.backends.base import Work
from generation.errors import BadImage, BadReply
from generation.images import Picture, UploadRules, clean_upload, paste_patch, shrink_preview
from generation.infotext import embed_png, write
from generation.types import UNSEEDED, Output, Params, Task

_RULES = UploadRules(
    max_bytes=64 * 1024 * 1024, max_pixels=64_000_000, max_side=16_384, seconds=30.0
)
_PREVIEW_RULES = UploadRules(
    max_bytes=8 * 1024 * 1024, max_pixels=8_000_000, max_side=4096, seconds=5.0
)
_DATA_URL = "data:"


async def read_picture(data: bytes, *, size: tuple[int, int] | None = None) -> Picture:
    """What a server sent as a picture: RGB, upright, nothing but pixels.

    Raises ``BadReply`` for anything that is no PNG, JPEG or WebP within bounds, and for one of
    another ``size`` (width, height) than was asked for.
    """
    try:
        picture = await clean_upload(data, _RULES)
    except BadImage as error:
        raise BadReply(detail=f"what came is no picture ({error.detail})") from error
    if size is not None and (picture.width, picture.height) != size:
        came = f"{picture.width}x{picture.height}"
        raise BadReply(detail=f"a picture of {came} came instead of {size[0]}x{size[1]}")
    return picture


async def read_preview(data: bytes) -> bytes | None:
    """A preview as a small JPEG of ours; None where it is no picture, for a job goes on without."""
    try:
        picture = await clean_upload(data, _PREVIEW_RULES)
    except BadImage:
        return None
    return await asyncio.to_thread(shrink_preview, picture.png)


def from_base64(written: object) -> bytes:
    """The bytes of a picture written as base64, or as a ``data:`` URL. Raises ``BadReply``."""
    if not isinstance(written, str):
        raise BadReply(detail="a picture came that is no text")
    head, comma, _ = written[:128].partition(",")
    start = len(head) + 1 if comma and head.startswith(_DATA_URL) else 0
    try:
        return base64.b64decode(written[start:], validate=True)
    except (binascii.Error, ValueError):
        raise BadReply(detail="a picture came that is no whole base64") from None


async def to_outputs(
    work: Work,
    pictures: Sequence[Picture],
    *,
    title: str,
    shown: Params | None = None,
    seeds: Sequence[int | None] | None = None,
    upscaler: str = "Lanczos",
) -> tuple[Output, ...]:
    """The job's pictures, in the order of its seeds, each with its settings in it as our own text.

    After inpainting the drawn part is put back into the input. ``title`` is the model's; ``shown``
    are the settings to write where the engine used others. ``seeds`` are the pictures' own where
    they are not the job's, None for one that is not known; ``upscaler`` is what enlarged between
    two passes. Raises ``BadReply`` for another number of pictures than was asked for.
    """
    asked = work.params.seeds()
    if len(pictures) != len(asked):
        raise BadReply(detail=f"{len(pictures)} pictures came instead of {len(asked)}")
    outputs = []
    for picture, seed, known in zip(pictures, seeds or asked, asked, strict=True):
        text = write(shown or work.params, seed=seed, model_title=title, upscaler=upscaler)
        data = await asyncio.to_thread(_finished, work, picture.png, text)
        is_patch = work.params.task is Task.INPAINT
        width, height = work.params.final_size if is_patch else (picture.width, picture.height)
        outputs.append(
            Output(
                data=data,
                media_type="image/png",
                width=width,
                height=height,
                seed=known if seed is None else seed,
                flags=frozenset({UNSEEDED} if seed is None else ()),
            )
        )
    return tuple(outputs)


def _finished(work: Work, png: bytes, text: str) -> bytes:
    if work.params.task is Task.INPAINT and work.image is not None and work.mask is not None:
        png = paste_patch(png, work.image, work.mask, work.params)
    return embed_png(png, text)
