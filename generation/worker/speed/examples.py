"""Inputs that a block has met: told apart as far as its program depends on them, and kept."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
from torch.utils._pytree import tree_flatten, tree_map

if TYPE_CHECKING:
    from generation.worker.speed.regions import Region

_MANY = 2  # a program is special for 0 and 1, and the same for all other sizes


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Example:
    """Arguments that a block was called with, as copies, and the mode it was called in."""

    region: Region
    args: tuple[Any, ...]
    options: Mapping[str, Any]
    is_inference: bool

    @property
    def rows(self) -> int:
        """Rows of its first tensor."""
        return next(len(each) for each in self.tensors() if each.dim())

    def tensors(self) -> Iterator[torch.Tensor]:
        """All of its tensors, in the order of its arguments."""
        leaves, _ = tree_flatten((self.args, dict(self.options)))
        return (each for each in leaves if isinstance(each, torch.Tensor))

    def with_rows(self, count: int) -> Example:
        """The same with its first row repeated so often. Tensors of other lengths stay."""
        rows = self.rows

        def change(value: Any) -> Any:
            if not isinstance(value, torch.Tensor) or not value.dim() or len(value) != rows:
                return value
            return _laid_out_like(settled(value), value[:1].expand(count, *value.shape[1:]))

        return Example(
            region=self.region,
            args=tree_map(change, self.args),
            options=tree_map(change, dict(self.options)),
            is_inference=self.is_inference,
        )

    def run(self, function: Callable[..., Any]) -> Any:
        """What the function answers, in the mode that the example comes from."""
        with torch.inference_mode() if self.is_inference else torch.no_grad():
            return function()


def settled(value: Any) -> Any:
    """The same with the usual distance to a next row where it has one row, and so any distance."""
    if not isinstance(value, torch.Tensor) or not value.dim() or len(value) != 1:
        return value
    sides, steps = value.shape[1:], value.stride()[1:]
    usual = max((side * step for side, step in zip(sides, steps, strict=True)), default=1)
    return value if value.stride(0) == usual else value.as_strided(value.shape, (usual, *steps))


def is_like(args: tuple[Any, ...], options: Mapping[str, Any]) -> Hashable:
    """Equal for inputs that one program serves, whatever their sizes.

    Widths count: they are the model's own. So does a size of one, and how a tensor came to be.
    """
    leaves, structure = tree_flatten((args, dict(options)))
    return str(structure), torch.is_inference_mode_enabled(), tuple(map(_leaf, leaves))


def copy_of(region: Region, args: tuple[Any, ...], options: Mapping[str, Any]) -> Example:
    """An example that stays as it is when the caller goes on to change its tensors."""
    return Example(
        region=region,
        args=tree_map(_copy, args),
        options=tree_map(_copy, dict(options)),
        is_inference=torch.is_inference_mode_enabled(),
    )


def _leaf(value: Any) -> Hashable:
    if isinstance(value, torch.Tensor):
        return (
            value.dtype,
            tuple(min(side, _MANY) for side in value.shape[:-1]),
            value.shape[-1:],
            tuple(min(step, _MANY) for step in value.stride()),
            value.is_contiguous(),
            value.is_inference(),
        )
    return repr(value) if isinstance(value, bool | str) else type(value).__qualname__


def _copy(value: Any) -> Any:
    return _laid_out_like(value, value) if isinstance(value, torch.Tensor) else value


def _laid_out_like(model: torch.Tensor, value: torch.Tensor) -> torch.Tensor:
    """A copy of ``value`` that lies in memory as ``model`` does: a program depends on that."""
    steps = model.stride()
    with torch.inference_mode(model.is_inference()):
        copy = torch.empty_strided(value.shape, steps, dtype=value.dtype, device=value.device)
        # What is the same along a side lies in memory once.
        once = tuple(slice(0, 1) if step == 0 else slice(None) for step in steps)
        copy[once].copy_(value.detach()[once])
    return copy
