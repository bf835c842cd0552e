"""From latents to pixels: what is empty, and what to do when memory is short."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
import torch

from generation.worker.pixels import BLACK_NOTE, TILED_NOTE, decode_latents

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
    (decoded,) = decode_latents(Vae(PICTURE), LATENT, device=CPU)
    assert decoded.pixels is not None
    assert decoded.pixels.shape == (16, 16, 3)
    assert decoded.pixels.dtype == torch.uint8
    assert int(decoded.pixels[0, 0, 0]) == 0
    assert int(decoded.pixels[15, 15, 2]) == 255
    assert decoded.flags == frozenset()
    assert decoded.notes == ()


def test_an_empty_picture_is_decoded_again_in_full_precision() -> None:
    for empty in (BLACK, NOT_A_NUMBER):
        vae = Vae(empty, precise=PICTURE)
        (decoded,) = decode_latents(vae, LATENT, device=CPU)
        assert decoded.pixels is not None
        assert vae.dtypes_used == [torch.bfloat16, torch.float32]
        assert vae.dtype == torch.bfloat16


def test_what_is_not_a_number_in_full_precision_either_is_no_picture() -> None:
    (decoded,) = decode_latents(Vae(NOT_A_NUMBER), LATENT, device=CPU)
    assert decoded.pixels is None
    assert decoded.notes == ()


def test_black_that_stays_black_in_full_precision_is_delivered_and_said_so() -> None:
    for vae in (Vae(BLACK), Vae(NOT_A_NUMBER, precise=BLACK), Vae(BLACK, dtype=torch.float32)):
        (decoded,) = decode_latents(vae, LATENT, device=CPU)
        assert decoded.pixels is not None
        assert int(decoded.pixels.max()) == 0
        assert decoded.flags == {"blank"}
        assert decoded.notes == (BLACK_NOTE,)


def test_a_vae_that_has_full_precision_is_not_asked_twice() -> None:
    vae = Vae(BLACK, dtype=torch.float32)
    decode_latents(vae, LATENT, device=CPU)
    assert vae.dtypes_used == [torch.float32]


def test_broken_latents_are_not_decoded_at_all() -> None:
    vae = Vae(PICTURE)
    (decoded,) = decode_latents(vae, LATENT * float("nan"), device=CPU)
    assert decoded.pixels is None
    assert vae.dtypes_used == []


def test_a_picture_of_one_colour_is_kept_and_flagged() -> None:
    (decoded,) = decode_latents(Vae(PLAIN_RED), LATENT, device=CPU)
    assert decoded.pixels is not None
    assert decoded.flags == {"blank"}


def test_without_room_it_decodes_in_tiles_and_says_so() -> None:
    vae = Vae(PICTURE, fits_in_tiles_only=True)
    (decoded,) = decode_latents(vae, LATENT, device=CPU)
    assert decoded.pixels is not None
    assert decoded.notes == (TILED_NOTE,)
    assert not vae._is_tiled


def test_several_are_decoded_at_once_and_judged_one_by_one() -> None:
    vae = Vae(torch.cat([PICTURE, BLACK]), precise=PICTURE)
    good, empty = decode_latents(vae, LATENT.repeat(2, 1, 1, 1), device=CPU)
    assert good.pixels is not None
    assert empty.pixels is not None
    assert int(empty.pixels.max()) == 255
    assert vae.dtypes_used == [torch.bfloat16, torch.float32]


def test_without_room_for_several_it_is_left_to_the_caller_to_try_fewer() -> None:
    vae = Vae(PICTURE, fits_in_tiles_only=True)
    with pytest.raises(torch.OutOfMemoryError):
        decode_latents(vae, LATENT.repeat(2, 1, 1, 1), device=CPU)
