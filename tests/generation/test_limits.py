"""Each limit refuses one too many, says by how much, and can itself only be sensible."""

from __future__ import annotations

from dataclasses import fields

import pytest

from generation.errors import InvalidParams, OverLimit
from generation.limits import LIMITS, LimitInfo, Limits, check_limit, check_member, check_request
from tests.generation.stage import params

EXACT = Limits(max_side=512, max_steps=20, max_count=2, max_queued=3, max_per_day=10)


def test_what_meets_every_limit_exactly_is_allowed() -> None:
    at_most = params(width=512, height=512, steps=20, count=2)
    check_request(at_most, EXACT)
    check_member(at_most, EXACT, queued=2, made_today=8)


@pytest.mark.parametrize(
    ("change", "limit", "sentence"),
    [
        ({"height": 520}, "max_side", "512×520 is larger than the limit here of 512"),
        ({"width": 520}, "max_side", "520×512 is larger than the limit here of 512"),
        ({"steps": 21}, "max_steps", "21 steps are more than the limit here of 20"),
        ({"count": 3}, "max_count", "3 pictures are more than the limit here of 2"),
    ],
)
def test_a_request_over_a_limit_is_told_which(
    change: dict[str, int], limit: str, sentence: str
) -> None:
    with pytest.raises(OverLimit) as refusal:
        check_request(params(**change), EXACT)
    assert refusal.value.limit == limit
    assert refusal.value.sentence.startswith(sentence)
    assert refusal.value.sentence.endswith(
        "In a server, its admins can change it with /limits set; elsewhere, whoever runs this bot."
    )


@pytest.mark.parametrize(
    ("queued", "made_today", "limit"), [(3, 0, "max_queued"), (0, 9, "max_per_day")]
)
def test_a_member_over_a_limit_is_told_which(queued: int, made_today: int, limit: str) -> None:
    with pytest.raises(OverLimit) as refusal:
        check_member(params(count=2), EXACT, queued=queued, made_today=made_today)
    assert refusal.value.limit == limit


def test_every_limit_has_words_and_a_range_that_holds_its_default() -> None:
    assert [info.field for info in LIMITS] == [field.name for field in fields(Limits)]
    for info in LIMITS:
        check_limit(info.field, getattr(Limits(), info.field))


@pytest.mark.parametrize("info", LIMITS, ids=lambda info: info.field)
def test_a_limit_outside_its_range_cannot_be_set(info: LimitInfo) -> None:
    for value in (info.lowest - 1, info.highest + 1):
        with pytest.raises(InvalidParams, match=f"between {info.lowest} and") as refusal:
            check_limit(info.field, value)
        assert refusal.value.option == info.field
