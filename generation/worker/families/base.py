"""What the worker must know about a family of models, as one frozen value for each family."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any

import torch
from PIL import Image

from generation.prompt.emphasis import Chunk
from generation.types import Params, Task
from generation.worker.samplers import AUTOMATIC, SamplerKit

Conditions = Mapping[str, Any]
"""An encoded text as arguments of a pipeline's call, for one picture: ``prompt_embeds`` and so on.

The names are those of the prompt; the negative prompt's have ``negative_`` before them.
"""


class Guidance(StrEnum):
    """How a model is made to follow its prompt more closely."""

    CLASSIFIER_FREE = "classifier_free"
    """It also looks at the negative prompt, in a second run of each step, and moves away."""
    DISTILLED = "distilled"
    """The scale is an input of the model; there is no negative prompt."""
    NONE = "none"
    """It was trained to need neither; both are ignored."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ModelFiles:
    """What a model's files say without its weights: ``model_index.json`` and the parts' configs."""

    class_name: str
    options: Mapping[str, object]
    configs: Mapping[str, Mapping[str, object]]

    def has(self, part: str) -> bool:
        """Whether the model comes with that part."""
        return part in self.configs

    def number(self, part: str, key: str, default: int) -> int:
        """A whole number of a part's config; ``default`` where it says nothing."""
        value = self.configs.get(part, {}).get(key)
        return value if isinstance(value, int) and not isinstance(value, bool) else default

    def is_set(self, part: str, key: str) -> bool:
        """Whether a switch in a part's config is on."""
        return self.configs.get(part, {}).get(key) is True

    def text(self, part: str, key: str) -> str:
        """A word of a part's config, empty where it says nothing."""
        value = self.configs.get(part, {}).get(key)
        return value if isinstance(value, str) else ""

    def cell(self, key: str = "block_out_channels", *, levels: int = 4) -> int:
        """How many pixels wide a cell of the VAE's latents is: each level but the first halves.

        ``levels`` is what holds where its config names none.
        """
        value = self.configs.get("vae", {}).get(key)
        count = len(value) if isinstance(value, list | tuple) else levels
        return int(2 ** (count - 1))


@dataclass(frozen=True, kw_only=True, slots=True)
class Traits:
    """What this model can do and is best at, as its family reads it from its files.

    ``side`` is the native width and height; both sides must be multiples of ``multiple_of`` and
    at most ``max_side``, beyond which the model has no positions, if it says so.
    ``layers`` are those of the text encoder that can be read instead of its last. ``tasks`` are
    those that its weights were made for; None for all that its family has pipelines for.
    """

    side: int
    multiple_of: int
    steps: int
    guidance: Guidance
    guidance_scale: float
    sampler: str
    kit: SamplerKit
    schedule: str = AUTOMATIC
    max_side: int | None = None
    layers: int = 1
    tasks: frozenset[Task] | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Reader:
    """Which tokenizer decides how much of a text is seen, and how many tokens that is at most."""

    tokenizer: str
    limit: int


def by_scale(scale: float) -> Mapping[str, float]:
    """Guidance as most pipelines take it."""
    return {"guidance_scale": scale}


def as_loaded(_pipe: Any) -> None:
    """For models that need nothing after they are loaded."""


def keep_size(_pipe: Any, _width: int, _height: int) -> None:
    """For pipelines that draw in the size they are asked for."""


def in_a_list(pictures: Sequence[Image.Image], _params: Params, _count: int) -> Mapping[str, Any]:
    """Pictures to look at as most pipelines take them: all for every picture that is drawn."""
    return {"image": list(pictures)}


def repeat_rows(conditions: Conditions, count: int) -> Conditions:
    """Conditions for ``count`` pictures: tensors grow along their first axis, lists get longer."""
    return {
        name: value.repeat(count, *[1] * (value.dim() - 1))
        if isinstance(value, torch.Tensor)
        else value * count
        for name, value in conditions.items()
    }


