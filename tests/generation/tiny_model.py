"""A Stable Diffusion of a few thousand random weights, saved as diffusers saves real ones."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import diffusers
import torch
from transformers import (
    CLIPConfig,
    CLIPImageProcessor,
    CLIPTextConfig,
    CLIPTextModel,
    CLIPTokenizer,
    CLIPVisionConfig,
)

WIDTH = 32
_LIBRARY: Any = diffusers  # its classes are untyped


def build(folder: Path, *, withholds: bool = False) -> None:
    """``withholds`` adds a safety checker that takes every picture out."""
    torch.manual_seed(0)
    tokenizer = _tokenizer()
    checker, extractor = safety_parts(withholds=True) if withholds else (None, None)
    pipe = _LIBRARY.StableDiffusionPipeline(
        vae=_LIBRARY.AutoencoderKL(
            block_out_channels=(8, 8, 8, 8),
            layers_per_block=1,
            down_block_types=("DownEncoderBlock2D",) * 4,
            up_block_types=("UpDecoderBlock2D",) * 4,
            latent_channels=4,
            norm_num_groups=4,
            sample_size=64,
            scaling_factor=1.0,
        ),
        text_encoder=CLIPTextModel(
            CLIPTextConfig(
                vocab_size=len(tokenizer),
                hidden_size=WIDTH,
                intermediate_size=2 * WIDTH,
                num_hidden_layers=1,
                num_attention_heads=2,
                max_position_embeddings=tokenizer.model_max_length,
                bos_token_id=tokenizer.bos_token_id,
                eos_token_id=tokenizer.eos_token_id,
                pad_token_id=tokenizer.pad_token_id,
            )
        ),
        tokenizer=tokenizer,
        unet=_LIBRARY.UNet2DConditionModel(
            sample_size=8,
            in_channels=4,
            out_channels=4,
            block_out_channels=(16, 32),
            layers_per_block=1,
            down_block_types=("DownBlock2D", "CrossAttnDownBlock2D"),
            up_block_types=("CrossAttnUpBlock2D", "UpBlock2D"),
            cross_attention_dim=WIDTH,
            attention_head_dim=4,
            norm_num_groups=8,
        ),
        scheduler=_LIBRARY.EulerDiscreteScheduler(
            beta_schedule="scaled_linear",
            prediction_type="v_prediction",
            timestep_spacing="trailing",
            steps_offset=1,
        ),
        safety_checker=checker,
        feature_extractor=extractor,
        requires_safety_checker=withholds,
    )
    pipe.save_pretrained(str(folder), safe_serialization=True)


def safety_parts(*, withholds: bool) -> tuple[Any, Any]:
    """A safety checker that finds something in every picture, or in none; and its eyes."""
    vision = CLIPVisionConfig(
        hidden_size=16,
        intermediate_size=16,
        num_hidden_layers=1,
        num_attention_heads=2,
        image_size=32,
        patch_size=16,
        projection_dim=8,
    )
    config = CLIPConfig(vision_config=vision.to_dict(), projection_dim=8)
    kind = _LIBRARY.pipelines.stable_diffusion.StableDiffusionSafetyChecker
    checker = kind(config)
    # Likeness is between -1 and 1; what is above a concept's threshold is found.
    torch.nn.init.constant_(checker.concept_embeds_weights, -2.0 if withholds else 2.0)
    torch.nn.init.constant_(checker.special_care_embeds_weights, 2.0)
    size = {"height": 32, "width": 32}
    return checker.eval(), CLIPImageProcessor(size={"shortest_edge": 32}, crop_size=size)


def _tokenizer() -> CLIPTokenizer:
    """CLIP's byte-level tokenizer without merges: every letter is a token."""
    letters = [chr(code) for code in range(33, 127)] + [chr(code) for code in range(161, 512)]
    words = [*letters, *(f"{letter}</w>" for letter in letters)]
    words += ["<|startoftext|>", "<|endoftext|>"]
    vocabulary = {word: index for index, word in enumerate(words)}
    return CLIPTokenizer(vocab=vocabulary, merges=[], model_max_length=77)


if __name__ == "__main__":
    build(Path(sys.argv[1]), withholds="withholds" in sys.argv[2:])
