"""How large a picture may become."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, strategies as st

from generation.backends.scripted import TEST_CARD
from generation.catalog import Catalog
from generation.enlarging import can_grow, enlarged
from generation.errors import InvalidParams, OverLimit
from generation.prompt import Draft
from generation.types import Params, Task

MODEL = replace(TEST_CARD, multiple_of=64, max_side=1024)
DRAWS_ONLY = replace(MODEL, name="flat", tasks=frozenset({Task.TXT2IMG}))
CATALOG = Catalog((MODEL, DRAWS_ONLY))


def resolve(task: Task = Task.TXT2IMG, **typed: object) -> Params:
    draft = Draft(**{"prompt": "a cat", "seed": 1, **typed})  # type: ignore[arg-type]  # real fields
    return CATALOG.resolve(draft, task=task)


def test_a_picture_grows_by_the_factor() -> None:
    assert enlarged((300, 200), 2, longest=1024) == (600, 400)


def test_a_model_draws_the_nearest_sides_that_it_can() -> None:
    assert enlarged((300, 200), 2, longest=1024, model=MODEL) == (576, 384)


@given(st.integers(1, 2000), st.integers(1, 2000), st.floats(1.25, 4), st.integers(256, 4096))
def test_nothing_grows_beyond_what_is_allowed(
    width: int, height: int, factor: float, longest: int
) -> None:
    try:
        grown = enlarged((width, height), factor, longest=longest)
    except OverLimit:
        assert max(width, height) * 1.2 > longest
    else:
        assert max(grown) <= longest
        assert max(grown) >= max(width, height)


def test_where_there_is_little_to_gain_the_limit_is_named() -> None:
    with pytest.raises(OverLimit, match="1000×500 already, and a larger one would pass"):
        enlarged((1000, 500), 2, longest=1024)


def test_where_the_model_is_what_bounds_it_is_named() -> None:
    with pytest.raises(InvalidParams, match="testcard draws at most 1024 pixels"):
        enlarged((1000, 500), 2, longest=4096, model=MODEL)


def test_only_what_can_grow_worth_the_while_can_grow() -> None:
    assert can_grow((512, 512), MODEL)
    assert not can_grow((960, 256), MODEL)


def test_a_second_pass_has_a_larger_size_that_the_model_draws() -> None:
    params = resolve(hires=1.5, width=512, height=320)
    assert params.final_size == (768, 512)
    assert (params.hires, params.hires_strength) == (1.5, 0.5)


def test_without_a_second_pass_nothing_is_set() -> None:
    assert resolve(hires=1) == resolve()
    assert resolve().final_size == (512, 512)


def test_a_second_pass_is_counted_as_work() -> None:
    once, twice = resolve(), resolve(hires=2)
    assert twice.work() == pytest.approx(once.work() * (1 + 4 * 0.5))


@pytest.mark.parametrize(
    ("task", "typed", "sentence"),
    [
        (Task.TXT2IMG, {"hires": 0.5}, "from 1 to 4"),
        (Task.TXT2IMG, {"hires": 5}, "from 1 to 4"),
        (Task.TXT2IMG, {"hires": 3}, "1536×1536, and testcard draws at most 1024"),
        (Task.TXT2IMG, {"hires": 2, "hires_strength": 0}, "above 0"),
        (Task.TXT2IMG, {"hires_strength": 0.5}, "goes with --hires"),
        (Task.TXT2IMG, {"hires": 2, "model": "flat"}, "cannot start from a picture"),
        (Task.IMG2IMG, {"hires": 2}, "use /upscale"),
    ],
)
def test_a_second_pass_that_cannot_be_is_refused(
    task: Task, typed: dict[str, object], sentence: str
) -> None:
    with pytest.raises(InvalidParams, match=sentence):
        resolve(task, **typed)
