"""Z-Image: one transformer over text and picture; texts are lists of their own lengths."""

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
from generation.worker.placement import device_of
from generation.worker.samplers import FLOW_SAMPLERS

_TOKENS = 512
_SHIFT_OF_TURBO = 3.0  # the model that needs all its steps is published with 6


def _traits(files: ModelFiles) -> Traits:
    is_turbo = files.configs.get("scheduler", {}).get("shift") == _SHIFT_OF_TURBO
    return Traits(
        side=1024,
        multiple_of=2 * files.cell(),
        steps=9 if is_turbo else 30,
        guidance=Guidance.NONE if is_turbo else Guidance.CLASSIFIER_FREE,
        guidance_scale=0.0 if is_turbo else 4.0,
        sampler="Euler",
        kit=FLOW_SAMPLERS,
    )


def _encode(pipe: Any, text: str, _is_negative: bool) -> Conditions:
    embeddings, _ = pipe.encode_prompt(
        text, device_of(pipe), do_classifier_free_guidance=False, max_sequence_length=_TOKENS
    )
    return {"prompt_embeds": embeddings}


def _reader(pipe: Any) -> Reader:
    template = pipe.tokenizer.apply_chat_template(
        [{"role": "user", "content": ""}],
        tokenize=False,
        add_generation_prompt=True,
        enable_thinking=True,
    )
    used = len(pipe.tokenizer(template).input_ids)
    return Reader(tokenizer="tokenizer", limit=_TOKENS - used)


Z_IMAGE = Family(
    title="Z-Image",
    pipelines={
        Task.TXT2IMG: "ZImagePipeline",
        Task.IMG2IMG: "ZImageImg2ImgPipeline",
        Task.INPAINT: "ZImageInpaintPipeline",
    },
    denoiser="transformer",
    traits=_traits,
    encode=_encode,
    reader=_reader,
    guided_above=0.0,
    takes_controls=True,
)
