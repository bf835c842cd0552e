"""From latents to pixels: what is empty, and what to do when memory is short."""

from __future__ import annotations

from types import SimpleNamespace

import torch

from generation.worker.pixels import TILED_NOTE, decode_latents

CPU = torch.device("cpu")


class Vae:
    """Decodes to what it was told, by precision and by whether it works in tiles."""

    def __init__(
        self,
        plain: torch.Tensor,
        *,
        precise: torch.Tensor | None = None,
        fits_in_tiles_only: bool = False,
        dtype: torch.dtype = torch.bfloat16,
    ) -> None:
        self.config = SimpleNamespace(scaling_factor=1.0)
        self.dtype = dtype
        self._plain = plain
        self._precise = plain if precise is None else precise
        self._fits_in_tiles_only = fits_in_tiles_only
        self._is_tiled = False
        self.dtypes_used: list[torch.dtype] = []

    def enable_tiling(self) -> None:
        self._is_tiled = True

    def disable_tiling(self) -> None:
        self._is_tiled = False

    def to(self, dtype: torch.dtype) -> None:
        self.dtype = dtype

    def decode(self, latent: torch.Tensor, *, return_dict: bool) -> tuple[torch.Tensor]:
        assert not return_dict
        assert latent.dtype == self.dtype
        if self._fits_in_tiles_only and not self._is_tiled:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20 GiB")
        self.dtypes_used.append(self.dtype)
        return (self._precise if self.dtype == torch.float32 else self._plain,)


LATENT = torch.zeros(1, 4, 2, 2)
BLACK = torch.full((1, 3, 16, 16), -1.0)
NOT_A_NUMBER = torch.full((1, 3, 16, 16), float("nan"))
PICTURE = torch.linspace(-1, 1, 3 * 16 * 16).reshape(1, 3, 16, 16)
PLAIN_RED = torch.full((1, 3, 16, 16), -1.0).index_fill(1, torch.tensor([0]), 0.8)


def test_a_picture_is_bytes_in_rows() -> None:
    (decoded,), notes = decode_latents(Vae(PICTURE), LATENT, CPU)
    assert decoded.pixels is not None
    assert decoded.pixels.shape == (16, 16, 3)
    assert decoded.pixels.dtype == torch.uint8
    assert int(decoded.pixels[0, 0, 0]) == 0
    assert int(decoded.pixels[15, 15, 2]) == 255
    assert decoded.flags == frozenset()
    assert notes == []


def test_an_empty_picture_is_decoded_again_in_full_precision() -> None:
    for empty in (BLACK, NOT_A_NUMBER):
        vae = Vae(empty, precise=PICTURE)
        (decoded,), _ = decode_latents(vae, LATENT, CPU)
        assert decoded.pixels is not None
        assert vae.dtypes_used == [torch.bfloat16, torch.float32]
        assert vae.dtype == torch.bfloat16


def test_what_stays_empty_is_none() -> None:
    for empty in (BLACK, NOT_A_NUMBER):
        (decoded,), _ = decode_latents(Vae(empty), LATENT, CPU)
        assert decoded.pixels is None


def test_broken_latents_are_not_decoded_twice() -> None:
    vae = Vae(NOT_A_NUMBER, precise=PICTURE)
    (decoded,), _ = decode_latents(vae, LATENT * float("nan"), CPU)
    assert decoded.pixels is None
    assert vae.dtypes_used == [torch.bfloat16]


def test_a_picture_of_one_colour_is_kept_and_flagged() -> None:
    (decoded,), _ = decode_latents(Vae(PLAIN_RED), LATENT, CPU)
    assert decoded.pixels is not None
    assert decoded.flags == {"blank"}


def test_without_room_it_decodes_in_tiles_once_and_says_so() -> None:
    vae = Vae(PICTURE, fits_in_tiles_only=True)
    decoded, notes = decode_latents(vae, LATENT.repeat(2, 1, 1, 1), CPU)
    assert [picture.pixels is not None for picture in decoded] == [True, True]
    assert notes == [TILED_NOTE]
    assert not vae._is_tiled
