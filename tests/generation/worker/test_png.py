"""Pixels to PNG: nothing lost, readable by everyone, settings inside."""

from __future__ import annotations

import io

import numpy as np
import pytest
from hypothesis import given, strategies as st
from numpy.typing import NDArray
from PIL import Image

from generation.infotext import read_png
from generation.worker.png import encode_png

SIDES = st.integers(1, 40)


def noise(width: int, height: int, seed: int) -> NDArray[np.uint8]:
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), np.uint8)


def decoded(png: bytes) -> NDArray[np.uint8]:
    with Image.open(io.BytesIO(png)) as opened:
        opened.load()
        assert opened.format == "PNG"
        assert opened.mode == "RGB"
        return np.asarray(opened)


@given(width=SIDES, height=SIDES, seed=st.integers(0, 9))
def test_no_pixel_is_lost(width: int, height: int, seed: int) -> None:
    pixels = noise(width, height, seed)
    assert np.array_equal(decoded(encode_png(pixels, "x")), pixels)


def test_a_view_of_other_pixels_is_encoded_as_it_is_seen() -> None:
    pixels = noise(40, 30, 1)[::2, ::-1, ::-1]
    assert np.array_equal(decoded(encode_png(pixels, "x")), pixels)


def test_the_settings_are_inside() -> None:
    for text in ("a fox\nSteps: 3", "ein Füchslein 🦊"):
        assert read_png(encode_png(noise(8, 8, 0), text)) == text


def test_a_plain_area_takes_next_to_nothing() -> None:
    assert len(encode_png(np.full((512, 512, 3), 77, np.uint8), "x")) < 8_000


def test_a_smooth_picture_is_no_larger_than_a_general_encoder_makes_it() -> None:
    across = np.linspace(0, 255, 512)[None, :, None] * np.array([1.0, 0.7, 0.4])
    grain = np.random.default_rng(0).normal(0, 1.5, (512, 512, 3))
    pixels = (across + grain).clip(0, 255).astype(np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG", compress_level=1)
    assert len(encode_png(pixels, "x")) <= 1.05 * len(buffer.getvalue())


@pytest.mark.parametrize(
    "pixels",
    [np.zeros((4, 4), np.uint8), np.zeros((4, 4, 2), np.uint8), np.zeros((4, 4, 3), np.float32)],
)
def test_what_is_no_picture_is_refused(pixels: NDArray[np.uint8]) -> None:
    with pytest.raises(ValueError, match="height × width × 3"):
        encode_png(pixels, "x")


@given(width=SIDES, height=SIDES, seed=st.integers(0, 9))
def test_opacity_is_kept_and_settings_may_be_none(width: int, height: int, seed: int) -> None:
    pixels = np.random.default_rng(seed).integers(0, 256, (height, width, 4), np.uint8)
    png = encode_png(pixels, None)
    with Image.open(io.BytesIO(png)) as opened:
        assert opened.mode == "RGBA"
        assert np.array_equal(np.asarray(opened), pixels)
    assert read_png(png) is None
