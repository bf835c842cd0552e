"""HiDream: a transformer with four text encoders, among them all layers of Llama."""

from __future__ import annotations

import math
from typing import Any

from generation.errors import Unavailable
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
from generation.worker.samplers import FLOW_SOLVERS, SamplerKit

_TOKENS = 128
_OF_LLAMA = "prompt_embeds_llama3"
_CELLS = 128
_SHIFT_OF_FAST = 3.0
_KIT = SamplerKit(
    samplers={name: FLOW_SOLVERS.samplers[name] for name in ("UniPC", "Euler", "LCM")},
    schedules=FLOW_SOLVERS.schedules,
)


def _traits(files: ModelFiles) -> Traits:
    if not files.has("text_encoder_4"):
        raise Unavailable(
            detail="HiDream is published without its fourth text encoder; put Llama 3.1 8B "
            "Instruct into text_encoder_4 and tokenizer_4, and name both in model_index.json"
        )
    # Dev and Fast are distilled, and saved with this scheduler; Full is not.
    is_distilled = files.text("scheduler", "_class_name") == "FlowMatchLCMScheduler"
    is_fast = files.configs["scheduler"].get("shift") == _SHIFT_OF_FAST
    positions = files.configs["transformer"].get("max_resolution")
    cells = positions[0] if isinstance(positions, list | tuple) else _CELLS
    return Traits(
        side=cells * files.cell(),
        max_side=cells * files.cell(),
        multiple_of=2 * files.cell(),
        steps=(16 if is_fast else 28) if is_distilled else 50,
        guidance=Guidance.NONE if is_distilled else Guidance.CLASSIFIER_FREE,
        guidance_scale=0.0 if is_distilled else 5.0,
        sampler="LCM" if is_distilled else "UniPC",
        kit=_KIT,
    )


def _encode(pipe: Any, text: str, _is_negative: bool) -> Conditions:
    of_t5, _, of_llama, _, pooled, _ = pipe.encode_prompt(
        text,
        device=device_of(pipe),
        do_classifier_free_guidance=False,
        max_sequence_length=_TOKENS,
    )
    return {"prompt_embeds_t5": of_t5, _OF_LLAMA: of_llama, "pooled_prompt_embeds": pooled}


def _repeat(conditions: Conditions, count: int) -> Conditions:
    # Llama's have its layers first and the pictures second.
    of_llama = conditions[_OF_LLAMA].repeat(1, count, 1, 1)
    return {**repeat_rows(conditions, count), _OF_LLAMA: of_llama}


def _reader(_pipe: Any) -> Reader:
    return Reader(tokenizer="tokenizer_3", limit=_TOKENS)


def _insist(pipe: Any, width: int, height: int) -> None:
    """Have it take the asked area for its own, to which it would scale every picture."""
    cells = math.sqrt(width * height) / pipe.vae_scale_factor
    pipe.default_sample_size = cells * (1 + 1e-9)  # it rounds down


HIDREAM = Family(
    title="HiDream",
    pipelines={Task.TXT2IMG: "HiDreamImagePipeline"},
    denoiser="transformer",
    traits=_traits,
    encode=_encode,
    reader=_reader,
    repeat=_repeat,
    insist=_insist,
)
