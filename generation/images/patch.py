"""The patch of a picture that inpainting redraws: cut out for the model, and put back softly."""

from __future__ import annotations

import io
from dataclasses import dataclass

from PIL import Image, ImageFilter

from generation.images.decoder import encode_png
from generation.types import Params

Box = tuple[int, int, int, int]
"""Left, top, right and bottom in pixels; the last two are outside."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Patch:
    """A picture, how strongly each of its pixels is redrawn (0 … 255), and the part around those.

    ``size`` is the width and height in which the model draws that part.
    """

    picture: Image.Image
    softened: Image.Image
    box: Box
    size: tuple[int, int]

    @classmethod
    def of(cls, image: bytes, mask: bytes, params: Params) -> Patch:
        """The patch of two trusted PNGs, brought to the size of the finished picture."""
        picture = _opened(image, "RGB", params.final_size)
        softened = soften(_opened(mask, "L", params.final_size), params.mask_blur)
        size = (params.width, params.height)
        box = box_around(softened, params.padding)
        if params.padding is not None:
            box = widened(box, size[0] / size[1], picture.size)
        return cls(picture=picture, softened=softened, box=box, size=size)

    def start(self) -> Image.Image:
        """What the model starts from: RGB, in the size in which it draws."""
        return _scaled(self.picture.crop(self.box), self.size)

    def mask(self) -> Image.Image:
        """What the model is to redraw, white, in the size in which it draws."""
        return _scaled(self.softened.crop(self.box), self.size)

    def of_another(self, png: bytes) -> Image.Image:
        """The same part of another picture of the whole, in the size in which the model draws."""
        whole = _opened(png, "RGB", self.picture.size)
        return _scaled(whole.crop(self.box), self.size)

    def restored(self, drawn: Image.Image) -> Image.Image:
        """The whole picture with the drawn part in it.

        Where nothing is redrawn every pixel is the picture's own, bit for bit.
        """
        left, top, right, bottom = self.box
        whole = self.picture.copy()
        fitted = _scaled(drawn, (right - left, bottom - top))
        whole.paste(fitted, (left, top), self.softened.crop(self.box))
        return whole


def cut_patch(image: bytes, mask: bytes, params: Params) -> tuple[bytes, bytes]:
    """What a model is to start from and where it is to redraw, as PNGs. Blocks; see ``Patch``."""
    patch = Patch.of(image, mask, params)
    return encode_png(patch.start()), encode_png(patch.mask())


def paste_patch(drawn: bytes, image: bytes, mask: bytes, params: Params) -> bytes:
    """The whole picture with the drawn part in it, as a PNG. Blocks; see ``Patch``."""
    patch = Patch.of(image, mask, params)
    return encode_png(patch.restored(_opened(drawn, "RGB", patch.size)))


def soften(mask: Image.Image, blur: int) -> Image.Image:
    """The mask with an edge that fades over about twice ``blur`` pixels to either side."""
    return mask.filter(ImageFilter.GaussianBlur(blur)) if blur else mask


def box_around(mask: Image.Image, padding: int | None) -> Box:
    """What is not black, with so many pixels around it inside the picture.

    The whole picture without a padding, and where everything is black.
    """
    width, height = mask.size
    inner = mask.getbbox()
    if padding is None or inner is None:
        return 0, 0, width, height
    left, top, right, bottom = inner
    return (
        max(0, left - padding),
        max(0, top - padding),
        min(width, right + padding),
        min(height, bottom + padding),
    )


def widened(box: Box, ratio: float, size: tuple[int, int]) -> Box:
    """The box grown to that width over height, as far as the picture of that size goes."""
    left, top, right, bottom = box
    wide, high = right - left, bottom - top
    left, right = _stretched(left, right, max(wide, round(high * ratio)), size[0])
    top, bottom = _stretched(top, bottom, max(high, round(wide / ratio)), size[1])
    return left, top, right, bottom


def _stretched(start: int, end: int, length: int, room: int) -> tuple[int, int]:
    """A stretch of that length around the given one, moved to where there is room for it."""
    length = min(length, room)
    start -= (length - (end - start)) // 2
    start = min(max(start, 0), room - length)
    return start, start + length


def _opened(png: bytes, mode: str, size: tuple[int, int]) -> Image.Image:
    with Image.open(io.BytesIO(png), formats=("PNG",)) as opened:
        return _scaled(opened.convert(mode), size)


def _scaled(picture: Image.Image, size: tuple[int, int]) -> Image.Image:
    return picture if picture.size == size else picture.resize(size, Image.Resampling.LANCZOS)
