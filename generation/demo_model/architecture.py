"""The parts of the demo model at their exact sizes, before any training."""

from __future__ import annotations

import math

import torch
from diffusers import AutoencoderKL, EulerDiscreteScheduler, UNet2DConditionModel
from torch import Tensor, nn
from transformers import CLIPTextConfig, CLIPTextModel

from generation.demo_model.tokenizer import BOS_ID, EOS_ID, MAX_TOKENS, VOCABULARY_SIZE

TEXT_WIDTH = 128
LATENT_CHANNELS = 4
PIXELS_PER_CELL = 16
_NORM_ANCHOR = 5.0


def new_text_encoder() -> CLIPTextModel:
    """Two CLIP layers: enough to read a sentence of this small language."""
    return CLIPTextModel(
        CLIPTextConfig(
            vocab_size=VOCABULARY_SIZE,
            hidden_size=TEXT_WIDTH,
            intermediate_size=4 * TEXT_WIDTH,
            projection_dim=TEXT_WIDTH,
            num_hidden_layers=2,
            num_attention_heads=4,
            max_position_embeddings=MAX_TOKENS,
            bos_token_id=BOS_ID,
            eos_token_id=EOS_ID,
            pad_token_id=EOS_ID,
        )
    )


def new_denoiser() -> UNet2DConditionModel:
    """A UNet that hears the prompt twice: pooled into every layer, and word by word at 8×8.

    Pooled text modulates each normalisation (``addition_embed_type="text"``), which teaches
    colours and shapes several times faster than cross-attention alone.
    """
    return UNet2DConditionModel(
        sample_size=32,
        in_channels=LATENT_CHANNELS,
        out_channels=LATENT_CHANNELS,
        block_out_channels=(32, 96, 144),
        layers_per_block=1,
        down_block_types=("DownBlock2D", "DownBlock2D", "CrossAttnDownBlock2D"),
        up_block_types=("CrossAttnUpBlock2D", "UpBlock2D", "UpBlock2D"),
        cross_attention_dim=TEXT_WIDTH,
        attention_head_dim=4,
        norm_num_groups=16,
        use_linear_projection=True,
        addition_embed_type="text",
        addition_embed_type_num_heads=4,
        resnet_time_scale_shift="scale_shift",
        time_embedding_dim=256,
    )


def new_scheduler() -> EulerDiscreteScheduler:
    """Noise up to a ratio of 1:90, so that a flat background cannot leak through the last step."""
    return EulerDiscreteScheduler(
        num_train_timesteps=1000,
        beta_start=0.00085,
        beta_end=0.022,
        beta_schedule="scaled_linear",
        prediction_type="v_prediction",
        timestep_spacing="trailing",
    )


def new_autoencoder(*, levels: int = 4) -> AutoencoderKL:
    """``2 ** (levels - 1)`` pixels a cell, started as area averaging and nearest neighbour back.

    From that start ten minutes of training are enough; from random weights it takes hours. One
    norm group, because many groups would erase flat colours.
    """
    vae = AutoencoderKL(
        block_out_channels=(8, 8, 16, 32, 64)[-levels:],
        down_block_types=("DownEncoderBlock2D",) * levels,
        up_block_types=("UpDecoderBlock2D",) * levels,
        layers_per_block=1,
        latent_channels=LATENT_CHANNELS,
        norm_num_groups=1,
        mid_block_add_attention=False,
        scaling_factor=1.0,
        sample_size=256,
    )
    _start_linear(vae)
    return vae


@torch.no_grad()
def grown(small: AutoencoderKL) -> AutoencoderKL:
    """A level deeper: the same latents for a picture twice as large, drawn twice as coarse.

    The new level averages two by two before the old encoder, and doubles after the old decoder.
    """
    levels = len(small.config.block_out_channels)
    vae = new_autoencoder(levels=levels + 1)
    old = {}
    for name, value in small.state_dict().items():
        parts = name.split(".")
        if parts[:2] == ["encoder", "down_blocks"]:
            parts[2] = str(int(parts[2]) + 1)
        old[".".join(parts)] = value
    vae.load_state_dict(old, strict=False)
    outermost = vae.encoder.down_blocks[0]
    _pass_through(outermost.downsamplers[0].conv, channels=8, averaging=True)
    _pass_through(vae.decoder.up_blocks[levels - 1].upsamplers[0].conv, channels=8)
    for block in (outermost, vae.decoder.up_blocks[levels]):
        for resnet in block.resnets:
            resnet.conv2.weight.zero_()
            resnet.conv2.bias.zero_()
    return vae