def as_they_are(latents: torch.Tensor, _width: int, _height: int) -> torch.Tensor:
    """Latents that are already pictures × channels × rows × columns."""
    return latents


def scaled(vae: Any, latents: torch.Tensor) -> torch.Tensor:
    """Latents in the scale of a VAE that has one factor and perhaps one shift."""
    shift = getattr(vae.config, "shift_factor", None) or 0.0
    return latents / float(vae.config.scaling_factor) + float(shift)


def latent_channels(vae: Any) -> int:
    """Channels of a latent as the denoiser sees it."""
    return int(vae.config.latent_channels)


@dataclass(frozen=True, kw_only=True, slots=True)
class Family:
    """A family of models: everything in which the worker treats it differently from others.

    ``pipelines`` are the names of diffusers' classes, ``also`` further ones whose models they can
    run; ``denoiser`` is the part that they call in every step. ``traits`` reads a model's files
    and raises ``Unavailable`` for a model that the family's pipelines cannot run. ``encode`` turns
    a text into conditions on the device, the negative prompt's where the third argument is true;
    only one thread may call it at a time. ``guided_above`` is the scale up to which the pipelines
    ignore the negative prompt. ``weigh``, where a family has it, encodes chunks of weighed text by
    the states of a layer counted from the last, and gives also the text that it had to leave out;
    elsewhere brackets in a prompt mean nothing. ``options`` are further arguments of every call;
    ``insist`` has a job's own pipeline draw in the asked size, where it would choose another.
    ``plain_tokenizers`` are parts saved with a picture processor, which nothing here needs.
    ``prepare`` is called once with the pipeline that was loaded.

    The first of the ``pipelines`` is the one that a model is loaded as. Up to ``max_references``
    pictures can be looked at by those of its tasks that are in ``looks``; ``refer`` makes them
    arguments of a call that draws so many pictures. ``see``, where a family has it, is ``encode``
    for a text that is read together with them; ``processors`` are parts that this needs, each with
    the way to read its folder. One that works ``singly`` draws one picture at a time. One that
    ``takes_controls`` can have ControlNets beside its denoiser.

    Latents go two ways: ``spatial`` unpacks what a pipeline gives (pictures × channels × rows ×
    columns of a picture of that width and height, still in the denoiser's scale), ``decodable``
    brings that into the VAE's scale and shape.
    """

    title: str
    pipelines: Mapping[Task, str]
    denoiser: str
    traits: Callable[[ModelFiles], Traits]
    encode: Callable[[Any, str, bool], Conditions]
    reader: Callable[[Any], Reader]
    also: tuple[str, ...] = ()
    plain_tokenizers: tuple[str, ...] = ()
    prepare: Callable[[Any], None] = as_loaded
    guide: Callable[[float], Mapping[str, float]] = by_scale
    guided_above: float = 1.0
    weigh: Callable[[Any, Sequence[Chunk], int], tuple[Conditions, str]] | None = None
    options: Mapping[str, object] = field(default_factory=dict)
    insist: Callable[[Any, int, int], None] = keep_size
    repeat: Callable[[Conditions, int], Conditions] = repeat_rows
    spatial: Callable[[torch.Tensor, int, int], torch.Tensor] = as_they_are
    decodable: Callable[[Any, torch.Tensor], torch.Tensor] = scaled
    channels: Callable[[Any], int] = latent_channels
    looks: frozenset[Task] = frozenset()
    max_references: int = 0
    refer: Callable[[Sequence[Image.Image], Params, int], Mapping[str, Any]] = in_a_list
    see: Callable[[Any, str, bool, Sequence[Image.Image]], Conditions] | None = None
    processors: Mapping[str, Callable[[Path], Any]] = field(default_factory=dict)
    singly: bool = False
    takes_controls: bool = False

    @property
    def home(self) -> str:
        """The class of the pipeline that a model is loaded as."""
        return next(iter(self.pipelines.values()))

    def tasks(self, traits: Traits) -> frozenset[Task]:
        """What a model of the family can do."""
        return frozenset(self.pipelines) if traits.tasks is None else traits.tasks
