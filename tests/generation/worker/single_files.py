"""Stable Diffusion as the single files that most sites offer, with their names for its weights."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file

_RESNET = (
    ("norm1", "in_layers.0"),
    ("conv1", "in_layers.2"),
    ("time_emb_proj", "emb_layers.1"),
    ("norm2", "out_layers.0"),
    ("conv2", "out_layers.3"),
    ("conv_shortcut", "skip_connection"),
)
_AROUND = (
    ("time_embedding.linear_1", "time_embed.0"),
    ("time_embedding.linear_2", "time_embed.2"),
    ("conv_in", "input_blocks.0.0"),
    ("conv_norm_out", "out.0"),
    ("conv_out", "out.2"),
    ("mid_block.resnets.0", "middle_block.0"),
    ("mid_block.attentions.0", "middle_block.1"),
    ("mid_block.resnets.1", "middle_block.2"),
    ("add_embedding.linear_1", "label_emb.0.0"),
    ("add_embedding.linear_2", "label_emb.0.2"),
)
_VAE = (
    (r"mid_block\.resnets\.0", "mid.block_1"),
    (r"mid_block\.resnets\.1", "mid.block_2"),
    (r"mid_block\.attentions\.0\.group_norm", "mid.attn_1.norm"),
    (r"mid_block\.attentions\.0\.to_([qkv])", r"mid.attn_1.\1"),
    (r"mid_block\.attentions\.0\.to_out\.0", "mid.attn_1.proj_out"),
    (r"down_blocks\.(\d)\.resnets\.(\d)", r"down.\1.block.\2"),
    (r"down_blocks\.(\d)\.downsamplers\.0\.conv", r"down.\1.downsample.conv"),
    (r"up_blocks\.(\d)\.resnets\.(\d)", r"up.@\1.block.\2"),
    (r"up_blocks\.(\d)\.upsamplers\.0\.conv", r"up.@\1.upsample.conv"),
    ("conv_shortcut", "nin_shortcut"),
    ("conv_norm_out", "norm_out"),
)
_OPEN_CLIP = (
    (r"^text_model\.encoder\.layers", "transformer.resblocks"),
    (r"^text_model\.final_layer_norm", "ln_final"),
    (r"^text_model\.embeddings\.token_embedding", "token_embedding"),
    (r"^text_model\.embeddings\.position_embedding\.weight", "positional_embedding"),
    (r"^text_projection\.weight", "text_projection"),
    ("layer_norm", "ln_"),
    (r"\.fc1\.", ".c_fc."),
    (r"\.fc2\.", ".c_proj."),
    ("self_attn", "attn"),
)


def write_single_file(pipe: Any, path: Path, *, with_vae: bool = True) -> None:
    tensors = tensors_of(pipe, with_vae=with_vae)
    save_file({name: value.contiguous() for name, value in tensors.items()}, path)


def tensors_of(pipe: Any, *, with_vae: bool = True) -> dict[str, torch.Tensor]:
    tensors = {
        f"model.diffusion_model.{name}": value for name, value in _unet(pipe.unet.state_dict())
    }
    if with_vae:
        vae = _vae(pipe.vae.state_dict())
        tensors |= {f"first_stage_model.{name}": value for name, value in vae}
    if hasattr(pipe, "text_encoder_2"):
        tensors |= _clip(pipe.text_encoder, "conditioner.embedders.0.transformer.")
        tensors |= _open_clip(pipe.text_encoder_2, "conditioner.embedders.1.model.")
    else:
        tensors |= _clip(pipe.text_encoder, "cond_stage_model.transformer.")
    return tensors


def _unet(weights: dict[str, torch.Tensor]) -> Iterator[tuple[str, torch.Tensor]]:
    layers = 1 + max(int(n.split(".")[3]) for n in weights if n.startswith("down_blocks.0.resnets"))
    for name, value in weights.items():
        yield _named_in_resnet(_placed(name, weights, layers)), value


def _placed(name: str, weights: dict[str, torch.Tensor], layers: int) -> str:
    for ours, theirs in _AROUND:
        if name.startswith(f"{ours}."):
            return name.replace(ours, theirs, 1)
    way, level, kind, index, rest = _split(name)
    if way == "down_blocks":
        if kind == "downsamplers":
            return f"input_blocks.{(level + 1) * (layers + 1)}.0.{rest.replace('conv', 'op', 1)}"
        return f"input_blocks.{1 + level * (layers + 1) + index}.{kind == 'attentions':d}.{rest}"
    if kind == "upsamplers":
        has_attention = any(n.startswith(f"up_blocks.{level}.attentions") for n in weights)
        return f"output_blocks.{level * (layers + 1) + layers}.{1 + has_attention}.{rest}"
    return f"output_blocks.{level * (layers + 1) + index}.{kind == 'attentions':d}.{rest}"


def _split(name: str) -> tuple[str, int, str, int, str]:
    way, level, kind, index, rest = name.split(".", 4)
    return way, int(level), kind, int(index), rest


def _named_in_resnet(name: str) -> str:
    if "attn" in name or "transformer_blocks" in name:
        return name
    for ours, theirs in _RESNET:
        name = re.sub(rf"\.{ours}\.", f".{theirs}.", name)
    return name


def _vae(weights: dict[str, torch.Tensor]) -> Iterator[tuple[str, torch.Tensor]]:
    levels = 1 + max(int(n.split(".")[2]) for n in weights if n.startswith("decoder.up_blocks"))
    for name, value in weights.items():
        renamed = name
        for ours, theirs in _VAE:
            renamed = re.sub(ours, theirs, renamed)
        renamed = re.sub(r"@(\d)", lambda found: str(levels - 1 - int(found[1])), renamed)
        is_projection = ".attn_1." in renamed and value.dim() == 2
        yield renamed, value[:, :, None, None] if is_projection else value


def _clip(encoder: Any, prefix: str) -> dict[str, torch.Tensor]:
    weights = encoder.state_dict()
    inner = "" if any(name.startswith("text_model.") for name in weights) else "text_model."
    return {f"{prefix}{inner}{name}": value for name, value in weights.items()}


def _open_clip(encoder: Any, prefix: str) -> dict[str, torch.Tensor]:
    weights, tensors = encoder.state_dict(), dict[str, torch.Tensor]()
    for name, value in weights.items():
        renamed = name
        for ours, theirs in _OPEN_CLIP:
            renamed = re.sub(ours, theirs, renamed)
        if renamed == "text_projection":
            tensors[prefix + renamed] = value.T
        elif ".q_proj." in renamed:
            rows = [weights[name.replace("q_proj", f"{each}_proj")] for each in "qkv"]
            renamed = renamed.replace("q_proj.", "in_proj_")
            tensors[prefix + renamed] = torch.cat(rows)
        elif ".k_proj." not in renamed and ".v_proj." not in renamed:
            tensors[prefix + renamed] = value
    return tensors
