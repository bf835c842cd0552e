"""The trained parts together, as an ordinary Stable Diffusion pipeline in memory or on disk."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import torch
from diffusers import AutoencoderKL, StableDiffusionPipeline, UNet2DConditionModel
from transformers import CLIPTextModel, CLIPTokenizer

from generation.demo_model.architecture import new_scheduler


def assemble(
    *,
    vae: AutoencoderKL,
    text_encoder: CLIPTextModel,
    tokenizer: CLIPTokenizer,
    unet: UNet2DConditionModel,
) -> StableDiffusionPipeline:
    """The pipeline of these parts, without a safety checker: it cannot draw anything unsafe."""
    pipeline = StableDiffusionPipeline(
        vae=vae,
        text_encoder=text_encoder,
        tokenizer=tokenizer,
        unet=unet,
        scheduler=new_scheduler(),
        safety_checker=None,
        feature_extractor=None,
        requires_safety_checker=False,
    )
    pipeline.set_progress_bar_config(disable=True)
    return pipeline


def load(folder: Path, device: torch.device | None = None) -> StableDiffusionPipeline:
    """The pipeline saved there, in fp32."""
    pipeline = StableDiffusionPipeline.from_pretrained(
        folder, local_files_only=True, use_safetensors=True, dtype=torch.float32
    )
    pipeline.set_progress_bar_config(disable=True)
    return pipeline.to(device) if device else pipeline


def save(pipeline: StableDiffusionPipeline, folder: Path) -> None:
    """Writes the pipeline there whole, replacing what was: UNet and VAE in fp16, text in fp32.

    transformers keeps a stored fp16 while diffusers loads fp32 by default, so an fp16 text
    encoder would crash whoever loads without naming a dtype.
    """
    partial = folder.with_name(folder.name + ".partial")
    shutil.rmtree(partial, ignore_errors=True)
    unet, vae = _in_half(pipeline.unet), _in_half(pipeline.vae)
    StableDiffusionPipeline(
        vae=vae,
        text_encoder=pipeline.text_encoder,
        tokenizer=pipeline.tokenizer,
        unet=unet,
        scheduler=pipeline.scheduler,
        safety_checker=None,
        feature_extractor=None,
        requires_safety_checker=False,
    ).save_pretrained(partial, safe_serialization=True)
    _forget_paths(partial)
    shutil.rmtree(folder, ignore_errors=True)
    partial.rename(folder)


def _in_half(
    part: AutoencoderKL | UNet2DConditionModel,
) -> AutoencoderKL | UNet2DConditionModel:
    copy = type(part).from_config(part.config)
    copy.load_state_dict(part.state_dict())
    return copy.half()


def _forget_paths(folder: Path) -> None:
    """Drops ``_name_or_path``: where the parts lay on the machine that trained them."""
    for path in folder.rglob("*.json"):
        if path.parent.name == "tokenizer" and path.name != "tokenizer_config.json":
            continue
        values = json.loads(path.read_text(encoding="utf-8"))
        for key in ("_name_or_path", "name_or_path"):
            values.pop(key, None)
        path.write_text(json.dumps(values, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
