"""Test cards: honest pictures that show a job's settings, painted without any model."""

from __future__ import annotations

import io
import random

from PIL import Image, ImageDraw, ImageFont

from generation.images.decoder import encode_png
from generation.infotext import embed_png, write
from generation.types import Params, Task

_LINE = 1.35
_WORDS_PER_CARD = 60


def paint_card(params: Params, seed: int, image: bytes | None = None) -> bytes:
    """A PNG of the finished size: a gradient in the seed's colours, labelled with the settings.

    With ``image`` the card is laid over that picture by ``strength``. The same arguments give the
    same bytes. Carries the settings text that every picture carries.
    """
    card = _gradient(*params.final_size, seed)
    if image is not None and params.task is not Task.TXT2IMG:
        with Image.open(io.BytesIO(image), formats=("PNG",)) as opened:
            below = opened.convert("RGB").resize(card.size)
        card = Image.blend(below, card, params.strength)
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
