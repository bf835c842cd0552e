"""Trains the neon adapter: a LoRA on the finished UNet that turns shapes into glowing tubes."""

from __future__ import annotations

import logging
from pathlib import Path
from random import Random

import torch
from diffusers import DDPMScheduler, StableDiffusionPipeline
from peft import LoraConfig
from peft.utils import get_peft_model_state_dict

from generation.demo_model.captions import describe
from generation.demo_model.domain import Kind
from generation.demo_model.latents import LatentStore
from generation.demo_model.text import token_ids

log = logging.getLogger(__name__)

RANK = 4
_BATCH = 32
_PEAK_RATE = 3e-3
_KINDS: dict[Kind, float] = {"single": 0.6, "group": 0.2, "pair": 0.2}
_LAYERS = r".*\.(to_q|to_k|to_v|to_out\.0|conv1|conv2|time_emb_proj)"


def train_neon(
    pipeline: StableDiffusionPipeline, file: Path, *, steps: int, cached: int = 1500
) -> None:
    """Trains the adapter and writes it to ``file``; the pipeline comes back without it.

    Half the captions say "neon", so the word helps but is not needed.
    """
    unet = pipeline.unet
    unet.requires_grad_(requires_grad=False)
    torch.manual_seed(0)
    unet.add_adapter(
        LoraConfig(r=RANK, lora_alpha=RANK, init_lora_weights="gaussian", target_modules=_LAYERS)
    )
    weights = [parameter for parameter in unet.parameters() if parameter.requires_grad]
    optimizer = torch.optim.AdamW(weights, lr=_PEAK_RATE, weight_decay=0.0)
    store = LatentStore(
        vae=pipeline.vae, size=(256, 256), capacity=cached, seed="neon", look="neon"
    )
    store.add(cached, _KINDS)
    for step in range(steps):
        for group in optimizer.param_groups:
            group["lr"] = _PEAK_RATE * min(1.0, (step + 1) / 20) * max(0.03, 1 - step / steps)
        loss = _loss(pipeline, store, Random(f"neon {step}"))
        optimizer.zero_grad()
        torch.autograd.backward(loss)
        torch.nn.utils.clip_grad_norm_(weights, 1.0)
        optimizer.step()
        if step % 20 == 19:
            log.info("lora step=%d loss=%.4f", step + 1, float(loss.detach()))
    layers = get_peft_model_state_dict(unet)
    file.parent.mkdir(parents=True, exist_ok=True)
    StableDiffusionPipeline.save_lora_weights(
        save_directory=file.parent,
        weight_name=file.name,
        unet_lora_layers={name: value.half() for name, value in layers.items()},
        safe_serialization=True,
    )
    unet.unload_lora()


def _loss(pipeline: StableDiffusionPipeline, store: LatentStore, rng: Random) -> torch.Tensor:
    device = pipeline.device
    noise_scheduler = DDPMScheduler.from_config(pipeline.scheduler.config)
    pictures, latents = store.sample(rng, _BATCH)
    texts = [
        "" if rng.random() < 0.1 else rng.choice(("", "neon ")) + describe(picture, rng).text
        for picture in pictures
    ]
    latents = latents.to(device)
    generator = torch.Generator(device).manual_seed(rng.getrandbits(63))
    noise = torch.randn(latents.shape, generator=generator, device=device)
    times = ((torch.arange(_BATCH, device=device) + rng.random()) * (1000 / _BATCH)).long()
    with torch.no_grad():
        tokens = token_ids(pipeline.tokenizer, texts).to(device)
        hidden = pipeline.text_encoder(input_ids=tokens).last_hidden_state
    with torch.autocast(device.type, torch.bfloat16):
        predicted = pipeline.unet(
            noise_scheduler.add_noise(latents, noise, times),
            times,
            encoder_hidden_states=hidden,
            return_dict=False,
        )[0]
    target = noise_scheduler.get_velocity(latents, noise, times)
    return torch.nn.functional.mse_loss(predicted.float(), target)
