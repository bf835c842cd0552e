"""Teaches the autoencoder to sharpen what area averaging blurred, and whitens its latents."""

from __future__ import annotations

import logging
import math
import time
from pathlib import Path
from random import Random

import numpy as np
import torch
from diffusers import AutoencoderKL
from torch import Tensor
from torch.nn import functional

from generation.demo_model.architecture import LATENT_CHANNELS, grown, new_autoencoder
from generation.demo_model.checkpoints import MovingAverage, resume, save_state
from generation.demo_model.domain import draw_lots
from generation.demo_model.render import render

log = logging.getLogger(__name__)

_BATCH = 12
_CROP = 128
_SIDES = (128, 192, 256, 256, 256, 320)
_NEON_SHARE = 0.12
_PEAK_RATE = 2e-3
_SMALLEST_SPREAD = 0.35
"""Latent directions fainter than this share of the strongest are not amplified to its strength."""


def train_autoencoder(out: Path, *, steps: int, device: torch.device) -> AutoencoderKL:
    """The trained, whitened autoencoder; goes on from ``out/vae.pt`` where that exists."""
    vae = new_autoencoder().to(device, memory_format=torch.channels_last)
    optimizer = torch.optim.AdamW(
        [
            {"params": [*vae.encoder.parameters(), *vae.quant_conv.parameters()], "scale": 0.3},
            {"params": [*vae.decoder.parameters(), *vae.post_quant_conv.parameters()], "scale": 1},
        ],
        lr=_PEAK_RATE,
        weight_decay=0.0,
    )
    average = MovingAverage(vae, decay=0.998)
    begin = resume(out / "vae.pt", vae, optimizer, average)
    began = time.monotonic()
    for step in range(begin, steps):
        for group in optimizer.param_groups:
            group["lr"] = _PEAK_RATE * group["scale"] * _rate(step, steps)
        loss = _step(vae, _crops(step).to(device), seed=step)
        optimizer.zero_grad()
        torch.autograd.backward(loss)
        torch.nn.utils.clip_grad_norm_(vae.parameters(), 1.0)
        optimizer.step()
        average.update(vae)
        if step % 100 == 99:
            log.info(
                "vae step=%d loss=%.4f s=%.0f",
                step + 1,
                float(loss.detach()),
                time.monotonic() - began,
            )
        if step % 500 == 499 or step == steps - 1:
            states = {"model": vae.state_dict(), "optimizer": optimizer.state_dict()}
            save_state(
                out / "vae.pt", {**states, "average": average.state_dict(), "step": step + 1}
            )
    vae.load_state_dict(average.weights)
    whiten(vae, device)
    return vae


def grow_autoencoder(
    small: AutoencoderKL, out: Path, *, steps: int, device: torch.device
) -> AutoencoderKL:
    """An autoencoder for pictures twice as large whose latents are those of ``small``.

    So the denoiser can learn on half-size pictures, at a quarter of the cost of drawing them, and
    the shipped pipeline still draws at full size. Goes on from ``out/grown.pt``.
    """
    small = small.to(device).eval()
    vae = grown(small).to(device, memory_format=torch.channels_last)
    optimizer = torch.optim.AdamW(vae.parameters(), lr=_PEAK_RATE, weight_decay=0.0)
    average = MovingAverage(vae, decay=0.99)
    begin = resume(out / "grown.pt", vae, optimizer, average)
    for step in range(begin, steps):
        for group in optimizer.param_groups:
            group["lr"] = 0.6 * _PEAK_RATE * _rate(step, steps)
        loss = _growth_loss(vae, small, _crops(step + 1_000_000).to(device), seed=step)
        optimizer.zero_grad()
        torch.autograd.backward(loss)
        torch.nn.utils.clip_grad_norm_(vae.parameters(), 1.0)
        optimizer.step()
        average.update(vae)
        if step % 50 == 49:
            log.info("grown step=%d loss=%.4f", step + 1, float(loss.detach()))
        if step % 200 == 199 or step == steps - 1:
            states = {"model": vae.state_dict(), "optimizer": optimizer.state_dict()}
            kept = {**states, "average": average.state_dict(), "step": step + 1}
            save_state(out / "grown.pt", kept)
    vae.load_state_dict(average.weights)
    return vae


