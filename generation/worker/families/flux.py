"""FLUX.1: a transformer over folded latents, with T5 for the text and CLIP for its gist."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from PIL import Image

from generation.errors import Unavailable
from generation.types import Params, Task
from generation.worker.families.base import (
    Conditions,
    Family,
    Guidance,
    ModelFiles,
    Reader,
    Traits,
)
from generation.worker.families.few_steps import FEW_STEPS
from generation.worker.families.packing import unfold
from generation.worker.placement import device_of
from generation.worker.samplers import FLOW_SAMPLERS

_SIDE = 1024
_CHANNELS = 64
_CHANNELS_OF_FILL = 384  # the picture and the mask as well
_TOKENS = 512
_TOKENS_OF_FEW_STEPS = 256


def _traits(files: ModelFiles) -> Traits:
    return _traits_of(files, _CHANNELS)


def _fill_traits(files: ModelFiles) -> Traits:
    return replace(_traits_of(files, _CHANNELS_OF_FILL), steps=50, guidance_scale=30.0)


def _traits_of(files: ModelFiles, expected: int) -> Traits:
    channels = files.number("transformer", "in_channels", _CHANNELS)
    if channels != expected:
        raise Unavailable(
            detail=f"its transformer takes {channels} channels; only models with {expected} can be "
            "used by its pipeline"
        )
    cell = files.cell()
    steps, guidance, scale = 28, Guidance.DISTILLED, 3.5
    if not files.is_set("transformer", "guidance_embeds"):
        # Either distilled to a few steps, or with the distillation undone.
        guidance, scale = Guidance.CLASSIFIER_FREE, 3.5
        if not files.is_set("scheduler", "use_dynamic_shifting"):
            steps, guidance, scale = FEW_STEPS, Guidance.NONE, 0.0
    return Traits(
        side=_SIDE,
        multiple_of=2 * cell,
        steps=steps,
        guidance=guidance,
        guidance_scale=scale,
        sampler="Euler",
        kit=FLOW_SAMPLERS,
    )


def _encode(pipe: Any, text: str, _is_negative: bool) -> Conditions:
    embedding, pooled, _ = pipe.encode_prompt(
        text, None, device=device_of(pipe), max_sequence_length=_reader(pipe).limit
    )
    return {"prompt_embeds": embedding, "pooled_prompt_embeds": pooled}


def _reader(pipe: Any) -> Reader:
    needs_few = not (
        pipe.transformer.config.guidance_embeds or pipe.scheduler.config.use_dynamic_shifting
    )
    return Reader(tokenizer="tokenizer_2", limit=_TOKENS_OF_FEW_STEPS if needs_few else _TOKENS)


def _guide(scale: float) -> Mapping[str, float]:
    # The second takes effect only where a negative prompt is given, which most models are not.
    return {"guidance_scale": scale, "true_cfg_scale": scale}


FLUX = Family(
    title="FLUX.1",
    pipelines={
        Task.TXT2IMG: "FluxPipeline",
        Task.IMG2IMG: "FluxImg2ImgPipeline",
        Task.INPAINT: "FluxInpaintPipeline",
    },
    denoiser="transformer",
    traits=_traits,
    encode=_encode,
    reader=_reader,
    guide=_guide,
    spatial=unfold,
    takes_controls=True,
)

FLUX_FILL = Family(
    title="FLUX.1 Fill",
    pipelines={Task.INPAINT: "FluxFillPipeline"},
    denoiser="transformer",
    traits=_fill_traits,
    encode=_encode,
    reader=_reader,
    spatial=unfold,
)


def _refer(pictures: Sequence[Image.Image], _params: Params, _count: int) -> Mapping[str, Any]:
    return {"image": pictures[0]}


def _kontext_traits(files: ModelFiles) -> Traits:
    return replace(_traits(files), guidance_scale=2.5)


FLUX_KONTEXT = Family(
    title="FLUX.1 Kontext",
    pipelines={
        Task.TXT2IMG: "FluxKontextPipeline",
        Task.INPAINT: "FluxKontextInpaintPipeline",
        Task.EDIT: "FluxKontextPipeline",
    },
    denoiser="transformer",
    traits=_kontext_traits,
    encode=_encode,
    reader=_reader,
    guide=_guide,
    spatial=unfold,
    looks=frozenset({Task.EDIT}),
    max_references=1,
    refer=_refer,
)
