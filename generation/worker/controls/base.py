"""What the worker must know about a kind of ControlNet, as one frozen value for each."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import torch

Config = Mapping[str, object]
Arguments = Mapping[str, Any]
"""A call's arguments by name: the denoiser's, or those of the ControlNet beside it."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Hint:
    """What a ControlNet sees: its picture for one row of a call, and which kind of picture it is.

    ``number`` is that of the kind, where the ControlNet was made for several.
    """

    seen: torch.Tensor
    number: int | None = None


def refuses_nothing(_config: Config) -> str | None:
    """For ControlNets that can all be used."""
    return None


def one_kind(_config: Config) -> Mapping[str, int]:
    """For ControlNets whose files do not say what they are for."""
    return {}


def as_loaded(_module: Any, _base: Any) -> None:
    """For ControlNets that are whole by themselves."""


def nothing_more(_module: Any) -> Arguments:
    """For ControlNets whose answer is all that the denoiser needs."""
    return {}


@dataclass(frozen=True, kw_only=True, slots=True)
class Net:
    """A class of ControlNets: everything in which the worker treats it differently from others.

    ``suits`` tells from two configs whether one fits a denoiser of the class ``denoiser``,
    ``made_for`` which models it was made for, in words, ``refuses`` why one cannot be used at all,
    and ``kinds`` which kinds it knows, by number.
    ``complete`` is called once with a loaded one and the model's pipeline; one that then
    ``borrows`` the denoiser's own layers must lie where that does. ``look`` turns a picture
    (1 × 3 × rows × columns, 0 … 1, on the device) into what the ControlNet sees.
    ``ask`` gives the arguments of its call beside one of the denoiser's, for so many rows;
    ``take`` its answer as further arguments of that one, where every tensor has its rows, and
    ``more`` what else belongs to them. One that ``weighs`` takes its weight as an argument.
    """

    made_for: Callable[[Config], str]
    denoiser: str
    suits: Callable[[Config, Config], bool]
    look: Callable[[Any, Any, torch.Tensor], torch.Tensor]
    ask: Callable[[Any, Arguments, Hint, int], dict[str, Any]]
    take: Callable[[Any], dict[str, Any]]
    refuses: Callable[[Config], str | None] = refuses_nothing
    kinds: Callable[[Config], Mapping[str, int]] = one_kind
    complete: Callable[[Any, Any], None] = as_loaded
    more: Callable[[Any], Arguments] = nothing_more
    borrows: bool = False
    weighs: bool = False


def same(config: Config, denoiser: Config, *names: str) -> bool:
    """Whether both say the same of these, as far as both say anything."""
    return all(
        _plain(config[name]) == _plain(denoiser[name])
        for name in names
        if config.get(name) is not None and denoiser.get(name) is not None
    )


def number(config: Config, key: str) -> int:
    """A whole number of a config; 0 where it says none."""
    value = config.get(key)
    return value if isinstance(value, int) and not isinstance(value, bool) else 0


def encoded(vae: Any, picture: torch.Tensor) -> torch.Tensor:
    """A picture in the VAE's own scale, and the same one each time.

    diffusers draws it from the job's generator, so that a seed would give another picture with a
    ControlNet of weight 0 than without one.
    """
    answer = vae.encode(picture.to(vae.dtype).mul(2).sub(1))
    latents = getattr(answer, "latent_dist", None)
    return torch.as_tensor(answer.latents if latents is None else latents.mode())


def fold(latents: torch.Tensor) -> torch.Tensor:
    """Pictures × channels × rows × columns, as a sequence of squares of two by two cells."""
    pictures, channels, rows, columns = latents.shape
    squares = latents.view(pictures, channels, rows // 2, 2, columns // 2, 2)
    tokens = rows // 2 * (columns // 2)
    return squares.permute(0, 2, 4, 1, 3, 5).reshape(pictures, tokens, channels * 4)


def repeated(seen: torch.Tensor, rows: int) -> torch.Tensor:
    """The same for so many rows."""
    return seen.expand(rows, *seen.shape[1:])


def given(arguments: Arguments, *names: str) -> dict[str, Any]:
    """Those of the arguments that have these names and a value."""
    return {name: arguments[name] for name in names if arguments.get(name) is not None}


def _plain(value: object) -> object:
    return list(value) if isinstance(value, list | tuple) else value
