"""Previews: right colours for every kind of latents, small, and no waiting for the device."""

from __future__ import annotations

import io
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import diffusers
import pytest
import torch
from PIL import Image

from generation.worker.families.base import Family
from generation.worker.families.stable_diffusion import STABLE_DIFFUSION
from generation.worker.previews import Sketch, fit_previewer, open_previewer

pytestmark = pytest.mark.filterwarnings("ignore")  # diffusers' own, about NumPy 2

_LIBRARY: Any = diffusers  # its classes are untyped
CPU = torch.device("cpu")


class MixingVae:
    """Its pixels are a fixed mixture of its latents, eight times as large."""

    dtype = torch.float32

    def __init__(self, channels: int, *, factor: float = 1.0, shift: float | None = None) -> None:
        self.config = SimpleNamespace(
            latent_channels=channels, scaling_factor=factor, shift_factor=shift
        )
        self.mixture = torch.randn(3, channels, generator=torch.Generator().manual_seed(4)) * 0.2

    def decode(self, latents: torch.Tensor, *, return_dict: bool) -> tuple[torch.Tensor]:
        assert not return_dict
        mixed = torch.einsum("oc,bchw->bohw", self.mixture, latents)
        return (mixed.repeat_interleave(8, 2).repeat_interleave(8, 3),)


@pytest.mark.parametrize(
    ("channels", "factor", "shift"),
    [(4, 0.18215, None), (4, 0.13025, None), (16, 1.5305, 0.0609), (16, 0.3611, 0.1159)],
    ids=["sd1", "sdxl", "sd3", "flux"],
)
def test_the_matrix_finds_the_vaes_colours(
    channels: int, factor: float, shift: float | None
) -> None:
    vae = MixingVae(channels, factor=factor, shift=shift)
    previewer = fit_previewer(vae, STABLE_DIFFUSION, CPU)
    latents = torch.randn(2, channels, 6, 10, generator=torch.Generator().manual_seed(5))
    decodable = STABLE_DIFFUSION.decodable(vae, latents)
    (wanted,) = vae.decode(decodable, return_dict=False)
    pixels = wanted[0, :, ::8, ::8].clamp(-1, 1).add(1).mul(127.5)
    colours = previewer.sketch(latents).colours
    assert colours.shape == (6, 10, 3)
    assert colours.dtype == torch.uint8
    difference = colours.float() - pixels.permute(1, 2, 0)
    assert float(difference.abs().max()) <= 1.5


def test_a_vae_that_sees_films_is_fitted_by_its_first_frame() -> None:
    class Filming(MixingVae):
        def decode(self, latents: torch.Tensor, *, return_dict: bool) -> tuple[torch.Tensor]:
            (picture,) = super().decode(latents[:, :, 0], return_dict=return_dict)
            return (picture[:, :, None],)

    family: Family = replace(STABLE_DIFFUSION, decodable=lambda _, latents: latents[:, :, None])
    assert fit_previewer(Filming(16), family, CPU).sketch(torch.zeros(1, 16, 4, 4)).jpeg()


def test_numbers_that_are_none_make_a_picture_all_the_same() -> None:
    previewer = fit_previewer(MixingVae(4), STABLE_DIFFUSION, CPU)
    assert previewer.sketch(torch.full((1, 4, 4, 4), float("nan"))).jpeg()


@pytest.mark.parametrize(
    ("rows", "columns", "size"),
    [(8, 8, (256, 256)), (64, 96, (192, 128)), (160, 160, (160, 160)), (320, 640, (256, 128))],
)
def test_a_preview_is_small_and_never_larger_than_it_says(
    rows: int, columns: int, size: tuple[int, int]
) -> None:
    jpeg = Sketch(colours=torch.zeros(rows, columns, 3, dtype=torch.uint8)).jpeg()
    with Image.open(io.BytesIO(jpeg)) as opened:
        assert opened.format == "JPEG"
        assert opened.size == size


def test_what_the_device_has_not_finished_is_waited_for_by_whoever_reads_it() -> None:
    waited: list[bool] = []
    event = SimpleNamespace(synchronize=lambda: waited.append(True))
    sketch = Sketch(colours=torch.zeros(4, 4, 3, dtype=torch.uint8), done=event)
    assert waited == []
    sketch.jpeg()
    assert waited == [True]


def tiny_decoder(folder: Path, channels: int = 4) -> Path:
    torch.manual_seed(0)
    _LIBRARY.AutoencoderTiny(
        latent_channels=channels,
        encoder_block_out_channels=(8, 8, 8, 8),
        decoder_block_out_channels=(8, 8, 8, 8),
        num_encoder_blocks=(1, 1, 1, 1),
        num_decoder_blocks=(1, 1, 1, 1),
    ).save_pretrained(str(folder), safe_serialization=True)
    return folder


def test_a_tiny_decoder_in_the_models_folder_is_used(tmp_path: Path) -> None:
    previewer = open_previewer(tiny_decoder(tmp_path / "t"), MixingVae(4), STABLE_DIFFUSION, CPU)
    assert previewer.sketch(torch.randn(2, 4, 8, 12)).colours.shape == (64, 96, 3)


def test_a_tiny_decoder_is_given_no_more_than_a_preview_needs(tmp_path: Path) -> None:
    previewer = open_previewer(tiny_decoder(tmp_path / "t"), MixingVae(4), STABLE_DIFFUSION, CPU)
    assert previewer.sketch(torch.randn(1, 4, 128, 64)).colours.shape == (256, 128, 3)


@pytest.mark.parametrize("fault", ["missing", "channels", "weights", "config"])
def test_without_a_usable_tiny_decoder_the_matrix_is_used(tmp_path: Path, fault: str) -> None:
    folder = tmp_path / "t"
    if fault != "missing":
        tiny_decoder(folder, channels=16 if fault == "channels" else 4)
    if fault == "weights":
        (folder / "diffusion_pytorch_model.safetensors").write_bytes(b"no weights")
    if fault == "config":
        (folder / "config.json").write_text("{")
    previewer = open_previewer(folder, MixingVae(4), STABLE_DIFFUSION, CPU)
    assert previewer.sketch(torch.randn(1, 4, 8, 8)).colours.shape == (8, 8, 3)
