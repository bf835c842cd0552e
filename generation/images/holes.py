"""Masks as transparency: what some engines read in place of a mask of its own."""

from __future__ import annotations

import io

from PIL import Image, ImageChops

from generation.images.decoder import encode_png


def punched(picture: bytes, mask: bytes) -> bytes:
    """The picture, transparent where the mask is white, as a PNG. Blocks.

    Both are trusted PNGs; the mask is brought to the picture's size.
    """
    with (
        Image.open(io.BytesIO(picture), formats=("PNG",)) as opened,
        Image.open(io.BytesIO(mask), formats=("PNG",)) as marks,
    ):
        whole = opened.convert("RGBA")
        alpha = ImageChops.invert(marks.convert("L").resize(whole.size))
        whole.putalpha(alpha)
        return encode_png(whole)