def _growth_loss(
    vae: AutoencoderKL, small: AutoencoderKL, pictures: Tensor, *, seed: int
) -> Tensor:
    generator = torch.Generator(pictures.device).manual_seed(seed)
    with torch.autocast(pictures.device.type, torch.bfloat16):
        with torch.no_grad():
            halved = functional.avg_pool2d(pictures, 2)
            wanted = small.encode(halved).latent_dist.mean.float()
        latents = vae.encode(pictures).latent_dist.mean
        strength = torch.rand(len(wanted), 1, 1, 1, generator=generator, device=wanted.device)
        noise = torch.randn(wanted.shape, generator=generator, device=wanted.device)
        decoded = vae.decode(wanted + 0.12 * strength * noise).sample
    return picture_loss(decoded.float(), pictures) + functional.mse_loss(latents.float(), wanted)


def _rate(step: int, steps: int) -> float:
    warm = min(1.0, (step + 1) / 100)
    return warm * (0.04 + 0.96 * 0.5 * (1 + math.cos(math.pi * step / steps)))


def _step(vae: AutoencoderKL, pictures: Tensor, *, seed: int) -> Tensor:
    generator = torch.Generator(pictures.device).manual_seed(seed)
    with torch.autocast(pictures.device.type, torch.bfloat16):
        latents = vae.encode(pictures).latent_dist.mean
        strength = torch.rand(len(latents), 1, 1, 1, generator=generator, device=latents.device)
        noise = torch.randn(latents.shape, generator=generator, device=latents.device)
        decoded = vae.decode(latents + 0.06 * strength * noise).sample
    return picture_loss(decoded.float(), pictures)


def picture_loss(decoded: Tensor, truth: Tensor) -> Tensor:
    """Mean error of colours and of edges; both tensors (n, 3, h, w) in [-1, 1]."""
    across = functional.l1_loss(decoded.diff(dim=3), truth.diff(dim=3))
    down = functional.l1_loss(decoded.diff(dim=2), truth.diff(dim=2))
    return (
        functional.l1_loss(decoded, truth)
        + 0.5 * functional.mse_loss(decoded, truth)
        + 0.5 * (across + down)
    )


def _crops(step: int) -> Tensor:
    rng = Random(f"vae {step}")
    crops = []
    for _ in range(_BATCH):
        side = rng.choice(_SIDES)
        look = "neon" if rng.random() < _NEON_SHARE else "usual"
        pixels = np.asarray(render(draw_lots(rng), rng, width=side, height=side, look=look))
        x, y = rng.randint(0, side - _CROP), rng.randint(0, side - _CROP)
        crops.append(pixels[y : y + _CROP, x : x + _CROP])
    return as_tensor(np.stack(crops))


def as_tensor(pixels: np.ndarray[tuple[int, ...], np.dtype[np.uint8]]) -> Tensor:
    """Pictures (n, h, w, 3) of bytes as (n, 3, h, w) in [-1, 1]."""
    tensor = torch.from_numpy(np.ascontiguousarray(pixels)).permute(0, 3, 1, 2)
    return tensor.to(torch.float32, memory_format=torch.channels_last) / 127.5 - 1


@torch.no_grad()
def whiten(vae: AutoencoderKL, device: torch.device, *, pictures: int = 384) -> None:
    """Folds a rotation and scaling into the 1×1 convolutions: latents of mean 0 and spread 1."""
    rng = Random("whiten")
    cells = []
    for _ in range(pictures // 16):
        batch = np.stack([np.asarray(render(draw_lots(rng), rng)) for _ in range(16)])
        mean = vae.encode(as_tensor(batch).to(device)).latent_dist.mean
        cells.append(mean.permute(0, 2, 3, 1).reshape(-1, LATENT_CHANNELS).double().cpu())
    values = torch.cat(cells)
    centre = values.mean(0)
    spreads, axes = torch.linalg.eigh(torch.cov((values - centre).T))
    scale = spreads.clamp_min(float(spreads.max()) * _SMALLEST_SPREAD**2).rsqrt()
    forward = torch.diag(scale) @ axes.T
    backward = axes @ torch.diag(1 / scale)
    encode, decode = vae.quant_conv, vae.post_quant_conv
    n = LATENT_CHANNELS
    old_weight = encode.weight[:n, :, 0, 0].double().cpu()
    old_bias = encode.bias[:n].double().cpu()
    encode.weight[:n, :, 0, 0] = (forward @ old_weight).to(encode.weight)
    encode.bias[:n] = (forward @ (old_bias - centre)).to(encode.bias)
    out_weight = decode.weight[:, :, 0, 0].double().cpu()
    decode.bias += (out_weight @ centre).to(decode.bias)
    decode.weight[:, :, 0, 0] = (out_weight @ backward).to(decode.weight)
