"""Stable Diffusion XL: a larger UNet with two CLIP text encoders, one of them also pooled."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch

from generation.errors import Unavailable
from generation.prompt.emphasis import Chunk
from generation.types import Task
from generation.worker import clip
from generation.worker.families.base import Conditions, Family, ModelFiles, Traits
from generation.worker.families.stable_diffusion import clip_reader, unet_traits
from generation.worker.placement import device_of


def _traits(files: ModelFiles) -> Traits:
    if files.options.get("requires_aesthetics_score") is True or not files.has("text_encoder"):
        raise Unavailable(
            detail="it is SDXL's refiner, which only finishes what the base model has begun; "
            "name the folder of a base model"
        )
    return unet_traits(files, steps=30, scale=6.0)


def _encode(pipe: Any, text: str, is_negative: bool) -> Conditions:
    embedding, _, pooled, _ = pipe.encode_prompt(
        text, device=device_of(pipe), do_classifier_free_guidance=False
    )
    if is_negative and not text and pipe.config.force_zeros_for_empty_prompt:
        # It was trained to see nothing at all where there is no prompt.
        embedding, pooled = torch.zeros_like(embedding), torch.zeros_like(pooled)
    return {"prompt_embeds": embedding, "pooled_prompt_embeds": pooled}


def _weigh(pipe: Any, chunks: Sequence[Chunk], _layer: int) -> tuple[Conditions, str]:
    reads = []
    lost = ""
    for tokenizer, encoder in (
        (pipe.tokenizer, pipe.text_encoder),
        (pipe.tokenizer_2, pipe.text_encoder_2),
    ):
        rows, lost = clip.lay_out(tokenizer, chunks)
        reads.append(clip.read(tokenizer, encoder, rows, pick=_last_but_one))
    embedding = torch.cat([read.hidden for read in reads], dim=-1)
    return {"prompt_embeds": embedding, "pooled_prompt_embeds": reads[-1].pooled}, lost


def _last_but_one(answer: Any) -> torch.Tensor:
    return torch.as_tensor(answer.hidden_states[-2])


STABLE_DIFFUSION_XL = Family(
    title="Stable Diffusion XL",
    pipelines={
        Task.TXT2IMG: "StableDiffusionXLPipeline",
        Task.IMG2IMG: "StableDiffusionXLImg2ImgPipeline",
        Task.INPAINT: "StableDiffusionXLInpaintPipeline",
    },
    denoiser="unet",
    traits=_traits,
    encode=_encode,
    reader=clip_reader,
    weigh=_weigh,
    takes_controls=True,
)
