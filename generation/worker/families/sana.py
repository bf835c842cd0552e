"""Sana: very small latents, and text read by Gemma after instructions on how to read it."""

from __future__ import annotations

import inspect
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
from generation.worker.placement import device_of
from generation.worker.samplers import FLOW_SOLVERS

_TOKENS = 300


def _traits(files: ModelFiles) -> Traits:
    cell = files.cell("encoder_block_out_channels", levels=6)
    return Traits(
        side=files.number("transformer", "sample_size", 32) * cell,
        multiple_of=cell,
        steps=20,
        guidance=Guidance.CLASSIFIER_FREE,
        guidance_scale=4.5,
        sampler="DPM++ 2M",
        kit=FLOW_SOLVERS,
    )


def _encode(pipe: Any, text: str, is_negative: bool) -> Conditions:
    taught = inspect.signature(pipe.__call__).parameters["complex_human_instruction"].default
    embedding, mask, *_ = pipe.encode_prompt(
        text,
        do_classifier_free_guidance=False,
        device=device_of(pipe),
        max_sequence_length=_TOKENS,
        complex_human_instruction=None if is_negative else taught,
    )
    return {"prompt_embeds": embedding, "prompt_attention_mask": mask}


def _reader(_pipe: Any) -> Reader:
    return Reader(tokenizer="tokenizer", limit=_TOKENS)


SANA = Family(
    title="Sana",
    pipelines={Task.TXT2IMG: "SanaPipeline"},
    denoiser="transformer",
    traits=_traits,
    encode=_encode,
    reader=_reader,
    options={"use_resolution_binning": False, "negative_prompt": None},
)
