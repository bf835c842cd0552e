"""Which inputs of a workflow stand for the prompt, the seed and so on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from generation.backends.comfyui.graph import Place
from generation.types import Task


class Role(StrEnum):
    """What an input is for. The values are the keys of a mapping file."""

    PROMPT = "prompt"
    NEGATIVE_PROMPT = "negative_prompt"
    SEED = "seed"
    WIDTH = "width"
    HEIGHT = "height"
    STEPS = "steps"
    GUIDANCE_SCALE = "guidance_scale"
    SAMPLER = "sampler"
    SCHEDULER = "scheduler"
    STRENGTH = "strength"
    MODEL = "model"
    IMAGE = "image"
    MASK = "mask"
    COUNT = "count"


@dataclass(frozen=True, kw_only=True, slots=True)
class MappedOption:
    """An input that members may set by a name of its own. ``title`` is "" where none was given."""

    name: str
    place: Place
    title: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class RoleMap:
    """The inputs of each role, and the nodes whose pictures are the result.

    ``task`` is what the workflow is for. The places of ``Role.IMAGE`` are in the order in which a
    job's pictures fill them. ``samplers`` are the nodes whose progress counts as steps. With
    ``draws_batches`` a job's pictures come from one run, otherwise each from its own, with its own
    seed. ``keeps_size``: nothing changes a picture's size after it was drawn. ``doubts`` are
    sentences for its owner about what could not be told from the graph.
    """

    task: Task
    roles: Mapping[Role, tuple[Place, ...]]
    outputs: tuple[str, ...]
    samplers: tuple[str, ...] = ()
    draws_batches: bool = False
    keeps_size: bool = False
    options: tuple[MappedOption, ...] = ()
    doubts: tuple[str, ...] = ()

    def places(self, role: Role) -> tuple[Place, ...]:
        """Where that role is set; empty where the workflow has none."""
        return self.roles.get(role, ())
