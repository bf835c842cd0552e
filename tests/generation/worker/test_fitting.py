"""How models lie on cards, decided from published sizes."""

from __future__ import annotations

import pytest

from generation.worker.fitting import GIB, Needs, fit, needs_of, to_evict
from generation.worker.placement import Placement

# Numbers of weights as published, in millions.
SD15 = {"unet": 860e6, "text_encoder": 123e6, "vae": 84e6}
SDXL = {"unet": 2567e6, "text_encoder": 123e6, "text_encoder_2": 695e6, "vae": 84e6}
FLUX = {"transformer": 11901e6, "text_encoder": 123e6, "text_encoder_2": 4762e6, "vae": 84e6}
QWEN = {"transformer": 20430e6, "text_encoder": 8292e6, "vae": 127e6}


def needs(weights: dict[str, float], side: int = 1024, bytes_each: int = 2) -> Needs:
    counts = {part: int(count) for part, count in weights.items()}
    return needs_of(counts, bytes_each, side, side)


@pytest.mark.parametrize(
    ("weights", "side", "gib", "placement"),
    [
        (SD15, 512, 4, Placement.WHOLE),
        (SD15, 512, 2, Placement.BY_LAYER),
        (SDXL, 1024, 12, Placement.WHOLE),
        (SDXL, 1024, 8, Placement.BY_PART),
        (SDXL, 1024, 6, Placement.BY_LAYER),
        (FLUX, 1024, 48, Placement.WHOLE),
        (FLUX, 1024, 32, Placement.BY_PART),
        (FLUX, 1024, 24, Placement.BY_LAYER),
        (QWEN, 1328, 80, Placement.WHOLE),
        (QWEN, 1328, 48, Placement.BY_PART),
        (QWEN, 1328, 24, Placement.BY_LAYER),
    ],
)
def test_the_fastest_way_that_has_room_is_taken(
    weights: dict[str, float], side: int, gib: int, placement: Placement
) -> None:
    assert fit(needs(weights, side), gib * GIB).placement is placement


def test_more_room_never_makes_a_model_slower() -> None:
    for weights in (SD15, SDXL, FLUX, QWEN):
        ways = [fit(needs(weights), gib * GIB).placement for gib in range(1, 200)]
        assert ways == sorted(ways, reverse=True)


def test_wider_numbers_weigh_more() -> None:
    assert needs(SDXL, bytes_each=4).weights == 2 * needs(SDXL).weights
    assert needs(SDXL, bytes_each=4).drawing == 2 * needs(SDXL).drawing


def test_the_operator_reads_why_in_one_sentence() -> None:
    assert fit(needs(SDXL), 8 * GIB).sentence == (
        "6.5 GiB of weights and about 3.0 GiB to draw with, 8.0 GiB free: "
        "its parts take turns on the card, which takes longer"
    )
    assert fit(needs(SDXL), None).sentence == "6.5 GiB of weights"
    assert "a smaller model would be faster" in fit(needs(QWEN), 8 * GIB).sentence


LOADED = {"oldest": 6 * GIB, "older": 3 * GIB, "newest": 6 * GIB}


class TestEviction:
    def test_all_stay_within_the_budget(self) -> None:
        assert to_evict(LOADED, needs(SDXL), budget=22 * GIB, free=None) == ()

    def test_the_least_recently_used_go_first_and_no_more_than_must(self) -> None:
        budget = 17 * GIB
        assert to_evict(LOADED, needs(SDXL), budget=budget, free=None) == ("oldest",)
        assert to_evict(LOADED, needs(SDXL), budget=13 * GIB, free=None) == ("oldest", "older")

    def test_one_larger_than_the_budget_has_it_to_itself(self) -> None:
        assert to_evict(LOADED, needs(QWEN), budget=20 * GIB, free=None) == (*LOADED,)

    def test_without_a_budget_the_card_s_room_decides(self) -> None:
        assert to_evict(LOADED, needs(SDXL), budget=None, free=10 * GIB) == ()
        assert to_evict(LOADED, needs(SDXL), budget=None, free=4 * GIB) == ("oldest",)

    def test_without_a_card_one_model_is_kept(self) -> None:
        assert to_evict(LOADED, needs(SDXL), budget=None, free=None) == (*LOADED,)

    def test_beside_one_of_unknown_weight_none_stays(self) -> None:
        assert to_evict(LOADED, Needs(), budget=99 * GIB, free=None) == (*LOADED,)
