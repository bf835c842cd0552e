"""Uploads by strangers."""

from __future__ import annotations

import io
from dataclasses import replace

import pytest
from PIL import Image

from generation.errors import BadImage
from generation.images import Picture, UploadRules, clean_upload, fit
from tests.generation.images.pictures import (
    BLUE,
    RED,
    SENTINEL,
    animated_png,
    halves,
    jpeg_full_of_metadata,
    png_claiming,
    png_full_of_metadata,
    png_of_zeros,
    png_with_text_bombs,
    rotated_jpeg,
    saved,
)

Colour = tuple[int, int, int]


def opened(picture: Picture) -> Image.Image:
    with Image.open(io.BytesIO(picture.png)) as image:
        image.load()
        assert image.format == "PNG"
        assert image.mode == "RGB"
        assert image.size == (picture.width, picture.height)
        return image


def is_near(seen: object, wanted: Colour) -> bool:
    assert isinstance(seen, tuple)
    return all(abs(a - b) <= 12 for a, b in zip(seen, wanted, strict=True))


async def refusal(data: bytes, rules: UploadRules | None = None) -> str:
    with pytest.raises(BadImage) as caught:
        await clean_upload(data, rules)
    return caught.value.sentence


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP"])
async def test_the_three_formats_keep_their_pixels(kind: str) -> None:
    image = opened(await clean_upload(saved(halves(), kind)))
    assert is_near(image.getpixel((2, 10)), RED)
    assert is_near(image.getpixel((37, 10)), BLUE)


@pytest.mark.parametrize(
    ("orientation", "size", "red_at"),
    [
        (1, (40, 20), (2, 10)),
        (2, (40, 20), (37, 10)),
        (3, (40, 20), (37, 10)),
        (4, (40, 20), (2, 10)),
        (5, (20, 40), (10, 2)),
        (6, (20, 40), (10, 2)),
        (7, (20, 40), (10, 37)),
        (8, (20, 40), (10, 37)),
    ],
)
async def test_a_photo_stands_upright(
    orientation: int, size: tuple[int, int], red_at: tuple[int, int]
) -> None:
    image = opened(await clean_upload(rotated_jpeg(orientation)))
    assert image.size == size
    assert is_near(image.getpixel(red_at), RED)


@pytest.mark.parametrize(
    ("picture", "kind", "colour"),
    [
        (Image.new("RGBA", (8, 8), (255, 0, 0, 0)), "PNG", (255, 255, 255)),
        (Image.new("RGBA", (8, 8), (0, 0, 0, 128)), "PNG", (127, 127, 127)),
        (Image.new("LA", (8, 8), (0, 0)), "PNG", (255, 255, 255)),
        (Image.new("L", (8, 8), 90), "PNG", (90, 90, 90)),
        (Image.new("1", (8, 8), 1), "PNG", (255, 255, 255)),
        (Image.new("I;16", (8, 8), 32768), "PNG", (128, 128, 128)),
        (Image.new("CMYK", (8, 8), (0, 0, 0, 0)), "JPEG", (255, 255, 255)),
        (halves().quantize(4), "PNG", RED),
    ],
    ids=["clear", "half", "grey-alpha", "grey", "bit", "16-bit", "cmyk", "palette"],
)
async def test_every_mode_becomes_rgb(picture: Image.Image, kind: str, colour: Colour) -> None:
    image = opened(await clean_upload(saved(picture, kind)))
    assert is_near(image.getpixel((1, 1)), colour)


async def test_a_transparent_palette_is_laid_on_white() -> None:
    picture = Image.new("P", (8, 8), 0)
    picture.putpalette([10, 20, 30] + [0] * 765)
    image = opened(await clean_upload(saved(picture, "PNG", transparency=0)))
    assert image.getpixel((1, 1)) == (255, 255, 255)


async def test_an_animation_gives_its_first_frame() -> None:
    image = opened(await clean_upload(animated_png(5)))
    assert is_near(image.getpixel((37, 10)), BLUE)


