"""Which architectures there are, each as the arguments of its parts. Free of torch.

The numbers are those of the published models; ``tiny`` replaces some of them, so that the same
code runs within a second on any processor.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

from generation.worker.random_models.building_blocks import (
    CLIP_BIG,
    CLIP_HUGE,
    CLIP_LARGE,
    T5_XXL,
    TINY_CLIP,
    image_vae,
)
from generation.worker.random_models.language_guided import LANGUAGE_GUIDED
from generation.worker.random_models.parts import Architecture, Config, Part, Tokens
from generation.worker.random_models.picture_guided import picture_guided
from generation.worker.random_models.t5_guided import T5_GUIDED

PREFIX = "random:"
TINY = "tiny-"


def is_random(path: Path) -> bool:
    """Whether a model's path names one of these instead of a folder."""
    return str(path).startswith(PREFIX)


_UNET_BETAS: Config = {
    "beta_start": 0.00085,
    "beta_end": 0.012,
    "beta_schedule": "scaled_linear",
    "num_train_timesteps": 1000,
    "steps_offset": 1,
}
_SD15 = Architecture(
    pipeline="StableDiffusionPipeline",
    parts={
        "unet": Part(
            kind="UNet2DConditionModel",
            config={
                "sample_size": 64,
                "block_out_channels": (320, 640, 1280, 1280),
                "down_block_types": (*("CrossAttnDownBlock2D",) * 3, "DownBlock2D"),
                "up_block_types": ("UpBlock2D", *("CrossAttnUpBlock2D",) * 3),
                "cross_attention_dim": 768,
                "attention_head_dim": 8,
            },
            tiny={
                "sample_size": 8,
                "block_out_channels": (16, 16, 32, 32),
                "layers_per_block": 1,
                "norm_num_groups": 8,
                "cross_attention_dim": 32,
                "attention_head_dim": 2,
            },
        ),
        "vae": image_vae(4, 512, 0.18215, None),
        "text_encoder": Part(kind="CLIPTextModel", config=CLIP_LARGE, tiny=TINY_CLIP),
        "tokenizer": Tokens(kind="clip", length=77),
        "scheduler": Part(
            kind="PNDMScheduler",
            config={**_UNET_BETAS, "skip_prk_steps": True, "set_alpha_to_one": False},
        ),
        "safety_checker": None,
        "feature_extractor": None,
    },
    options={"requires_safety_checker": False},
)

_SD21 = Architecture(
    pipeline="StableDiffusionPipeline",
    parts={
        **_SD15.parts,
        "unet": Part(
            kind="UNet2DConditionModel",
            config={
                "sample_size": 96,
                "block_out_channels": (320, 640, 1280, 1280),
                "down_block_types": (*("CrossAttnDownBlock2D",) * 3, "DownBlock2D"),
                "up_block_types": ("UpBlock2D", *("CrossAttnUpBlock2D",) * 3),
                "cross_attention_dim": 1024,
                "attention_head_dim": (5, 10, 20, 20),
                "use_linear_projection": True,
            },
            tiny={
                "sample_size": 8,
                "block_out_channels": (16, 16, 32, 32),
                "layers_per_block": 1,
                "norm_num_groups": 8,
                "cross_attention_dim": 32,
                "attention_head_dim": (2, 2, 4, 4),
            },
        ),
        "vae": image_vae(4, 768, 0.18215, None),
        "text_encoder": Part(kind="CLIPTextModel", config=CLIP_HUGE, tiny=TINY_CLIP),
        "tokenizer": Tokens(kind="clip", length=77, padding="!"),
        "scheduler": Part(
            kind="DDIMScheduler",
            config={
                **_UNET_BETAS,
                "clip_sample": False,
                "set_alpha_to_one": False,
                "prediction_type": "v_prediction",
            },
        ),
    },
    options={"requires_safety_checker": False},
)

_SDXL = Architecture(
    pipeline="StableDiffusionXLPipeline",
    parts={
        "unet": Part(
            kind="UNet2DConditionModel",
            config={
                "sample_size": 128,
                "block_out_channels": (320, 640, 1280),
                "down_block_types": ("DownBlock2D", *("CrossAttnDownBlock2D",) * 2),
                "up_block_types": (*("CrossAttnUpBlock2D",) * 2, "UpBlock2D"),
                "transformer_layers_per_block": (1, 2, 10),
                "attention_head_dim": (5, 10, 20),
                "cross_attention_dim": 2048,
                "use_linear_projection": True,
                "addition_embed_type": "text_time",
                "addition_time_embed_dim": 256,
                "projection_class_embeddings_input_dim": 2816,
            },
            tiny={
                "sample_size": 8,
                "block_out_channels": (16, 16, 32),
                "layers_per_block": 1,
                "norm_num_groups": 8,
                "transformer_layers_per_block": (1, 1, 2),
                "attention_head_dim": (2, 2, 4),
                "cross_attention_dim": 32 + 48,
                "addition_time_embed_dim": 8,
                "projection_class_embeddings_input_dim": 6 * 8 + 32,
            },
        ),
        "vae": image_vae(4, 1024, 0.13025, None, force_upcast=True),
        "text_encoder": Part(kind="CLIPTextModel", config=CLIP_LARGE, tiny=TINY_CLIP),
        "text_encoder_2": Part(
            kind="CLIPTextModelWithProjection",
            config=CLIP_BIG,
            tiny={**TINY_CLIP, "hidden_size": 48},
        ),
        "tokenizer": Tokens(kind="clip", length=77),
        "tokenizer_2": Tokens(kind="clip", length=77, padding="!"),
        "scheduler": Part(
            kind="EulerDiscreteScheduler",
            config={**_UNET_BETAS, "timestep_spacing": "leading"},
        ),
    },
    options={"force_zeros_for_empty_prompt": True, "add_watermarker": False},
)

