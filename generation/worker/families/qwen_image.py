"""Qwen-Image: folded latents of a film's VAE, text read by a language model that sees."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch

from generation.errors import Unavailable
from generation.types import Task
from generation.worker.families.base import (
    Conditions,
    Family,
    Guidance,
    ModelFiles,
    Reader,
    Traits,
)
from generation.worker.families.packing import unfold
from generation.worker.placement import device_of
from generation.worker.samplers import FLOW_SAMPLERS

_TOKENS = 512
_NOTHING = " "  # what it was trained to see where there is no negative prompt


def _traits(files: ModelFiles) -> Traits:
    return plain_traits(files, side=1328, steps=50)


def plain_traits(files: ModelFiles, *, side: int, steps: int) -> Traits:
    """What is common to all models with this transformer. Raises ``Unavailable``."""
    if files.is_set("transformer", "guidance_embeds"):
        raise Unavailable(
            detail="it is a version of Qwen-Image with its guidance distilled in, "
            "which cannot be used; name the folder of the plain model"
        )
    return Traits(
        side=side,
        multiple_of=16,
        steps=steps,
        guidance=Guidance.CLASSIFIER_FREE,
        guidance_scale=4.0,
        sampler="Euler",
        kit=FLOW_SAMPLERS,
    )


def _encode(pipe: Any, text: str, _is_negative: bool) -> Conditions:
    embedding, _ = pipe.encode_prompt(
        text or _NOTHING, device=device_of(pipe), max_sequence_length=_TOKENS
    )
    # Without its mask, which one text alone does not need, a negative prompt would not count.
    mask = torch.ones(embedding.shape[:2], dtype=torch.long, device=embedding.device)
    return {"prompt_embeds": embedding, "prompt_embeds_mask": mask}


def _reader(_pipe: Any) -> Reader:
    return Reader(tokenizer="tokenizer", limit=_TOKENS)


def guide(scale: float) -> Mapping[str, float]:
    """Guidance that looks at the negative prompt, which here has a name of its own."""
    return {"true_cfg_scale": scale}


def decodable(vae: Any, latents: torch.Tensor) -> torch.Tensor:
    """Latents in the scale of this VAE, as a film of one frame."""
    mean = torch.tensor(vae.config.latents_mean).view(1, -1, 1, 1).to(latents)
    spread = torch.tensor(vae.config.latents_std).view(1, -1, 1, 1).to(latents)
    return (latents * spread + mean).unsqueeze(2)


def channels(vae: Any) -> int:
    """Channels of a latent before it is folded."""
    return int(vae.config.z_dim)


QWEN_IMAGE = Family(
    title="Qwen-Image",
    pipelines={
        Task.TXT2IMG: "QwenImagePipeline",
        Task.IMG2IMG: "QwenImageImg2ImgPipeline",
        Task.INPAINT: "QwenImageInpaintPipeline",
    },
    denoiser="transformer",
    traits=_traits,
    encode=_encode,
    reader=_reader,
    guide=guide,
    spatial=unfold,
    decodable=decodable,
    channels=channels,
    takes_controls=True,
)