@torch.no_grad()
def _start_linear(vae: AutoencoderKL) -> None:
    for module in vae.modules():
        if hasattr(module, "conv_shortcut") and hasattr(module, "conv2"):
            nn.init.zeros_(module.conv2.weight)
            module.conv2.bias.zero_()
            if module.conv_shortcut is not None:
                _pass_through(module.conv_shortcut)
    encoder, decoder = vae.encoder, vae.decoder
    _pass_through(encoder.conv_in, mirrored=True)
    for block in encoder.down_blocks:
        for down in block.downsamplers or ():
            _pass_through(down.conv, averaging=True)
    _anchor(encoder.conv_norm_out, encoder.mid_block.resnets[-1].conv2.bias)
    _merge_mirrored(encoder.conv_out)
    _detail_channel(encoder.conv_in, encoder.conv_out)
    _pass_through(vae.quant_conv)
    vae.quant_conv.weight[LATENT_CHANNELS:] = 0
    vae.quant_conv.bias[LATENT_CHANNELS:] = -12.0
    _pass_through(vae.post_quant_conv)
    _pass_through(decoder.conv_in, mirrored=True)
    for block in decoder.up_blocks:
        for up in block.upsamplers or ():
            _pass_through(up.conv)
    _anchor(decoder.conv_norm_out, decoder.up_blocks[-1].resnets[-1].conv2.bias)
    _merge_mirrored(decoder.conv_out)


def _pass_through(
    conv: nn.Conv2d, *, channels: int = 6, mirrored: bool = False, averaging: bool = False
) -> None:
    """The first channels pass unchanged (or averaged two by two); the rest stay small and random.

    ``mirrored`` makes channels 3–5 the negatives of 0–2: SiLU(x) − SiLU(−x) is x exactly, so a
    mirrored pair crosses the final activation undistorted.
    """
    conv.weight.mul_(0.3)
    kept = min(channels, conv.out_channels)
    conv.weight[:kept] = 0
    _bias(conv).zero_()
    middle = conv.kernel_size[0] // 2
    for channel in range(kept):
        source = channel % 3 if mirrored else channel
        if source >= conv.in_channels:
            continue
        sign = -1.0 if mirrored and channel >= 3 else 1.0
        if averaging:
            conv.weight[channel, source, :2, :2] = 0.25 * sign
        else:
            conv.weight[channel, source, middle, middle] = sign


def _anchor(norm: nn.GroupNorm, bias: nn.Parameter) -> None:
    """Two constant channels dominate the group's variance, so that it cannot erase brightness."""
    bias[-2], bias[-1] = _NORM_ANCHOR, -_NORM_ANCHOR
    norm.weight[:] = math.sqrt(2 * _NORM_ANCHOR**2 / norm.num_channels)
    nn.init.zeros_(norm.bias)


def _merge_mirrored(conv: nn.Conv2d) -> None:
    conv.weight.mul_(0.02)
    _bias(conv).zero_()
    for channel in range(3):
        conv.weight[channel] = 0
        conv.weight[channel, channel, 1, 1] = 1.0
        conv.weight[channel, channel + 3, 1, 1] = -1.0


def _detail_channel(conv_in: nn.Conv2d, conv_out: nn.Conv2d) -> None:
    """Leaves the fourth latent free to learn edges: it starts as a faint random view."""
    nn.init.normal_(conv_out.weight[3], std=0.05)
    conv_in.weight[6:] *= 2


def _bias(conv: nn.Conv2d) -> Tensor:
    if conv.bias is None:
        raise ValueError("The autoencoder's convolutions have biases.")
    return conv.bias
