"""Pixels to PNG files with their settings inside, away from the device's thread."""

from __future__ import annotations

import io
from dataclasses import replace

from PIL import Image

from generation.backends.base import Work
from generation.infotext import embed_png, write
from generation.types import Output, Task
from generation.worker.painter import Painting, read_input


def finish(painting: Painting, work: Work, model_title: str) -> tuple[Output, ...]:
    """One PNG per picture, in order, each with its own seed in its settings text.

    After inpainting, what the mask protects is the input's own pixels, not their copy through
    the model.
    """
    outputs: list[Output] = []
    for seed, decoded in painting.pictures:
        if decoded.pixels is None:
            continue
        picture = Image.fromarray(decoded.pixels.numpy())
        if work.params.task is Task.INPAINT:
            picture = _restored(picture, work)
        buffer = io.BytesIO()
        picture.save(buffer, "PNG", compress_level=1)
        used = replace(work.params, scheduler=painting.scheduler)
        text = write(used, seed=seed, model_title=model_title)
        outputs.append(
            Output(
                data=embed_png(buffer.getvalue(), text),
                media_type="image/png",
                width=picture.width,
                height=picture.height,
                seed=seed,
                flags=decoded.flags,
            )
        )
    return tuple(outputs)


def _restored(picture: Image.Image, work: Work) -> Image.Image:
    original = read_input(work.image, "RGB", work.params)
    mask = read_input(work.mask, "L", work.params)
    if picture.size != original.size:
        return picture
    return Image.composite(picture, original, mask)
