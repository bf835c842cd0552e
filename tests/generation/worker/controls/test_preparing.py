"""Lines found in pictures by arithmetic."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from PIL import Image

from generation.controls import CONTROL_KINDS
from generation.worker.controls.preparing import PREPARERS, canny, line_art, scribble, soft_edges
from tests.generation.worker.controls.pictures import INNER, SCENE

LEFT, TOP, RIGHT, BOTTOM = INNER
FINDERS = [canny, line_art, scribble, soft_edges]


def shades(picture: Image.Image) -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
    return np.asarray(picture.convert("L"))


def test_exactly_the_kinds_that_claim_it_are_found_without_a_model() -> None:
    assert set(PREPARERS) == {kind.name for kind in CONTROL_KINDS if kind.prepares}


@pytest.mark.parametrize("name", PREPARERS)
def test_what_is_found_is_as_large_as_the_picture(name: str) -> None:
    found = PREPARERS[name](SCENE.crop((0, 0, 60, 40)))
    assert (found.mode, found.size) == ("RGB", (60, 40))


@pytest.mark.parametrize("find", FINDERS)
def test_lines_are_white_where_a_shape_ends_and_black_elsewhere(
    find: Callable[[Image.Image], Image.Image],
) -> None:
    found = shades(find(SCENE))
    edge = found[TOP - 3 : TOP + 3, LEFT + 8 : RIGHT - 8]
    assert edge.max(axis=0).min() > 128
    assert found[30:34, 30:34].max() == 0
    assert found[:4, :4].max() == 0


@pytest.mark.parametrize("find", FINDERS)
def test_an_empty_picture_has_no_lines(find: Callable[[Image.Image], Image.Image]) -> None:
    assert shades(find(Image.new("RGB", (40, 30), "teal"))).max() == 0


def test_cannys_edges_are_one_pixel_wide_and_nothing_but_black_and_white() -> None:
    found = shades(canny(SCENE))
    assert set(np.unique(found)) == {0, 255}
    row = found[32]
    assert (row > 0).sum() == 2


def test_a_weak_edge_counts_only_where_it_hangs_on_a_strong_one() -> None:
    def step(height: int) -> Image.Image:
        values = np.zeros((32, 32), dtype=np.uint8)
        values[:16, 16:] = height
        values[16:, 16:] = 40
        return Image.fromarray(values).convert("RGB")

    # A step of 40 has a gradient of 160, between the two thresholds; one of 80 has 320.
    assert shades(canny(step(40))).max() == 0
    assert shades(canny(step(80)))[25].max() == 255
