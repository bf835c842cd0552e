"""A mask as paint: what painting over a picture by hand leaves behind."""

from __future__ import annotations

import io

from PIL import Image

from generation.images.decoder import encode_png

_PAINT = (255, 255, 255)


def paint_over(image: bytes, mask: bytes) -> tuple[bytes, bytes]:
    """The paint alone, on nothing, and the picture with it, as PNGs of the picture's size.

    ``image`` and ``mask`` are trusted PNGs; the mask's white is painted. Blocks.
    """
    with Image.open(io.BytesIO(image), formats=("PNG",)) as opened:
        picture = opened.convert("RGB")
    with Image.open(io.BytesIO(mask), formats=("PNG",)) as opened:
        where = opened.convert("L").resize(picture.size)
    layer = Image.new("RGBA", picture.size, (*_PAINT, 0))
    layer.putalpha(where)
    picture.paste(_PAINT, (0, 0), where)
    return encode_png(layer), encode_png(picture)
