"""Latents that a pipeline folds into a sequence, each token a square of two by two cells."""

from __future__ import annotations

import math

import torch


def unfold(latents: torch.Tensor, width: int, height: int) -> torch.Tensor:
    """Pictures × tokens × (4 × channels), as pictures × channels × rows × columns."""
    pictures, tokens, depth = latents.shape
    rows, columns = grid(tokens, width, height)
    squares = latents.view(pictures, rows, columns, depth // 4, 2, 2)
    return squares.permute(0, 3, 1, 4, 2, 5).reshape(pictures, depth // 4, rows * 2, columns * 2)


def grid(tokens: int, width: int, height: int) -> tuple[int, int]:
    """Rows and columns of so many tokens in a picture of that shape."""
    rows = round(math.sqrt(tokens * height / width))
    return rows, tokens // rows
