"""Steps down where there is no room: each smaller than the last, and an end to them."""

from __future__ import annotations

import pytest

from generation.worker.ladder import Stage, Way, narrower
from generation.worker.placement import Placement


def descent(way: Way, stage: Stage, *, can_offload: bool) -> list[Way]:
    ways = []
    following: Way | None = way
    while following is not None:
        ways.append(following)
        following = narrower(following, stage, can_offload=can_offload)
    return ways


def test_denoising_takes_fewer_pictures_then_the_device_alone_then_less_of_the_model() -> None:
    ways = descent(Way(pictures=5), Stage.DENOISING, can_offload=True)
    assert [(way.pictures, way.is_alone, way.placement.name) for way in ways] == [
        (5, False, "WHOLE"),
        (3, False, "WHOLE"),
        (2, False, "WHOLE"),
        (1, False, "WHOLE"),
        (1, True, "WHOLE"),
        (1, True, "BY_PART"),
        (1, True, "BY_LAYER"),
    ]


def test_decoding_keeps_the_pictures_that_are_denoised_already() -> None:
    ways = descent(Way(pictures=4), Stage.DECODING, can_offload=True)
    assert [(way.pictures, way.is_alone, way.placement.name) for way in ways] == [
        (4, False, "WHOLE"),
        (4, True, "WHOLE"),
        (4, True, "BY_PART"),
        (4, True, "BY_LAYER"),
    ]


def test_where_the_device_is_the_processor_the_ladder_ends_earlier() -> None:
    last = Way(pictures=1, is_alone=True)
    assert narrower(last, Stage.DENOISING, can_offload=False) is None
    assert narrower(last, Stage.DECODING, can_offload=False) is None


@pytest.mark.parametrize("stage", Stage)
def test_every_descent_ends(stage: Stage) -> None:
    for pictures in range(1, 33):
        ways = descent(Way(pictures=pictures), stage, can_offload=True)
        assert len(ways) == len(set(ways)) <= 10


def test_what_was_done_differently_is_said() -> None:
    assert Way(pictures=4).notes(4) == ()
    assert Way(pictures=2).notes(4) == ("Memory was short, so at most 2 were made at a time.",)
    way = Way(pictures=1, is_alone=True, placement=Placement.BY_LAYER)
    assert way.notes(1) == (
        "Memory was short, so the pictures were decoded in tiles.",
        "Memory was short, so the model was used in parts, which takes longer.",
    )
