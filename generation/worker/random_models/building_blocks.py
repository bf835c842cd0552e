"""Parts that several architectures share: text encoders, the usual autoencoder. Free of torch."""

from __future__ import annotations

from generation.worker.random_models.parts import Config, Part

CLIP_LARGE: Config = {
    "hidden_size": 768,
    "intermediate_size": 3072,
    "num_hidden_layers": 12,
    "num_attention_heads": 12,
    "hidden_act": "quick_gelu",
    "projection_dim": 768,
    "vocab_size": 49408,
    "bos_token_id": 49406,
    "eos_token_id": 49407,
    "pad_token_id": 49407,
}
CLIP_BIG: Config = {
    **CLIP_LARGE,
    "hidden_size": 1280,
    "intermediate_size": 5120,
    "num_hidden_layers": 32,
    "num_attention_heads": 20,
    "hidden_act": "gelu",
    "projection_dim": 1280,
    "pad_token_id": 0,
}
CLIP_HUGE: Config = {
    **CLIP_LARGE,
    "hidden_size": 1024,
    "intermediate_size": 4096,
    "num_hidden_layers": 23,
    "num_attention_heads": 16,
    "hidden_act": "gelu",
    "projection_dim": 512,
    "pad_token_id": 0,
}
"""Without its last layer, which Stable Diffusion 2 never reads."""
TINY_CLIP: Config = {
    "hidden_size": 32,
    "intermediate_size": 64,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "projection_dim": 32,
}
T5_XXL = Part(
    kind="T5EncoderModel",
    config={
        "vocab_size": 32128,
        "d_model": 4096,
        "d_kv": 64,
        "d_ff": 10240,
        "num_layers": 24,
        "num_heads": 64,
        "feed_forward_proj": "gated-gelu",
    },
    tiny={"d_model": 32, "d_kv": 8, "d_ff": 64, "num_layers": 2, "num_heads": 4},
)


def image_vae(channels: int, side: int, scale: float, shift: float | None, **more: object) -> Part:
    """The convolutional autoencoder that most models share, eight pixels to a cell."""
    return Part(
        kind="AutoencoderKL",
        config={
            "block_out_channels": (128, 256, 512, 512),
            "down_block_types": ("DownEncoderBlock2D",) * 4,
            "up_block_types": ("UpDecoderBlock2D",) * 4,
            "layers_per_block": 2,
            "latent_channels": channels,
            "sample_size": side,
            "scaling_factor": scale,
            "shift_factor": shift,
            **more,
        },
        tiny={
            "block_out_channels": (8, 8, 16, 16),
            "layers_per_block": 1,
            "norm_num_groups": 4,
            "sample_size": 64,
        },
    )


QWEN3_4B = Part(
    kind="Qwen3ForCausalLM",
    config={
        "hidden_size": 2560,
        "intermediate_size": 9728,
        "num_hidden_layers": 36,
        "num_attention_heads": 32,
        "num_key_value_heads": 8,
        "head_dim": 128,
        "vocab_size": 151936,
        "tie_word_embeddings": True,
    },
    tiny={
        "hidden_size": 32,
        "intermediate_size": 64,
        "num_attention_heads": 2,
        "num_key_value_heads": 1,
        "head_dim": 16,
        "vocab_size": 1024,
    },
)
"""At its tiny size it keeps its layers, because models look at some of them by their number."""

GEMMA2_2B = Part(
    kind="Gemma2Model",
    config={
        "hidden_size": 2304,
        "intermediate_size": 9216,
        "num_hidden_layers": 26,
        "num_attention_heads": 8,
        "num_key_value_heads": 4,
        "head_dim": 256,
        "vocab_size": 256000,
    },
    tiny={
        "hidden_size": 32,
        "intermediate_size": 64,
        "num_hidden_layers": 2,
        "num_attention_heads": 2,
        "num_key_value_heads": 1,
        "head_dim": 16,
        "vocab_size": 1024,
    },
)

FLUX_VAE = image_vae(16, 1024, 0.3611, 0.1159, use_quant_conv=False, use_post_quant_conv=False)
