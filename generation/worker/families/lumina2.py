"""Lumina Image 2: text read by Gemma after a sentence on what is wanted of it."""

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
from generation.worker.placement import device_of
from generation.worker.samplers import FLOW_SAMPLERS

_TOKENS = 256


def _traits(files: ModelFiles) -> Traits:
    cell = files.cell()
    return Traits(
        side=files.number("transformer", "sample_size", 128) * cell,
        multiple_of=2 * cell,
        steps=30,
        guidance=Guidance.CLASSIFIER_FREE,
        guidance_scale=4.0,
        sampler="Euler",
        kit=FLOW_SAMPLERS,
    )


def _encode(pipe: Any, text: str, is_negative: bool) -> Conditions:
    if not is_negative:
        embedding, mask, *_ = pipe.encode_prompt(
            text,
            do_classifier_free_guidance=False,
            device=device_of(pipe),
            max_sequence_length=_TOKENS,
        )
        return {"prompt_embeds": embedding, "prompt_attention_mask": mask}
    # The negative prompt goes without that sentence. The prompt's place has to be filled.
    filling = torch.zeros(1, 1, 1, device=device_of(pipe))
    *_, embedding, mask = pipe.encode_prompt(
        None,
        negative_prompt=text,
        prompt_embeds=filling,
        prompt_attention_mask=filling[0],
        device=device_of(pipe),
        max_sequence_length=_TOKENS,
    )
    return {"prompt_embeds": embedding, "prompt_attention_mask": mask}


def _reader(pipe: Any) -> Reader:
    used = len(pipe.tokenizer(f"{pipe.system_prompt} <Prompt Start> ").input_ids)
    return Reader(tokenizer="tokenizer", limit=_TOKENS - used)


LUMINA2 = Family(
    title="Lumina Image 2",
    pipelines={Task.TXT2IMG: "Lumina2Pipeline"},
    also=("Lumina2Text2ImgPipeline",),
    denoiser="transformer",
    traits=_traits,
    encode=_encode,
    reader=_reader,
)
