"""Test cards: honest pictures that show a job's settings, painted without any model."""

from __future__ import annotations

import io
import random
from collections.abc import Sequence

from PIL import Image, ImageDraw, ImageFont

from generation.images.decoder import encode_png
from generation.infotext import embed_png, write
from generation.types import Params, Task

_LINE = 1.35
_WORDS_PER_CARD = 60
_VEIL = 0.4


def paint_card(
    params: Params, seed: int, image: bytes | None = None, references: Sequence[bytes] = ()
) -> bytes:
    """A PNG of the finished size: a gradient in the seed's colours, labelled with the settings.

    With ``image`` the card is laid over that picture by ``strength``; ``references`` shimmer
    through it side by side. The same arguments give the same bytes. Carries the settings text
    that every picture carries.
    """
    card = _gradient(*params.final_size, seed)
    if image is not None and params.task is not Task.TXT2IMG:
        card = Image.blend(_read(image, card.size), card, params.strength)
    if references:
        card = Image.blend(_side_by_side(references, card.size), card, _VEIL)
    _label(card, params, seed)
    return embed_png(encode_png(card), write(params, seed=seed, model_title="Test card"))


def paint_preview(params: Params, seed: int, done: float) -> bytes:
    """A small JPEG of the card's colours, ``done`` (0 … 1) of the way out of grey."""
    card = _gradient(64, 64, seed)
    grey = Image.new("RGB", card.size, (128, 128, 128))
    scale = 128 / max(params.width, params.height)
    size = (max(1, round(params.width * scale)), max(1, round(params.height * scale)))
    buffer = io.BytesIO()
    Image.blend(grey, card, done).resize(size).save(buffer, "JPEG", quality=80)
    return buffer.getvalue()


def paint_cutout(png: bytes) -> bytes:
    """A PNG of the picture with an oval of it left: what can be cut out without a model."""
    with Image.open(io.BytesIO(png), formats=("PNG",)) as opened:
        picture = opened.convert("RGBA")
    oval = Image.new("L", picture.size)
    ImageDraw.Draw(oval).ellipse((0, 0, picture.width - 1, picture.height - 1), fill=255)
    picture.putalpha(oval)
    return encode_png(picture)


def _side_by_side(pictures: Sequence[bytes], size: tuple[int, int]) -> Image.Image:
    whole = Image.new("RGB", size)
    edges = [round(index * size[0] / len(pictures)) for index in range(len(pictures) + 1)]
    for picture, left, right in zip(pictures, edges, edges[1:], strict=False):
        whole.paste(_read(picture, (right - left, size[1])), (left, 0))
    return whole


def _read(png: bytes, size: tuple[int, int]) -> Image.Image:
    with Image.open(io.BytesIO(png), formats=("PNG",)) as opened:
        return opened.convert("RGB").resize(size)


def _gradient(width: int, height: int, seed: int) -> Image.Image:
    chance = random.Random(seed)  # noqa: S311  # colours, not secrets
    corners = Image.new("RGB", (2, 2))
    for place in ((0, 0), (1, 0), (0, 1), (1, 1)):
        corners.putpixel(place, tuple(chance.randrange(32, 224) for _ in range(3)))
    return corners.resize((width, height), Image.Resampling.BICUBIC)


def _label(card: Image.Image, params: Params, seed: int) -> None:
    size = max(8, min(card.size) // 16)
    font = ImageFont.load_default(size)
    draw = ImageDraw.Draw(card)
    facts = f"{params.steps} steps · {params.sampler} · seed {seed}"
    words = params.prompt.split()[:_WORDS_PER_CARD]
    lines = ["TEST CARD", *_wrapped(words, draw, font, card.width - 2 * size), facts]
    at = float(size)
    for line in lines:
        if at + size > card.height:
            return
        draw.text((size, at), line, fill=(255, 255, 255), font=font, stroke_width=1, stroke_fill=0)
        at += size * _LINE


def _wrapped(
    words: list[str],
    draw: ImageDraw.ImageDraw,
    font: ImageFont.FreeTypeFont | ImageFont.ImageFont,
    width: float,
) -> list[str]:
    lines: list[str] = []
    for word in words:
        joined = f"{lines[-1]} {word}" if lines else word
        if lines and draw.textlength(joined, font=font) <= width:
            lines[-1] = joined
        else:
            lines.append(word)
    return lines