_SD3 = Architecture(
    pipeline="StableDiffusion3Pipeline",
    parts={
        "transformer": Part(
            kind="SD3Transformer2DModel",
            config={
                "sample_size": 128,
                "num_layers": 24,
                "attention_head_dim": 64,
                "num_attention_heads": 24,
                "caption_projection_dim": 1536,
                "pos_embed_max_size": 384,
                "dual_attention_layers": tuple(range(13)),
                "qk_norm": "rms_norm",
            },
            tiny={
                "sample_size": 8,
                "num_layers": 2,
                "attention_head_dim": 8,
                "num_attention_heads": 4,
                "joint_attention_dim": 64,
                "caption_projection_dim": 32,
                "pooled_projection_dim": 64,
                "pos_embed_max_size": 32,
                "dual_attention_layers": (0,),
            },
        ),
        "vae": image_vae(16, 1024, 1.5305, 0.0609, use_quant_conv=False, use_post_quant_conv=False),
        "text_encoder": Part(kind="CLIPTextModelWithProjection", config=CLIP_LARGE, tiny=TINY_CLIP),
        "text_encoder_2": Part(kind="CLIPTextModelWithProjection", config=CLIP_BIG, tiny=TINY_CLIP),
        "text_encoder_3": Part(
            kind=T5_XXL.kind,
            config=T5_XXL.config,
            tiny={
                **T5_XXL.tiny,
                "d_model": 64,
            },
        ),
        "tokenizer": Tokens(kind="clip", length=77),
        "tokenizer_2": Tokens(kind="clip", length=77, padding="!"),
        "tokenizer_3": Tokens(kind="t5", length=512),
        "scheduler": Part(kind="FlowMatchEulerDiscreteScheduler", config={"shift": 3.0}),
        "image_encoder": None,
        "feature_extractor": None,
    },
)


def _flux(*, is_distilled_to_few_steps: bool) -> Architecture:
    """FLUX.1: dev takes its guidance as an input, schnell needs none."""
    schedule: Config = (
        {"shift": 1.0}
        if is_distilled_to_few_steps
        else {"shift": 3.0, "use_dynamic_shifting": True, "base_shift": 0.5, "max_shift": 1.15}
    )
    return Architecture(
        pipeline="FluxPipeline",
        parts={
            "transformer": Part(
                kind="FluxTransformer2DModel",
                config={
                    "in_channels": 64,
                    "num_layers": 19,
                    "num_single_layers": 38,
                    "attention_head_dim": 128,
                    "num_attention_heads": 24,
                    "joint_attention_dim": 4096,
                    "pooled_projection_dim": 768,
                    "guidance_embeds": not is_distilled_to_few_steps,
                    "axes_dims_rope": (16, 56, 56),
                },
                tiny={
                    "num_layers": 1,
                    "num_single_layers": 2,
                    "attention_head_dim": 16,
                    "num_attention_heads": 2,
                    "joint_attention_dim": 32,
                    "pooled_projection_dim": 32,
                    "axes_dims_rope": (4, 6, 6),
                },
            ),
            "vae": image_vae(
                16, 1024, 0.3611, 0.1159, use_quant_conv=False, use_post_quant_conv=False
            ),
            "text_encoder": Part(kind="CLIPTextModel", config=CLIP_LARGE, tiny=TINY_CLIP),
            "text_encoder_2": T5_XXL,
            "tokenizer": Tokens(kind="clip", length=77),
            "tokenizer_2": Tokens(kind="t5", length=512),
            "scheduler": Part(kind="FlowMatchEulerDiscreteScheduler", config=schedule),
            "image_encoder": None,
            "feature_extractor": None,
        },
    )


_FROM_TEXTS: Mapping[str, Architecture] = {
    "sd15": _SD15,
    "sd21": _SD21,
    "sdxl": _SDXL,
    "sd3": _SD3,
    "flux": _flux(is_distilled_to_few_steps=False),
    "flux-schnell": _flux(is_distilled_to_few_steps=True),
    **T5_GUIDED,
    **LANGUAGE_GUIDED,
}

ARCHITECTURES: Mapping[str, Architecture] = MappingProxyType(
    {**_FROM_TEXTS, **picture_guided(_FROM_TEXTS)}
)

NAMES: tuple[str, ...] = tuple(
    f"{PREFIX}{size}{name}" for size in ("", TINY) for name in ARCHITECTURES
)
"""Every model there is. Those after ``random:tiny-`` are small enough for tests."""
