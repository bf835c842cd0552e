"""PixArt Sigma and its elder, Alpha: a small transformer with T5, on Stable Diffusion's latents."""

from __future__ import annotations

from dataclasses import replace
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
from generation.worker.samplers import NOISE_SAMPLERS

_TOKENS = 300
_TOKENS_OF_ALPHA = 120


def _traits(files: ModelFiles) -> Traits:
    cell = files.cell()
    needs_few = is_distilled(files)
    return Traits(
        side=files.number("transformer", "sample_size", 128) * cell,
        multiple_of=cell * files.number("transformer", "patch_size", 2),
        steps=FEW_STEPS if needs_few else 20,
        guidance=Guidance.CLASSIFIER_FREE,
        guidance_scale=1.0 if needs_few else 4.5,
        sampler="LCM" if needs_few else "DPM++ 2M",
        kit=NOISE_SAMPLERS,
    )


def _encode(pipe: Any, text: str, _is_negative: bool) -> Conditions:
    embedding, mask, *_ = pipe.encode_prompt(
        text,
        do_classifier_free_guidance=False,
        device=device_of(pipe),
        max_sequence_length=_reader(pipe).limit,
    )
    return {"prompt_embeds": embedding, "prompt_attention_mask": mask}


def _reader(pipe: Any) -> Reader:
    is_alpha = type(pipe).__name__ == PIXART_ALPHA.pipelines[Task.TXT2IMG]
    return Reader(tokenizer="tokenizer", limit=_TOKENS_OF_ALPHA if is_alpha else _TOKENS)


PIXART_SIGMA = Family(
    title="PixArt Sigma",
    pipelines={Task.TXT2IMG: "PixArtSigmaPipeline"},
    denoiser="transformer",
    traits=_traits,
    encode=_encode,
    reader=_reader,
    options={"use_resolution_binning": False, "negative_prompt": None},
)

PIXART_ALPHA = replace(
    PIXART_SIGMA, title="PixArt Alpha", pipelines={Task.TXT2IMG: "PixArtAlphaPipeline"}
)
