"""Tiles: no pixel is left out, none counts twice, and no seam shows."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, strategies as st
from torch.nn import functional

from generation.worker.tools.networks import Compact
from generation.worker.tools.tiles import count_tiles, enlarge, spans


@given(length=st.integers(1, 400), scale=st.integers(1, 4))
def test_at_every_place_the_tiles_count_as_one_whole(length: int, scale: int) -> None:
    total = torch.zeros(length * scale)
    for span in spans(length, side=48, margin=8, scale=scale):
        assert 0 < span.stop - span.start <= 48
        total[span.start * scale : span.stop * scale] += span.weights
    assert torch.allclose(total, torch.ones_like(total), atol=1e-5)


@given(length=st.integers(49, 400))
def test_what_lies_at_a_tiles_inner_edge_is_not_used(length: int) -> None:
    first, *_, last = spans(length, side=48, margin=8, scale=1)
    assert first.weights[-4:].max() == 0
    assert last.weights[:4].max() == 0
    assert first.weights[0] == last.weights[-1] == 1


@pytest.mark.parametrize(("width", "height"), [(150, 90), (64, 64), (65, 30), (7, 200)])
def test_what_is_enlarged_by_repeating_pixels_comes_out_exactly(width: int, height: int) -> None:
    pixels = torch.randint(0, 256, (height, width, 3), dtype=torch.uint8)
    drawn = []

    def draw(tile: torch.Tensor) -> torch.Tensor:
        drawn.append(tile.shape)
        return functional.interpolate(tile[None], scale_factor=3.0, mode="nearest")[0]

    made = enlarge(pixels, 3, side=64, margin=8, draw=draw)
    assert torch.equal(made, pixels.repeat_interleave(3, 0).repeat_interleave(3, 1))
    assert len(drawn) == count_tiles(width, height, side=64, margin=8)
    assert max(max(shape[1:]) for shape in drawn) <= 64


def test_tiles_are_as_good_as_the_whole_where_the_network_sees_no_further_than_they_overlap() -> (
    None
):
    torch.manual_seed(1)
    network = Compact(features=8, convolutions=4, scale=2).eval()  # sees 4 pixels far
    pixels = torch.randint(0, 256, (130, 170, 3), dtype=torch.uint8)

    def draw(tile: torch.Tensor) -> torch.Tensor:
        with torch.no_grad():
            return network(tile[None])[0].clamp(0, 1)  # type: ignore[no-any-return]

    tiled = enlarge(pixels, 2, side=64, margin=8, draw=draw)
    whole = enlarge(pixels, 2, side=4096, margin=8, draw=draw)
    assert int((tiled.int() - whole.int()).abs().max()) <= 1
