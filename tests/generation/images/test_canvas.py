"""Canvases: a picture with its mask, or with margins."""

from __future__ import annotations

import io

import pytest
from PIL import Image

from generation.errors import BadImage
from generation.images import (
    Canvas,
    Margins,
    Picture,
    clean_upload,
    extended_canvas,
    masked_canvas,
    size_to_redraw,
)
from tests.generation.images.pictures import RED, halves, saved

SIZE = (60, 40)
LONGEST = 1024


def picture(image: Image.Image | None = None) -> Picture:
    image = image or halves(SIZE)
    return Picture(png=saved(image, "PNG"), width=image.width, height=image.height)


def mask(
    box: tuple[int, int, int, int] | None = (10, 10, 20, 20), size: tuple[int, int] = SIZE
) -> Picture:
    made = Image.new("RGB", size)
    if box is not None:
        made.paste("white", box)
    return picture(made)


def opened(png: bytes) -> Image.Image:
    with Image.open(io.BytesIO(png)) as image:
        image.load()
        return image


def masked_box(canvas: Canvas) -> tuple[int, int, int, int] | None:
    made = opened(canvas.mask)
    assert made.size == (canvas.width, canvas.height)
    assert set(made.tobytes()) <= {0, 255}
    return made.getbbox()


def is_all_red(canvas: Canvas) -> bool:
    """Whether no pixel is further from red than rounding goes."""
    levels = opened(canvas.png).tobytes()
    return all(abs(level - RED[index % 3]) <= 4 for index, level in enumerate(levels))


async def refusal(of: Picture, with_mask: Picture | None) -> str:
    with pytest.raises(BadImage) as caught:
        await masked_canvas(of, with_mask, longest=LONGEST)
    return caught.value.sentence


async def test_the_picture_keeps_its_pixels_and_the_mask_its_place() -> None:
    canvas = await masked_canvas(picture(), mask(), longest=LONGEST)
    assert opened(canvas.png).tobytes() == halves(SIZE).tobytes()
    assert masked_box(canvas) == (10, 10, 20, 20)


async def test_greys_of_a_mask_become_black_or_white() -> None:
    made = Image.new("RGB", SIZE, (90, 90, 90))
    made.paste((200, 200, 200), (10, 10, 20, 20))
    canvas = await masked_canvas(picture(), picture(made), longest=LONGEST)
    assert masked_box(canvas) == (10, 10, 20, 20)


async def test_a_picture_that_is_too_large_is_made_smaller_with_its_mask() -> None:
    canvas = await masked_canvas(picture(), mask(), longest=30)
    assert (canvas.width, canvas.height) == (30, 20)
    assert masked_box(canvas) == (5, 5, 10, 10)


async def test_a_mask_of_another_size_and_the_same_shape_is_scaled() -> None:
    large = mask((20, 20, 40, 40), size=(120, 80))
    canvas = await masked_canvas(picture(), large, longest=LONGEST)
    assert masked_box(canvas) == (10, 10, 20, 20)


async def test_a_mask_of_another_shape_is_refused_with_both_sizes() -> None:
    told = await refusal(picture(), mask(size=(40, 40)))
    assert "40×40" in told
    assert "60×40" in told


async def test_a_mask_without_white_is_refused() -> None:
    assert "nothing white" in await refusal(picture(), mask(None))


async def test_a_mask_that_covers_everything_is_refused() -> None:
    assert "/imagine" in await refusal(picture(), mask((0, 0, *SIZE)))


def with_hole(box: tuple[int, int, int, int] = (10, 10, 20, 20), opacity: int = 0) -> bytes:
    """A red PNG that is transparent there; what was below is green."""
    made = Image.new("RGBA", SIZE, (*RED, 255))
    made.paste((0, 255, 0, opacity), box)
    return saved(made, "PNG")


async def test_without_a_mask_the_transparent_part_is_redrawn_from_the_colours_around_it() -> None:
    canvas = await masked_canvas(await clean_upload(with_hole()), None, longest=LONGEST)
    assert masked_box(canvas) == (10, 10, 20, 20)
    assert is_all_red(canvas)


async def test_a_picture_without_a_transparent_part_needs_a_mask() -> None:
    assert "add a mask" in await refusal(await clean_upload(saved(halves(SIZE), "PNG")), None)


async def test_a_picture_that_is_hardly_transparent_anywhere_needs_a_mask() -> None:
    upload = await clean_upload(with_hole(opacity=250))
    assert "add a mask" in await refusal(upload, None)


async def test_a_picture_that_is_all_transparent_is_refused() -> None:
    upload = await clean_upload(with_hole((0, 0, *SIZE)))
    assert "/imagine" in await refusal(upload, None)


async def test_where_a_mask_is_transparent_nothing_was_painted() -> None:
    made = Image.new("RGBA", SIZE, (0, 0, 0, 0))
    made.paste((255, 255, 255, 255), (30, 10, 40, 20))
    upload = await clean_upload(saved(made, "PNG"))
    canvas = await masked_canvas(picture(), upload, longest=LONGEST)
    assert masked_box(canvas) == (30, 10, 40, 20)


async def test_a_picture_grows_to_the_asked_sides_and_keeps_its_pixels() -> None:
    canvas = await extended_canvas(picture(), Margins(left=50, bottom=25), longest=LONGEST)
    assert (canvas.width, canvas.height) == (90, 50)
    inner = opened(canvas.png).crop((30, 0, 90, 40))
    assert inner.tobytes() == halves(SIZE).tobytes()
    made = opened(canvas.mask)
    assert made.crop((30, 0, 90, 40)).getextrema() == (0, 0)
    assert made.crop((0, 0, 30, 50)).getextrema() == (255, 255)
    assert made.crop((0, 40, 90, 50)).getextrema() == (255, 255)


async def test_margins_start_from_the_colours_of_the_edge() -> None:
    canvas = await extended_canvas(picture(), Margins(left=50), longest=LONGEST)
    red, green, blue = opened(canvas.png).getpixel((2, 20))  # type: ignore[misc]  # an RGB picture
    assert red > 150
    assert blue < 100
    assert green < 100


async def test_a_picture_that_would_grow_too_large_is_made_smaller() -> None:
    all_sides = Margins(left=100, top=100, right=100, bottom=100)
    canvas = await extended_canvas(picture(), all_sides, longest=90)
    assert (canvas.width, canvas.height) == (90, 60)
    made = opened(canvas.mask)
    assert made.getpixel((45, 30)) == 0
    assert made.getpixel((5, 30)) == made.getpixel((85, 30)) == 255


@pytest.mark.parametrize(("padding", "size"), [(None, SIZE), (0, (10, 10)), (15, (35, 35))])
async def test_the_part_to_redraw_is_the_mask_with_its_padding_inside_the_picture(
    padding: int | None, size: tuple[int, int]
) -> None:
    canvas = await masked_canvas(picture(), mask(), longest=LONGEST)
    assert await size_to_redraw(canvas, blur=0, padding=padding) == size


async def test_the_smallest_picture_can_grow() -> None:
    canvas = await extended_canvas(
        picture(Image.new("RGB", (1, 1), RED)), Margins(right=100), longest=9
    )
    assert (canvas.width, canvas.height) == (2, 1)
    assert is_all_red(canvas)
