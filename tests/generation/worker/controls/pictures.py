"""A picture with a shape in it, for what finds lines."""

from __future__ import annotations

import io

from PIL import Image, ImageDraw

SIDE = 64
INNER = (16, 16, 47, 47)


def encoded(picture: Image.Image) -> bytes:
    buffer = io.BytesIO()
    picture.save(buffer, "PNG")
    return buffer.getvalue()


def _scene() -> Image.Image:
    scene = Image.new("RGB", (SIDE, SIDE), (30, 60, 90))
    ImageDraw.Draw(scene).rectangle(INNER, fill=(220, 200, 40))
    return scene


SCENE = _scene()
