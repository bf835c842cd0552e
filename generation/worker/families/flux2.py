"""FLUX.2 and its small version, klein: text read by a language model, latents normed as a batch."""

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
)
from generation.worker.families.few_steps import FEW_STEPS
from generation.worker.families.packing import grid
from generation.worker.placement import device_of
from generation.worker.samplers import FLOW_SAMPLERS

_TOKENS = 512
_SQUARE = 4  # cells of the VAE that the transformer sees as one
_SEQUENCE = 3  # dimensions of latents that are still a sequence


def _traits(files: ModelFiles) -> Traits:
    return _with(files, steps=28, guidance=Guidance.DISTILLED, scale=4.0)


def _klein_traits(files: ModelFiles) -> Traits:
    if files.options.get("is_distilled") is True:
        return _with(files, steps=FEW_STEPS, guidance=Guidance.NONE, scale=1.0)
    return _with(files, steps=50, guidance=Guidance.CLASSIFIER_FREE, scale=4.0)


def _with(files: ModelFiles, *, steps: int, guidance: Guidance, scale: float) -> Traits:
    return Traits(
        side=1024,
        multiple_of=2 * files.cell(),
        steps=steps,
        guidance=guidance,
        guidance_scale=scale,
        sampler="Euler",
        kit=FLOW_SAMPLERS,
    )


def _encode(pipe: Any, text: str, _is_negative: bool) -> Conditions:
    embedding, _ = pipe.encode_prompt(text, device=device_of(pipe), max_sequence_length=_TOKENS)
    return {"prompt_embeds": embedding}


def _reader(pipe: Any) -> Reader:
    message = {"role": "system", "content": [{"type": "text", "text": pipe.system_message}]}
    used = len(pipe.tokenizer.apply_chat_template([message], tokenize=True).input_ids)
    return Reader(tokenizer="tokenizer", limit=_TOKENS - used)


def _klein_reader(pipe: Any) -> Reader:
    template = pipe.tokenizer.apply_chat_template(
        [{"role": "user", "content": ""}],
        tokenize=False,
        add_generation_prompt=True,
        enable_thinking=False,
    )
    used = len(pipe.tokenizer(template).input_ids)
    return Reader(tokenizer="tokenizer", limit=_TOKENS - used)


def _spatial(latents: torch.Tensor, width: int, height: int) -> torch.Tensor:
    if latents.dim() != _SEQUENCE:
        return latents
    rows, columns = grid(latents.shape[1], width, height)
    pictures, _, depth = latents.shape
    return latents.permute(0, 2, 1).reshape(pictures, depth, rows, columns)


def _decodable(vae: Any, latents: torch.Tensor) -> torch.Tensor:
    if latents.shape[1] == vae.config.latent_channels:
        return latents  # klein's pipelines have brought the last ones into the VAE's scale
    spread = torch.sqrt(vae.bn.running_var + vae.config.batch_norm_eps).view(1, -1, 1, 1)
    mean: torch.Tensor = vae.bn.running_mean.view(1, -1, 1, 1)
    scaled = latents * spread.to(latents) + mean.to(latents)
    pictures, depth, rows, columns = scaled.shape
    squares = scaled.view(pictures, depth // _SQUARE, 2, 2, rows, columns)
    return squares.permute(0, 1, 4, 2, 5, 3).reshape(
        pictures, depth // _SQUARE, rows * 2, columns * 2
    )


def _channels(vae: Any) -> int:
    return _SQUARE * int(vae.config.latent_channels)


_LOOKS = frozenset({Task.TXT2IMG, Task.EDIT})
_MOST_PICTURES = 4  # each is as much to look at as the picture that is drawn

FLUX2 = Family(
    title="FLUX.2",
    pipelines={Task.TXT2IMG: "Flux2Pipeline", Task.EDIT: "Flux2Pipeline"},
    denoiser="transformer",
    plain_tokenizers=("tokenizer",),
    traits=_traits,
    encode=_encode,
    reader=_reader,
    spatial=_spatial,
    decodable=_decodable,
    channels=_channels,
    looks=_LOOKS,
    max_references=_MOST_PICTURES,
)

FLUX2_KLEIN = Family(
    title="FLUX.2 klein",
    pipelines={
        Task.TXT2IMG: "Flux2KleinPipeline",
        Task.INPAINT: "Flux2KleinInpaintPipeline",
        Task.EDIT: "Flux2KleinPipeline",
    },
    denoiser="transformer",
    traits=_klein_traits,
    encode=_encode,
    reader=_klein_reader,
    spatial=_spatial,
    decodable=_decodable,
    channels=_channels,
    looks=_LOOKS,
    max_references=_MOST_PICTURES,
)
