"""Architectures whose text is read by a language model, as the arguments of their parts."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from generation.worker.random_models.building_blocks import (
    CLIP_LARGE,
    FLUX_VAE,
    GEMMA2_2B,
    QWEN3_4B,
    TINY_CLIP,
)
from generation.worker.random_models.parts import Architecture, Config, Part, Tokens

_FLOW = "FlowMatchEulerDiscreteScheduler"
_SHIFTS_WITH_SIZE: Config = {
    "shift": 3.0,
    "use_dynamic_shifting": True,
    "base_shift": 0.5,
    "max_shift": 1.15,
}


def _z_image(*, is_turbo: bool) -> Architecture:
    return Architecture(
        pipeline="ZImagePipeline",
        parts={
            "transformer": Part(
                kind="ZImageTransformer2DModel",
                tiny={
                    "dim": 32,
                    "n_layers": 2,
                    "n_refiner_layers": 1,
                    "n_heads": 2,
                    "n_kv_heads": 2,
                    "cap_feat_dim": 32,
                    "axes_dims": (4, 6, 6),
                },
            ),
            "vae": FLUX_VAE,
            "text_encoder": QWEN3_4B,
            "tokenizer": Tokens(kind="qwen2", length=131072),
            "scheduler": Part(kind=_FLOW, config={"shift": 3.0 if is_turbo else 6.0}),
        },
    )


_FLUX2_VAE = Part(
    kind="AutoencoderKLFlux2",
    tiny={
        "block_out_channels": (8, 8, 16, 16),
        "layers_per_block": 1,
        "norm_num_groups": 4,
        "sample_size": 64,
    },
)

_FLUX2 = Architecture(
    pipeline="Flux2Pipeline",
    parts={
        "transformer": Part(
            kind="Flux2Transformer2DModel",
            tiny={
                "num_layers": 1,
                "num_single_layers": 2,
                "attention_head_dim": 16,
                "num_attention_heads": 2,
                "joint_attention_dim": 96,
                "axes_dims_rope": (4, 4, 4, 4),
            },
        ),
        "vae": _FLUX2_VAE,
        "text_encoder": Part(
            kind="MistralModel",
            config={
                "hidden_size": 5120,
                "intermediate_size": 32768,
                "num_hidden_layers": 40,
                "num_attention_heads": 32,
                "num_key_value_heads": 8,
                "head_dim": 128,
                "vocab_size": 131072,
            },
            tiny={
                "hidden_size": 32,
                "intermediate_size": 64,
                "num_attention_heads": 2,
                "num_key_value_heads": 1,
                "head_dim": 16,
                "vocab_size": 1024,
            },
        ),
        "tokenizer": Tokens(kind="qwen2", length=131072),
        "scheduler": Part(kind=_FLOW, config=_SHIFTS_WITH_SIZE),
    },
)


def _flux2_klein(*, is_distilled: bool) -> Architecture:
    return Architecture(
        pipeline="Flux2KleinPipeline",
        parts={
            "transformer": Part(
                kind="Flux2Transformer2DModel",
                config={
                    "num_layers": 5,
                    "num_single_layers": 20,
                    "num_attention_heads": 24,
                    "joint_attention_dim": 7680,
                    "guidance_embeds": False,
                },
                tiny={
                    "num_layers": 1,
                    "num_single_layers": 2,
                    "attention_head_dim": 16,
                    "num_attention_heads": 2,
                    "joint_attention_dim": 96,
                    "axes_dims_rope": (4, 4, 4, 4),
                },
            ),
            "vae": _FLUX2_VAE,
            "text_encoder": QWEN3_4B,
            "tokenizer": Tokens(kind="qwen2", length=131072),
            "scheduler": Part(kind=_FLOW, config=_SHIFTS_WITH_SIZE),
        },
        options={"is_distilled": is_distilled},
    )


_QWEN_IMAGE = Architecture(
    pipeline="QwenImagePipeline",
    parts={
        "transformer": Part(
            kind="QwenImageTransformer2DModel",
            tiny={
                "num_layers": 2,
                "attention_head_dim": 16,
                "num_attention_heads": 2,
                "joint_attention_dim": 32,
                "axes_dims_rope": (4, 6, 6),
            },
        ),
        "vae": Part(kind="AutoencoderKLQwenImage", tiny={"base_dim": 8, "num_res_blocks": 1}),
        "text_encoder": Part(
            kind="Qwen2ForCausalLM",
            config={
                "hidden_size": 3584,
                "intermediate_size": 18944,
                "num_hidden_layers": 28,
                "num_attention_heads": 28,
                "num_key_value_heads": 4,
                "vocab_size": 152064,
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
        "tokenizer": Tokens(kind="qwen2", length=131072),
        "scheduler": Part(
            kind=_FLOW,
            config={
                "use_dynamic_shifting": True,
                "base_shift": 0.5,
                "max_shift": 0.9,
                "max_image_seq_len": 8192,
                "shift_terminal": 0.02,
            },
        ),
    },
)

_LUMINA2 = Architecture(
    pipeline="Lumina2Pipeline",
    parts={
        "transformer": Part(
            kind="Lumina2Transformer2DModel",
            config={"cap_feat_dim": 2304},
            tiny={
                "sample_size": 8,
                "hidden_size": 48,
                "num_layers": 2,
                "num_refiner_layers": 1,
                "num_attention_heads": 4,
                "num_kv_heads": 2,
                "multiple_of": 16,
                "axes_dim_rope": (4, 4, 4),
                "cap_feat_dim": 32,
            },
        ),
        "vae": FLUX_VAE,
        "text_encoder": GEMMA2_2B,
        "tokenizer": Tokens(kind="gemma", length=8192),
        "scheduler": Part(kind=_FLOW, config={"shift": 6.0}),
    },
)

_SANA = Architecture(
    pipeline="SanaPipeline",
    parts={
        "transformer": Part(
            kind="SanaTransformer2DModel",
            tiny={
                "sample_size": 2,
                "num_attention_heads": 2,
                "attention_head_dim": 8,
                "num_layers": 2,
                "num_cross_attention_heads": 2,
                "cross_attention_head_dim": 8,
                "cross_attention_dim": 16,
                "caption_channels": 32,
            },
        ),
        "vae": Part(
            kind="AutoencoderDC",
            config={
                "encoder_block_types": (*("ResBlock",) * 3, *("EfficientViTBlock",) * 3),
                "decoder_block_types": (*("ResBlock",) * 3, *("EfficientViTBlock",) * 3),
                "upsample_block_type": "interpolate",
                "downsample_block_type": "Conv",
                "scaling_factor": 0.41407,
            },
            tiny={
                "attention_head_dim": 8,
                "encoder_block_out_channels": (8, 8, 8, 8, 16, 32),
                "decoder_block_out_channels": (8, 8, 8, 8, 16, 32),
                "encoder_layers_per_block": (1,) * 6,
                "decoder_layers_per_block": (1,) * 6,
            },
        ),
        "text_encoder": GEMMA2_2B,
        "tokenizer": Tokens(kind="gemma", length=8192),
        "scheduler": Part(
            kind="DPMSolverMultistepScheduler",
            config={
                "use_flow_sigmas": True,
                "prediction_type": "flow_prediction",
                "flow_shift": 3.0,
            },
        ),
    },
)

_KANDINSKY5 = Architecture(
    pipeline="Kandinsky5T2IPipeline",
    parts={
        "transformer": Part(
            kind="Kandinsky5Transformer3DModel",
            config={
                "in_visual_dim": 16,
                "out_visual_dim": 16,
                "time_dim": 1024,
                "model_dim": 2560,
                "ff_dim": 10240,
                "num_visual_blocks": 50,
                "axes_dims": (32, 48, 48),
            },
            tiny={
                "in_text_dim": 32,
                "in_text_dim2": 32,
                "time_dim": 32,
                "model_dim": 32,
                "ff_dim": 64,
                "num_text_blocks": 1,
                "num_visual_blocks": 2,
                "axes_dims": (4, 6, 6),
            },
        ),
        "vae": FLUX_VAE,
        "text_encoder": _QWEN_IMAGE.parts["text_encoder"],
        "text_encoder_2": Part(kind="CLIPTextModel", config=CLIP_LARGE, tiny=TINY_CLIP),
        "tokenizer": Tokens(kind="qwen2", length=131072),
        "tokenizer_2": Tokens(kind="clip", length=77),
        "scheduler": Part(kind=_FLOW, config={"shift": 3.0}),
    },
)

LANGUAGE_GUIDED: Mapping[str, Architecture] = MappingProxyType(
    {
        "z-image": _z_image(is_turbo=False),
        "z-image-turbo": _z_image(is_turbo=True),
        "flux2": _FLUX2,
        "flux2-klein": _flux2_klein(is_distilled=True),
        "flux2-klein-base": _flux2_klein(is_distilled=False),
        "qwen-image": _QWEN_IMAGE,
        "lumina2": _LUMINA2,
        "sana": _SANA,
        "kandinsky5": _KANDINSKY5,
    }
)
