"""Stable Diffusion 1 and 2: a UNet that looks at one CLIP text encoder."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import torch

from generation.errors import Unavailable
from generation.prompt.emphasis import Chunk
from generation.types import Task
from generation.worker import clip
from generation.worker.families.base import (
    Conditions,
    Family,
    Guidance,
    ModelFiles,
    Reader,
    Traits,
)
from generation.worker.families.few_steps import FEW_STEPS, is_distilled
from generation.worker.placement import device_of
from generation.worker.samplers import NOISE_SAMPLERS

PLAIN_CHANNELS = 4
CHANNELS_OF_INPAINTING = 9
"""Noise, the mask, and the picture without what it covers."""
MOST_SKIPPED = 12
"""Layers of a text encoder, counted from its end, among which members can choose."""


def unet_traits(
    files: ModelFiles, *, steps: int, scale: float, channels: int | None = None
) -> Traits:
    """What a UNet's files say, with the steps and the guidance of a model of full length.

    Without ``channels`` the UNet is a plain one, or was made for inpainting alone. Raises
    ``Unavailable`` for a UNet that takes other channels.
    """
    found = files.number("unet", "in_channels", PLAIN_CHANNELS)
    wanted = (PLAIN_CHANNELS, CHANNELS_OF_INPAINTING) if channels is None else (channels,)
    if found not in wanted:
        raise Unavailable(
            detail=f"its UNet takes {found} channels; its pipeline can be used with "
            f"{' or '.join(map(str, wanted))}"
        )
    guidance, sampler = Guidance.CLASSIFIER_FREE, "Euler a"
    if files.number("unet", "time_cond_proj_dim", 0):
        # A latent consistency model: the scale is an input of its UNet.
        guidance, sampler, steps, scale = Guidance.DISTILLED, "LCM", FEW_STEPS, 8.0
    elif is_distilled(files):
        steps, scale = FEW_STEPS, 1.0
    cell = files.cell()
    return Traits(
        side=files.number("unet", "sample_size", 64) * cell,
        multiple_of=cell,
        steps=steps,
        guidance=guidance,
        guidance_scale=scale,
        sampler=sampler,
        kit=NOISE_SAMPLERS,
        tasks=frozenset({Task.INPAINT}) if found == CHANNELS_OF_INPAINTING else None,
    )


def _traits(files: ModelFiles) -> Traits:
    layers = files.number("text_encoder", "num_hidden_layers", 1)
    return replace(
        unet_traits(files, steps=25, scale=7.0), layers=max(1, min(layers, MOST_SKIPPED))
    )


def _encode(pipe: Any, text: str, _is_negative: bool) -> Conditions:
    embedding, _ = pipe.encode_prompt(text, device_of(pipe), 1, False)
    return {"prompt_embeds": embedding}


def _weigh(pipe: Any, chunks: Sequence[Chunk], layer: int) -> tuple[Conditions, str]:
    def pick(answer: Any) -> torch.Tensor:
        if layer == 1:
            return torch.as_tensor(answer[0])
        norm = getattr(pipe.text_encoder, "text_model", pipe.text_encoder).final_layer_norm
        return torch.as_tensor(norm(answer.hidden_states[-layer]))

    rows, lost = clip.lay_out(pipe.tokenizer, chunks)
    read = clip.read(pipe.tokenizer, pipe.text_encoder, rows, pick=pick)
    return {"prompt_embeds": read.hidden}, lost


def clip_reader(pipe: Any) -> Reader:
    """The first tokenizer, as far as it was trained."""
    return Reader(tokenizer="tokenizer", limit=int(pipe.tokenizer.model_max_length))


STABLE_DIFFUSION = Family(
    title="Stable Diffusion 1 and 2",
    pipelines={
        Task.TXT2IMG: "StableDiffusionPipeline",
        Task.IMG2IMG: "StableDiffusionImg2ImgPipeline",
        Task.INPAINT: "StableDiffusionInpaintPipeline",
    },
    also=("LatentConsistencyModelPipeline",),
    denoiser="unet",
    traits=_traits,
    encode=_encode,
    reader=clip_reader,
    weigh=_weigh,
    takes_controls=True,
)
