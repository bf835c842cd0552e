"""A mask as paint over a picture."""

from __future__ import annotations

import io

from PIL import Image

from generation.images import paint_over


def test_the_mask_becomes_paint_on_nothing_and_on_the_picture() -> None:
    picture = Image.new("RGB", (4, 2), (200, 0, 0))
    mask = Image.new("L", (4, 2), 0)
    mask.putpixel((1, 0), 255)
    layer, composite = paint_over(_png(picture), _png(mask))
    with Image.open(io.BytesIO(layer)) as paint:
        assert paint.mode == "RGBA"
        assert paint.getchannel("A").tobytes() == mask.tobytes()
    with Image.open(io.BytesIO(composite)) as both:
        assert both.getpixel((1, 0)) == (255, 255, 255)
        assert both.getpixel((0, 0)) == (200, 0, 0)


def _png(picture: Image.Image) -> bytes:
    buffer = io.BytesIO()
    picture.save(buffer, "PNG")
    return buffer.getvalue()
