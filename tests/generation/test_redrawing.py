"""What a mask asks of the parameters."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, strategies as st

from generation.backends.scripted import TEST_CARD
from generation.catalog import Catalog
from generation.errors import InvalidParams, OverLimit
from generation.limits import Limits, check_request
from generation.prompt import Draft
from generation.redrawing import Redraw, size_for
from generation.types import Params, Task

MODEL = replace(TEST_CARD, multiple_of=64, min_side=256, max_side=1024)
CATALOG = Catalog((MODEL,))
SQUARE = Redraw(canvas=(512, 512), part=(512, 512), longest=1024)


def resolve(task: Task = Task.INPAINT, redraw: Redraw = SQUARE, **typed: int) -> Params:
    draft = Draft(**{"prompt": "a cat", **typed})  # type: ignore[arg-type]  # real fields
    return CATALOG.resolve(draft, task=task, redraw=redraw if task is Task.INPAINT else None)


@pytest.mark.parametrize(
    ("part", "drawn"),
    [
        ((512, 512), (512, 512)),
        ((640, 576), (640, 576)),
        ((32, 32), (512, 512)),
        ((60, 30), (704, 384)),
        ((2000, 2000), (704, 704)),
        ((900, 30), (1024, 256)),
        ((30, 900), (256, 1024)),
    ],
)
def test_a_part_is_drawn_in_its_own_size_or_the_nearest_that_suits_the_model(
    part: tuple[int, int], drawn: tuple[int, int]
) -> None:
    redraw = Redraw(canvas=(2000, 2000), part=part, longest=1024)
    assert size_for(redraw, MODEL) == drawn


@given(st.integers(1, 5000), st.integers(1, 5000), st.integers(256, 2048), st.sampled_from([8, 64]))
def test_every_size_to_draw_is_one_that_the_model_takes(
    width: int, height: int, longest: int, multiple: int
) -> None:
    model = replace(MODEL, multiple_of=multiple)
    redraw = Redraw(canvas=(width, height), part=(width, height), longest=longest)
    for side in size_for(redraw, model):
        assert side % multiple == 0
        assert model.min_side <= side <= min(longest, model.max_side)


def test_the_finished_picture_has_the_canvas_size() -> None:
    params = resolve(redraw=Redraw(canvas=(777, 333), part=(100, 100), longest=1024))
    assert params.final_size == (777, 333)
    assert (params.width, params.height) == (512, 512)


def test_a_size_that_is_named_is_the_one_that_is_drawn() -> None:
    params = resolve(width=256, height=320)
    assert (params.width, params.height) == (256, 320)
    assert params.final_size == (512, 512)


def test_the_servers_limit_holds_for_the_finished_picture() -> None:
    params = resolve(redraw=Redraw(canvas=(1200, 300), part=(100, 100), longest=1024))
    with pytest.raises(OverLimit, match="1200×300 is larger than"):
        check_request(params, Limits(max_side=1024))


@pytest.mark.parametrize(
    ("task", "typed", "sentence"),
    [
        (Task.INPAINT, {"mask_blur": 65}, "from 0 .* to 64"),
        (Task.INPAINT, {"mask_blur": -1}, "from 0 .* to 64"),
        (Task.INPAINT, {"padding": 257}, "from 0 to 256"),
        (Task.INPAINT, {"padding": -1}, "from 0 to 256"),
        (Task.TXT2IMG, {"mask_blur": 4}, "use /inpaint"),
        (Task.IMG2IMG, {"padding": 4}, "use /inpaint"),
    ],
)
def test_a_mask_option_out_of_place_is_refused(
    task: Task, typed: dict[str, int], sentence: str
) -> None:
    with pytest.raises(InvalidParams, match=sentence):
        resolve(task, SQUARE, **typed)