@pytest.mark.parametrize("data", [png_full_of_metadata(), jpeg_full_of_metadata()])
async def test_nothing_but_pixels_is_carried_over(data: bytes) -> None:
    assert SENTINEL.encode() in data
    assert SENTINEL.encode() not in (await clean_upload(data)).png


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "SVG files cannot be used"),
        (b"<?xml version='1.0'?><svg/>", "SVG files cannot be used"),
        (saved(halves(), "GIF"), "GIF files cannot be used"),
        (saved(halves(), "BMP"), "BMP files cannot be used"),
        (saved(halves(), "TIFF"), "TIFF files cannot be used"),
        (b"%!PS-Adobe-3.0 EPSF-3.0\n", "PostScript files cannot be used"),
        (b"\0\0\0\x20ftypavif", "AVIF, HEIC or video"),
        (b"hello", "That kind of file cannot be used"),
        (b"", "That file is empty"),
    ],
)
async def test_other_files_are_refused_by_name(data: bytes, words: str) -> None:
    sentence = await refusal(data)
    assert words in sentence
    assert "PNG, JPEG or WebP" in sentence


@pytest.mark.parametrize(
    "data",
    [
        saved(halves((400, 200)), "JPEG", quality=95)[:-900],
        saved(halves((400, 200)), "PNG")[:-60],
        saved(halves((400, 200)), "WEBP")[:-40],
        png_claiming(100, 100),
        b"\x89PNG\r\n\x1a\n",
        b"\xff\xd8\xff\xe0",
    ],
    ids=["jpeg", "png", "webp", "promise", "signature", "start"],
)
async def test_a_damaged_file_is_refused(data: bytes) -> None:
    assert (await refusal(data)).startswith(("That picture is damaged", "That kind of file"))


async def test_a_small_file_that_unfolds_to_many_pixels_is_refused_unread() -> None:
    bomb = png_of_zeros(9000, 9000)
    assert len(bomb) < 30_000
    assert "too large (9000×9000)" in await refusal(bomb)


async def test_a_header_with_huge_sides_is_refused() -> None:
    assert "too large" in await refusal(png_claiming(60_000, 60_000))
    assert "too large" in await refusal(png_claiming(2**31 - 1, 2**31 - 1))


async def test_a_strip_longer_than_the_side_cap_is_refused() -> None:
    assert "8192 on a side" in await refusal(png_of_zeros(8193, 1))


async def test_texts_that_unfold_are_refused() -> None:
    await refusal(png_with_text_bombs(200))


async def test_a_file_over_the_byte_cap_is_refused_before_it_is_decoded() -> None:
    rules = replace(UploadRules(), max_bytes=1_000_000)
    sentence = await refusal(bytes(3_000_000), rules)
    assert sentence == "That file is too large (3 MB). The most is 1 MB."


async def test_a_decoder_that_overruns_is_killed() -> None:
    with pytest.raises(BadImage) as caught:
        await clean_upload(saved(halves(), "PNG"), replace(UploadRules(), seconds=0.001))
    assert "overran" in str(caught.value.detail)


async def test_a_decoder_without_memory_ends_in_a_refusal() -> None:
    big = png_of_zeros(4000, 4000, depth=8)
    rules = replace(UploadRules(), memory=120 * 1024 * 1024)
    await refusal(big, rules)


@pytest.mark.parametrize("size", [(64, 64), (40, 20), (16, 80)])
async def test_fitting_covers_the_size_without_distortion(size: tuple[int, int]) -> None:
    fitted = await fit(saved(halves(), "PNG"), *size)
    with Image.open(io.BytesIO(fitted)) as image:
        assert image.size == size
        middle = size[1] // 2
        assert is_near(image.getpixel((0, middle)), RED)
        assert is_near(image.getpixel((size[0] - 1, middle)), BLUE)
