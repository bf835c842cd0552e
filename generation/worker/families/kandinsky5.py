"""Kandinsky 5: a film's transformer on single pictures; Qwen reads the text, CLIP its gist."""

from __future__ import annotations

from typing import Any

import torch

from generation.types import Task
from generation.worker.families.base import (
    Conditions,
    Family,
    Guidance,
    ModelFiles,
    Reader,
    Traits,
    repeat_rows,
)
from generation.worker.placement import device_of
from generation.worker.samplers import FLOW_SAMPLERS_WITH_HEUN

_TOKENS = 512
_POSITIONS = 128  # in each direction
_ENDS = "prompt_cu_seqlens"


def _traits(files: ModelFiles) -> Traits:
    return Traits(
        side=1024,
        max_side=_POSITIONS * 2 * files.cell(),
        multiple_of=2 * files.cell(),
        steps=50,
        guidance=Guidance.CLASSIFIER_FREE,
        guidance_scale=3.5,
        sampler="Euler",
        kit=FLOW_SAMPLERS_WITH_HEUN,
    )


def _encode(pipe: Any, text: str, _is_negative: bool) -> Conditions:
    of_qwen, of_clip, ends = pipe.encode_prompt(
        text, device=device_of(pipe), max_sequence_length=_TOKENS
    )
    return {"prompt_embeds_qwen": of_qwen, "prompt_embeds_clip": of_clip, _ENDS: ends}


def _repeat(conditions: Conditions, count: int) -> Conditions:
    # Where each text ends in a row of all of them, which starts at nought.
    ends = conditions[_ENDS][1:] * torch.arange(count + 1, device=conditions[_ENDS].device)
    return {**repeat_rows(conditions, count), _ENDS: ends.to(conditions[_ENDS].dtype)}


def _reader(_pipe: Any) -> Reader:
    return Reader(tokenizer="tokenizer", limit=_TOKENS)


def _insist(pipe: Any, width: int, height: int) -> None:
    """Have it take the asked size for one of its own, of which it would choose the likest."""
    pipe.resolutions = [(width, height)]


def _spatial(latents: torch.Tensor, _width: int, _height: int) -> torch.Tensor:
    return latents[:, 0].permute(0, 3, 1, 2)


def _decodable(vae: Any, latents: torch.Tensor) -> torch.Tensor:
    return latents / float(vae.config.scaling_factor)


KANDINSKY5 = Family(
    title="Kandinsky 5",
    pipelines={Task.TXT2IMG: "Kandinsky5T2IPipeline"},
    denoiser="transformer",
    plain_tokenizers=("tokenizer",),
    traits=_traits,
    encode=_encode,
    reader=_reader,
    repeat=_repeat,
    insist=_insist,
    spatial=_spatial,
    decodable=_decodable,
)
