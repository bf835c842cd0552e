"""Previews: a large picture made small enough to be shown again and again."""

from __future__ import annotations

import io

from PIL import Image

_LONGEST_SIDE = 256
_QUALITY = 80


def shrink_preview(png: bytes) -> bytes:
    """A JPEG of a trusted PNG with no side above 256 pixels. Blocks for some milliseconds."""
    with Image.open(io.BytesIO(png), formats=("PNG",)) as opened:
        picture = opened.convert("RGB")
    picture.thumbnail((_LONGEST_SIDE, _LONGEST_SIDE))
    buffer = io.BytesIO()
    picture.save(buffer, "JPEG", quality=_QUALITY)
    return buffer.getvalue()
