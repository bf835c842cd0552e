"""Trains the UNet on cached latents: close-ups of shapes first, then everything at all sizes."""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Mapping
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from random import Random
from types import MappingProxyType

import torch
from diffusers import AutoencoderKL, DDPMScheduler, UNet2DConditionModel
from diffusers.models.attention_processor import AttnProcessor
from torch import Tensor
from transformers import CLIPTextModel, CLIPTokenizer

from generation.demo_model.architecture import new_denoiser, new_scheduler
from generation.demo_model.captions import describe
from generation.demo_model.checkpoints import MovingAverage, load_state, save_state, section
from generation.demo_model.domain import BALANCED, CLOSE_UPS, SHAPELY, Kind
from generation.demo_model.latents import LatentStore, Size
from generation.demo_model.optimizer import MixedOptimizer
from generation.demo_model.text import token_ids

log = logging.getLogger(__name__)

EMPTY_SHARE = 0.12
"""The share of empty prompts, from which classifier-free guidance learns its "without"."""

MISLED_SHARE = 0.5
"""How often a picture under little noise comes with another one's prompt.

So the model learns that what can still be seen counts for more than what is said; without it,
img2img at a strength of 0.3 redraws the picture from its prompt.
"""


@dataclass(frozen=True, kw_only=True, slots=True)
class Lesson:
    """One part of the curriculum: what is drawn, how often at which size."""

    kinds: Mapping[Kind, float]
    sizes: Mapping[Size, float]


