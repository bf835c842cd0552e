"""Chroma: FLUX.1's latents and T5, with true guidance and masks on what the text leaves empty."""

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
from generation.worker.families.packing import unfold
from generation.worker.placement import device_of
from generation.worker.samplers import FLOW_SAMPLERS

_TOKENS = 512


def _traits(files: ModelFiles) -> Traits:
    return Traits(
        side=1024,
        multiple_of=2 * files.cell(),
        steps=35,
        guidance=Guidance.CLASSIFIER_FREE,
        guidance_scale=5.0,
        sampler="Euler",
        kit=FLOW_SAMPLERS,
    )


def _encode(pipe: Any, text: str, _is_negative: bool) -> Conditions:
    embedding, _, mask, *_ = pipe.encode_prompt(
        text, device=device_of(pipe), do_classifier_free_guidance=False, max_sequence_length=_TOKENS
    )
    return {"prompt_embeds": embedding, "prompt_attention_mask": mask}


def _prepare(pipe: Any) -> None:
    # The inpainting pipeline asks for a setting that this transformer does not have.
    pipe.transformer.register_to_config(guidance_embeds=False)


def _reader(_pipe: Any) -> Reader:
    return Reader(tokenizer="tokenizer", limit=_TOKENS)


CHROMA = Family(
    title="Chroma",
    pipelines={
        Task.TXT2IMG: "ChromaPipeline",
        Task.IMG2IMG: "ChromaImg2ImgPipeline",
        Task.INPAINT: "ChromaInpaintPipeline",
    },
    denoiser="transformer",
    traits=_traits,
    encode=_encode,
    reader=_reader,
    prepare=_prepare,
    spatial=unfold,
)
