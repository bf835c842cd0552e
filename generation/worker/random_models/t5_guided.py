"""Architectures with T5 among their text encoders, of the newer ones. Free of torch."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from generation.worker.random_models.building_blocks import (
    CLIP_BIG,
    CLIP_LARGE,
    FLUX_VAE,
    T5_XXL,
    TINY_CLIP,
    image_vae,
)
from generation.worker.random_models.parts import Architecture, Config, Part, Tokens

_CHROMA = Architecture(
    pipeline="ChromaPipeline",
    parts={
        "transformer": Part(
            kind="ChromaTransformer2DModel",
            tiny={
                "num_layers": 1,
                "num_single_layers": 2,
                "attention_head_dim": 16,
                "num_attention_heads": 2,
                "joint_attention_dim": 32,
                "axes_dims_rope": (4, 6, 6),
                "approximator_num_channels": 8,
                "approximator_hidden_dim": 32,
                "approximator_layers": 1,
            },
        ),
        "vae": FLUX_VAE,
        "text_encoder": T5_XXL,
        "tokenizer": Tokens(kind="t5", length=512),
        "scheduler": Part(kind="FlowMatchEulerDiscreteScheduler", config={"shift": 3.0}),
        "image_encoder": None,
        "feature_extractor": None,
    },
)


def _pixart(**config: bool) -> Part:
    return Part(
        kind="PixArtTransformer2DModel",
        config={"caption_channels": 4096, "interpolation_scale": 2, **config},
        tiny={
            "sample_size": 8,
            "num_attention_heads": 2,
            "attention_head_dim": 8,
            "num_layers": 2,
            "cross_attention_dim": 16,
            "caption_channels": 32,
        },
    )


_PIXART_SIGMA = Architecture(
    pipeline="PixArtSigmaPipeline",
    parts={
        "transformer": _pixart(use_additional_conditions=False),
        "vae": image_vae(4, 1024, 0.13025, None),
        "text_encoder": T5_XXL,
        "tokenizer": Tokens(kind="t5", length=512),
        "scheduler": Part(kind="DPMSolverMultistepScheduler", config={"beta_schedule": "linear"}),
    },
)


# At its published size it is told the picture's size and shape as well.
_PIXART_ALPHA = Architecture(
    pipeline="PixArtAlphaPipeline", parts={**_PIXART_SIGMA.parts, "transformer": _pixart()}
)


def _long_clip(config: Config) -> Part:
    return Part(
        kind="CLIPTextModelWithProjection",
        config={**config, "max_position_embeddings": 248},
        tiny=TINY_CLIP,
    )


_HIDREAM = Architecture(
    pipeline="HiDreamImagePipeline",
    parts={
        "transformer": Part(
            kind="HiDreamImageTransformer2DModel",
            config={
                "patch_size": 2,
                "in_channels": 16,
                "caption_channels": (4096, 4096),
                "axes_dims_rope": (64, 32, 32),
                "llama_layers": (*range(32), *(31,) * 16),
            },
            tiny={
                "num_layers": 1,
                "num_single_layers": 2,
                "attention_head_dim": 16,
                "num_attention_heads": 2,
                "caption_channels": (32, 32),
                "text_emb_dim": 64,
                "axes_dims_rope": (8, 4, 4),
                "max_resolution": (16, 16),
                "llama_layers": (0, 1, 1),
            },
        ),
        "vae": FLUX_VAE,
        "text_encoder": _long_clip(CLIP_LARGE),
        "text_encoder_2": _long_clip(CLIP_BIG),
        "text_encoder_3": T5_XXL,
        "text_encoder_4": Part(
            kind="LlamaForCausalLM",
            config={
                "hidden_size": 4096,
                "intermediate_size": 14336,
                "num_hidden_layers": 32,
                "num_attention_heads": 32,
                "num_key_value_heads": 8,
                "vocab_size": 128256,
            },
            tiny={
                "hidden_size": 32,
                "intermediate_size": 64,
                "num_hidden_layers": 2,
                "num_attention_heads": 2,
                "num_key_value_heads": 1,
                "vocab_size": 1024,
            },
        ),
        "tokenizer": Tokens(kind="clip", length=248),
        "tokenizer_2": Tokens(kind="clip", length=248, padding="!"),
        "tokenizer_3": Tokens(kind="t5", length=512),
        "tokenizer_4": Tokens(kind="llama", length=131072),
        "scheduler": Part(
            kind="UniPCMultistepScheduler",
            config={
                "use_flow_sigmas": True,
                "prediction_type": "flow_prediction",
                "flow_shift": 3.0,
            },
        ),
    },
)


_HIDREAM_DEV = Architecture(
    pipeline=_HIDREAM.pipeline,
    parts={
        **_HIDREAM.parts,
        "scheduler": Part(kind="FlowMatchLCMScheduler", config={"shift": 6.0}),
    },
)


T5_GUIDED: Mapping[str, Architecture] = MappingProxyType(
    {
        "chroma": _CHROMA,
        "pixart-sigma": _PIXART_SIGMA,
        "pixart-alpha": _PIXART_ALPHA,
        "hidream": _HIDREAM,
        "hidream-dev": _HIDREAM_DEV,
    }
)
