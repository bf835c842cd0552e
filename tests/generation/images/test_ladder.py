"""The size ladder."""

from __future__ import annotations

import io
import random

import pytest
from PIL import Image

from generation.errors import DeliveryError
from generation.images import Encoded, encode_ladder
from generation.infotext import embed_png, read_png, read_user_comment
from tests.generation.images.pictures import saved

TEXT = "a cat 日本\nSteps: 4, Sampler: Euler a, Seed: 7"


def noisy_png() -> bytes:
    pixels = random.Random(0).randbytes(256 * 256 * 3)  # a picture, not a secret
    picture = Image.frombytes("RGB", (256, 256), pixels)
    return embed_png(saved(picture, "PNG"), TEXT)


def settings(encoded: Encoded) -> str | None:
    if encoded.media_type == "image/png":
        return read_png(encoded.data)
    with Image.open(io.BytesIO(encoded.data)) as opened:
        comment = opened.getexif().get_ifd(0x8769)[0x9286]
    assert isinstance(comment, bytes)
    return read_user_comment(comment)


async def test_a_picture_that_fits_is_left_as_it_is() -> None:
    png = noisy_png()
    encoded = await encode_ladder(png, len(png))
    assert encoded.data is png
    assert encoded.note is None
    assert encoded.extension == "png"


async def test_lossless_webp_comes_next_and_changes_no_pixel() -> None:
    smooth = embed_png(
        saved(Image.linear_gradient("L").convert("RGB"), "PNG", compress_level=0), TEXT
    )
    encoded = await encode_ladder(smooth, len(smooth) - 1)
    assert encoded.media_type == "image/webp"
    assert encoded.note is None
    with (
        Image.open(io.BytesIO(encoded.data)) as after,
        Image.open(io.BytesIO(smooth)) as before,
    ):
        assert after.convert("RGB").tobytes() == before.tobytes()


@pytest.mark.parametrize("limit", [190_000, 100_000, 40_000, 10_000])
async def test_every_rung_fits_keeps_the_settings_and_says_what_was_lost(limit: int) -> None:
    encoded = await encode_ladder(noisy_png(), limit)
    assert len(encoded.data) <= limit
    assert settings(encoded) == TEXT
    with Image.open(io.BytesIO(encoded.data)) as opened:
        assert opened.size == (encoded.width, encoded.height)
        assert opened.get_format_mimetype() == encoded.media_type
    assert (encoded.note is None) == (encoded.media_type == "image/png")


async def test_a_smaller_limit_never_gives_a_larger_picture() -> None:
    png = noisy_png()
    widths = [(await encode_ladder(png, limit)).width for limit in (100_000, 40_000, 10_000)]
    assert widths == sorted(widths, reverse=True)


async def test_what_cannot_fit_is_refused() -> None:
    with pytest.raises(DeliveryError):
        await encode_ladder(noisy_png(), 100)


@pytest.mark.parametrize("limit", [190_000, 100_000, 40_000])
async def test_transparency_is_never_given_up(limit: int) -> None:
    with Image.open(io.BytesIO(noisy_png())) as opened:
        picture = opened.convert("RGBA")
    picture.putalpha(Image.linear_gradient("L"))
    encoded = await encode_ladder(saved(picture, "PNG"), limit)
    assert encoded.media_type == "image/webp"
    with Image.open(io.BytesIO(encoded.data)) as made:
        assert made.mode == "RGBA"
        alpha = made.getchannel("A")
        assert alpha.getpixel((5, 0)) != alpha.getpixel((5, made.height - 1))
