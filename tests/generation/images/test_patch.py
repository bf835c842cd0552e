"""The patch that inpainting redraws: cut out, and put back."""

from __future__ import annotations

import pytest
from hypothesis import given, strategies as st
from PIL import Image, ImageChops

from generation.images import Patch
from generation.images.patch import box_around, widened
from generation.types import Params, Task
from tests.generation.images.pictures import saved
from tests.generation.local_models import params

SIZE = (120, 80)
HOLE = (50, 30, 70, 50)


def wish(**changes: object) -> Params:
    """A masked job on a picture of ``SIZE``, drawn in another size."""
    inpaint = {"task": Task.INPAINT, "width": 96, "height": 64, "strength": 0.75}
    final = {"final_width": SIZE[0], "final_height": SIZE[1]}
    return params(**{**inpaint, **final, **changes})


def picture() -> Image.Image:
    """Every pixel differs from its neighbours."""
    return Image.effect_noise(SIZE, 90).convert("RGB")


def mask(box: tuple[int, int, int, int] = HOLE) -> Image.Image:
    made = Image.new("L", SIZE)
    made.paste(255, box)
    return made


def patch(original: Image.Image, **changes: object) -> Patch:
    return Patch.of(saved(original, "PNG"), saved(mask(), "PNG"), wish(**changes))


@pytest.mark.parametrize("padding", [None, 0, 16])
def test_outside_a_hard_mask_every_pixel_is_the_pictures_own(padding: int | None) -> None:
    original = picture()
    made = patch(original, padding=padding)
    restored = made.restored(Image.new("RGB", made.size, "lime"))
    drawn = restored.crop(HOLE)
    assert drawn.getcolors() == [(20 * 20, (0, 255, 0))]
    expected = original.copy()
    expected.paste("lime", HOLE)
    assert restored.tobytes() == expected.tobytes()


def test_a_blur_softens_the_edge_and_leaves_what_is_far_from_it() -> None:
    original = Image.new("RGB", SIZE, "black")
    made = patch(original, mask_blur=4)
    restored = made.restored(Image.new("RGB", made.size, "white"))
    along = [restored.getpixel((x, 40)) for x in range(SIZE[0])]
    levels = [pixel[0] for pixel in along if isinstance(pixel, tuple)]
    assert levels[60] > 230
    assert levels[:60] == sorted(levels[:60])
    assert 64 < levels[50] < 192, "the edge is half of each"
    assert levels[30] == levels[90] == 0


def test_without_padding_the_whole_picture_is_drawn() -> None:
    made = patch(picture())
    assert made.box == (0, 0, *SIZE)
    assert made.start().size == made.mask().size == (96, 64)


def test_only_the_part_around_the_mask_is_drawn_in_the_shape_that_is_drawn() -> None:
    made = patch(picture(), padding=5)
    left, top, right, bottom = made.box
    assert left <= 45
    assert top <= 25
    assert right >= 75
    assert bottom >= 55
    assert (right - left) / (bottom - top) == pytest.approx(96 / 64, rel=0.05)


def test_what_is_drawn_starts_from_that_part_of_the_picture() -> None:
    original = Image.new("RGB", SIZE, "red")
    original.paste("blue", HOLE)
    start = patch(original, padding=0).start()
    assert start.getpixel((48, 32)) == (0, 0, 255)


@given(data=st.data())
def test_a_widened_box_stays_inside_the_picture_and_around_what_it_was(data: st.DataObject) -> None:
    width, height = data.draw(st.integers(1, 400)), data.draw(st.integers(1, 400))
    left, top = data.draw(st.integers(0, width - 1)), data.draw(st.integers(0, height - 1))
    right = data.draw(st.integers(left + 1, width))
    bottom = data.draw(st.integers(top + 1, height))
    ratio = data.draw(st.floats(0.1, 10))
    wide = widened((left, top, right, bottom), ratio, (width, height))
    assert 0 <= wide[0] <= left
    assert 0 <= wide[1] <= top
    assert right <= wide[2] <= width
    assert bottom <= wide[3] <= height


def test_an_empty_mask_is_the_whole_picture() -> None:
    assert box_around(Image.new("L", SIZE), 8) == (0, 0, *SIZE)


def test_pictures_of_another_size_are_brought_to_the_finished_one() -> None:
    twice = picture().resize((240, 160))
    made = Patch.of(saved(twice, "PNG"), saved(mask(), "PNG"), wish())
    difference = ImageChops.difference(made.picture, twice.resize(SIZE))
    assert made.picture.size == SIZE
    assert difference.getextrema() is not None
