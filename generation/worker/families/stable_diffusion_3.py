"""Stable Diffusion 3 and 3.5: a transformer with two CLIP text encoders and, if present, T5."""

from __future__ import annotations

from typing import Any

from generation.types import Task
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
from generation.worker.samplers import FLOW_SAMPLERS_WITH_HEUN

_TOKENS = 256


def _traits(files: ModelFiles) -> Traits:
    cell = files.cell()
    is_turbo = is_distilled(files)
    return Traits(
        side=files.number("transformer", "sample_size", 128) * cell,
        multiple_of=cell * files.number("transformer", "patch_size", 2),
        steps=FEW_STEPS if is_turbo else 28,
        guidance=Guidance.CLASSIFIER_FREE,
        guidance_scale=1.0 if is_turbo else 5.0,
        sampler="Euler",
        kit=FLOW_SAMPLERS_WITH_HEUN,
    )


def _encode(pipe: Any, text: str, _is_negative: bool) -> Conditions:
    embedding, _, pooled, _ = pipe.encode_prompt(
        text,
        None,
        None,
        device=device_of(pipe),
        do_classifier_free_guidance=False,
        max_sequence_length=_TOKENS,
    )
    return {"prompt_embeds": embedding, "pooled_prompt_embeds": pooled}


def _reader(pipe: Any) -> Reader:
    if pipe.tokenizer_3 is not None:
        return Reader(tokenizer="tokenizer_3", limit=_TOKENS)
    return Reader(tokenizer="tokenizer", limit=int(pipe.tokenizer.model_max_length))


STABLE_DIFFUSION_3 = Family(
    title="Stable Diffusion 3 and 3.5",
    pipelines={
        Task.TXT2IMG: "StableDiffusion3Pipeline",
        Task.IMG2IMG: "StableDiffusion3Img2ImgPipeline",
        Task.INPAINT: "StableDiffusion3InpaintPipeline",
    },
    denoiser="transformer",
    traits=_traits,
    encode=_encode,
    reader=_reader,
    takes_controls=True,
)
