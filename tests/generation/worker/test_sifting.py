"""Which pictures reach a member: the model's own safety checker, and pictures that are none."""

from __future__ import annotations

import warnings
from typing import Any

import pytest
import torch

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    from diffusers import StableDiffusionPipeline
    from diffusers.image_processor import VaeImageProcessor

from generation.errors import BlankOutput, Withheld
from generation.worker.pixels import Decoded
from generation.worker.sifting import sift, withhold
from tests.generation.tiny_model import safety_parts

CPU = torch.device("cpu")


class Pipe:
    """As much of a pipeline as its safety check needs, with a real checker of random weights."""

    def __init__(self, *, withholds: bool) -> None:
        checker, self.feature_extractor = safety_parts(withholds=withholds)
        self.safety_checker: Any = checker
        library: Any = StableDiffusionPipeline
        self.run_safety_checker = library.run_safety_checker.__get__(self)
        self.image_processor = VaeImageProcessor(vae_scale_factor=8)


def picture(value: int = 200) -> Decoded:
    return Decoded(pixels=torch.full((64, 64, 3), value, dtype=torch.uint8))


@pytest.mark.filterwarnings("ignore")
def test_a_checker_that_finds_something_takes_the_picture_out() -> None:
    decoded = [picture(), Decoded(pixels=None)]
    withhold(Pipe(withholds=True), decoded, CPU)
    assert [item.pixels for item in decoded] == [None, None]
    assert [item.flags for item in decoded] == [{"withheld"}, frozenset()]


@pytest.mark.filterwarnings("ignore")
def test_a_checker_that_finds_nothing_leaves_the_picture_as_it_is() -> None:
    decoded = [picture()]
    withhold(Pipe(withholds=False), decoded, CPU)
    assert decoded[0].pixels is not None
    assert torch.equal(decoded[0].pixels, torch.full((64, 64, 3), 200, dtype=torch.uint8))
    assert decoded[0].flags == frozenset()


def test_pictures_that_are_left_out_are_counted_by_their_reason() -> None:
    withheld = Decoded(pixels=None, flags=frozenset({"withheld"}))
    pictures = [(1, picture()), (2, withheld), (3, Decoded(pixels=None))]
    kept, notes = sift(pictures, torch.float32)
    assert [seed for seed, _ in kept] == [1]
    assert notes == [
        "The model's safety checker withheld 1 of 3 pictures.",
        "1 of 3 came out empty and were left out.",
    ]


def test_nothing_left_is_an_error_that_no_retry_mends() -> None:
    withheld = Decoded(pixels=None, flags=frozenset({"withheld"}))
    with pytest.raises(Withheld) as first:
        sift([(1, withheld)], torch.float16)
    with pytest.raises(BlankOutput, match="not a number in float16") as second:
        sift([(1, Decoded(pixels=None))], torch.float16)
    assert not first.value.retryable
    assert not second.value.retryable