FIRST_LESSON = Lesson(kinds=CLOSE_UPS, sizes=MappingProxyType({(128, 128): 1.0}))
SECOND_LESSON = Lesson(kinds=SHAPELY, sizes=MappingProxyType({(128, 128): 1.0}))
THIRD_LESSON = Lesson(
    kinds=BALANCED,
    sizes=MappingProxyType(
        {
            (128, 128): 0.5,
            (96, 96): 0.08,
            (64, 64): 0.06,
            (192, 128): 0.06,
            (128, 192): 0.06,
            (160, 96): 0.05,
            (96, 160): 0.05,
            (144, 96): 0.07,
            (96, 144): 0.07,
        }
    ),
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Plan:
    """How long and how wide to train. ``samples`` counts pictures shown, with repeats."""

    samples: int
    batch: int = 64
    first_lesson: float = 0.3
    second_lesson: float = 0.25
    cooling: float = 0.32
    emphasised: float = 0.9
    cached: int = 12_000
    fresh: int = 6
    seed: str = "easel"
    saved_every: float = 60.0
    """Seconds between checkpoints."""

    def lesson(self, seen: int) -> Lesson:
        """What to draw after this many samples."""
        share = seen / self.samples
        if share < self.first_lesson:
            return FIRST_LESSON
        return SECOND_LESSON if share < self.first_lesson + self.second_lesson else THIRD_LESSON

    def rate(self, seen: int, *, warming: int = 6400) -> float:
        """Share of the full learning rate: a short warm-up, level, a cosine end."""
        left = (self.samples - seen) / (self.cooling * self.samples)
        cooled = 0.5 * (1 - math.cos(math.pi * min(1.0, max(0.0, left))))
        return min(1.0, (seen + 64) / warming) * max(0.01, cooled)


class Trainer:
    """The UNet, its average and its optimiser; one :meth:`step` is one batch of one size."""

    def __init__(
        self,
        plan: Plan,
        *,
        vae: AutoencoderKL,
        text_encoder: CLIPTextModel,
        tokenizer: CLIPTokenizer,
        device: torch.device,
        pool: ProcessPoolExecutor | None = None,
        unet: UNet2DConditionModel | None = None,
    ) -> None:
        self.plan = plan
        self.seen = 0
        self._vae = vae.to(device).eval()
        text_encoder.to(device)  # type: ignore[arg-type]  # its wrapper hides `self`
        self._text_encoder = text_encoder.train(mode=False).requires_grad_(requires_grad=False)
        self._tokenizer = tokenizer
        self._device = device
        self._pool = pool
        self.unet = (unet or new_denoiser()).to(device, memory_format=torch.channels_last)
        # On a CPU the fused attention's backward pass costs more than all these small products.
        self.unet.set_attn_processor(AttnProcessor())
        self.average = MovingAverage(self.unet, decay=0.998)
        self._optimizer = MixedOptimizer(self.unet)
        self._noise = DDPMScheduler.from_config(new_scheduler().config)
        self._stores: dict[Size, LatentStore] = {}
        self._stores_of = plan.lesson(0)

    def step(self) -> Tensor:
        """Shows one batch and returns its mean squared error, by quarter of the noise range."""
        plan = self.plan
        rng = Random(f"{plan.seed} step {self.seen}")
        lesson = plan.lesson(self.seen)
        size = rng.choices(list(lesson.sizes), weights=list(lesson.sizes.values()))[0]
        store = self._store(size, lesson)
        store.add(plan.fresh, lesson.kinds)
        pictures, latents = store.sample(rng, plan.batch)
        texts = [
            "" if rng.random() < EMPTY_SHARE else describe(picture, rng).text
            for picture in pictures
        ]
        errors, quarters = self._errors(latents.to(self._device), texts, rng)
        torch.autograd.backward(errors.mean())
        self._optimizer.step(rate=plan.rate(self.seen))
        self.average.update(self.unet)
        self.seen += len(pictures)
        return torch.stack([errors.detach()[quarters == q].mean() for q in range(4)]).cpu()

    def state_dict(self) -> dict[str, object]:
        """Everything :meth:`load_state_dict` needs to go on; the latents are drawn anew."""
        return {
            "unet": self.unet.state_dict(),
            "optimizer": self._optimizer.state_dict(),
            "average": self.average.state_dict(),
            "seen": self.seen,
        }

    def load_state_dict(self, state: Mapping[str, object]) -> None:
        """Goes on from a saved trainer of the same architecture."""
        self.unet.load_state_dict(section(state, "unet"))
        self._optimizer.load_state_dict(section(state, "optimizer"))
        self.average.load_state_dict(section(state, "average"))
        self.seen = int(str(state["seen"]))

    def _store(self, size: Size, lesson: Lesson) -> LatentStore:
        if lesson is not self._stores_of:
            self._stores, self._stores_of = {}, lesson
        if size not in self._stores:
            share = lesson.sizes[size]
            store = LatentStore(
                vae=self._vae,
                size=size,
                capacity=round(self.plan.cached * share) * 4 + 64,
                seed=f"{self.plan.seed} pictures {self.seen}",
                pool=self._pool,
            )
            store.add(round(self.plan.cached * share), lesson.kinds)
            log.info("latents size=%dx%d cached=%d", *size, len(store))
            self._stores[size] = store
        return self._stores[size]

    def _errors(self, latents: Tensor, texts: list[str], rng: Random) -> tuple[Tensor, Tensor]:
        count = len(latents)
        generator = torch.Generator(self._device).manual_seed(rng.getrandbits(63))
        steps = int(self._noise.config.num_train_timesteps)
        # Spread evenly over the noise range: the same mean as independent draws, less variance.
        spread = (torch.arange(count, device=self._device) + rng.random()) / count
        times = (focused(spread) * steps).long().clamp(0, steps - 1)
        noise = torch.randn(latents.shape, generator=generator, device=self._device)
        noisy = self._noise.add_noise(latents, noise, times)
        target = self._noise.get_velocity(latents, noise, times)
        with torch.no_grad():
            tokens = token_ids(self._tokenizer, texts).to(self._device)
            hidden = self._text_encoder(input_ids=tokens).last_hidden_state
            misled = torch.rand(count, generator=generator, device=self._device)
            misled = misled < MISLED_SHARE * visibility(times / steps)
            hidden = torch.where(misled[:, None, None], hidden.roll(1, 0), hidden)
        # Not torch.compile: on a CPU, 2.13's drops the gradient of the lower half, in silence.
        with torch.autocast(self._device.type, torch.bfloat16):
            predicted = self.unet(
                noisy.contiguous(memory_format=torch.channels_last),
                times,
                encoder_hidden_states=hidden,
                return_dict=False,
            )[0]
        errors = (predicted.float() - target).square()
        if self.seen < self.plan.emphasised * self.plan.samples:
            errors = errors * emphasis(latents)
        errors = errors.mean(dim=(1, 2, 3))
        return errors, times * 4 // steps


def emphasis(latents: Tensor) -> Tensor:
    """Weights (n, 1, h, w) of mean 1: cells unlike the picture's edge count three times.

    Half the cells of most pictures are ground, which is learnt long before shapes are.
    """
    sides = (latents[..., 0, :], latents[..., -1, :], latents[..., 0], latents[..., -1])
    ground = torch.cat(sides, dim=-1).median(dim=-1).values[..., None, None]
    unlike = (latents - ground).abs().amax(dim=1, keepdim=True) > 0.5
    weights = 1.0 + 2.0 * unlike
    return weights / weights.mean(dim=(1, 2, 3), keepdim=True)


def visibility(noise: Tensor) -> Tensor:
    """From 1 up to 0.26 of the noise range to 0 from 0.36 of it, where the prompt must decide."""
    return ((0.36 - noise) / 0.1).clamp(0, 1)


def focused(spread: Tensor) -> Tensor:
    """Moves even draws in [0, 1] towards 0.35–0.8 of the noise range, where shapes are decided."""
    low = spread * (0.35 / 0.19)
    middle = 0.35 + (spread - 0.19) * (0.45 / 0.62)
    high = 0.8 + (spread - 0.81) * (0.2 / 0.19)
    return torch.where(spread < 0.19, low, torch.where(spread < 0.81, middle, high))


def train_denoiser(trainer: Trainer, out: Path) -> None:
    """Trains to the end of the plan, going on from ``out/unet.pt``."""
    state = load_state(out / "unet.pt")
    if state is not None:
        trainer.load_state_dict(state)
        log.info("resumed seen=%d", trainer.seen)
    saved = told = time.monotonic()
    told_at, losses = trainer.seen, []
    while trainer.seen < trainer.plan.samples:
        losses.append(trainer.step())
        now = time.monotonic()
        if now - told > 20:
            quarters = " ".join(f"{value:.4f}" for value in torch.stack(losses).nanmean(0))
            speed = (trainer.seen - told_at) / (now - told)
            log.info("unet seen=%d loss=[%s] per_s=%.0f", trainer.seen, quarters, speed)
            told, told_at, losses = now, trainer.seen, []
        if now - saved > trainer.plan.saved_every:
            save_state(out / "unet.pt", trainer.state_dict())
            saved = now
    save_state(out / "unet.pt", trainer.state_dict())
