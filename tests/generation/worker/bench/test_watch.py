"""Seeing a model's calls from outside, whatever the worker wraps around them."""

from __future__ import annotations

import threading

import pytest
import torch
from diffusers import AutoencoderKL, UNet2DConditionModel
from diffusers.models.autoencoders.vae import Decoder
from transformers import CLIPTextModel, T5EncoderModel

from generation.worker.bench.watch import Sight, part_of, watching
from generation.worker.models import LoadedModel

pytestmark = pytest.mark.filterwarnings("ignore")  # libraries' own, while they load a model


@pytest.mark.parametrize(
    ("kind", "part"),
    [
        (UNet2DConditionModel, "denoiser"),
        (CLIPTextModel, "text_encoder"),
        (T5EncoderModel, "text_encoder"),
        (Decoder, "decoder"),
        (AutoencoderKL, None),
        (torch.nn.Linear, None),
    ],
)
def test_a_part_is_known_by_its_class(kind: type, part: str | None) -> None:
    assert part_of(kind) == part


def test_a_pipelines_calls_are_seen_once_each(loaded: LoadedModel) -> None:
    seen: list[Sight] = []
    with watching(seen.append):
        draw(loaded)
    assert [sight.call.part for sight in seen] == [
        *("text_encoder", "text_encoder"),
        *("denoiser", "denoiser"),
        "decoder",
    ]
    assert all(sight.call.began <= sight.call.ended for sight in seen)
    assert seen[-1].given is not None


def test_calls_of_other_threads_are_seen_too(loaded: LoadedModel) -> None:
    seen: list[Sight] = []
    with watching(seen.append):
        thread = threading.Thread(target=draw, args=(loaded,))
        thread.start()
        thread.join()
    assert len(seen) == 5


def test_outside_nothing_is_seen(loaded: LoadedModel) -> None:
    seen: list[Sight] = []
    with watching(seen.append):
        pass
    draw(loaded)
    assert seen == []


def test_a_call_that_fails_is_over(loaded: LoadedModel) -> None:
    seen: list[Sight] = []
    with watching(seen.append):
        with pytest.raises(TypeError):
            loaded.denoiser()
        draw(loaded)
    assert [sight.call.part for sight in seen].count("decoder") == 1


def draw(loaded: LoadedModel) -> None:
    loaded.base("a red circle", width=64, height=64, num_inference_steps=2, output_type="np")
