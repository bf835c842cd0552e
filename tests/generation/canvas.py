"""A model loaded in this process, and pictures drawn with it: what LoRAs and prompts do to them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

from generation import demo_model
from generation.backends.base import Work
from generation.types import JobId
from generation.worker.gatherer import Gatherer, Seat
from generation.worker.models import LoadedModel, ModelShelf
from generation.worker.painter import Painting, paint
from generation.worker.prompts import Manner, Texts
from generation.worker.settings import LocalModel, WorkerSettings
from tests.generation.local_models import params

DEMO = LocalModel(
    name="demo",
    title="Demo",
    path=demo_model.MODEL_DIR,
    guidance_scale=demo_model.DEFAULT_GUIDANCE,
    sampler="Euler",
    min_side=demo_model.SMALLEST_SIDE,
    multiple_of=demo_model.SIDE_MULTIPLE,
    loras=tuple(demo_model.LORAS.values()),
)


def random_model(architecture: str) -> LocalModel:
    """A tiny model of that architecture, of random weights."""
    return LocalModel(
        name=architecture, title=architecture, path=Path(f"random:tiny-{architecture}")
    )


class Canvas:
    """A model, the device's thread, and what was wrong with the files around the model."""

    def __init__(
        self,
        model: LocalModel,
        gatherer: Gatherer,
        *,
        loras: tuple[Path, ...] = (),
        embeddings: tuple[Path, ...] = (),
    ) -> None:
        torch.set_num_threads(1)  # more only fight over a busy machine's processors
        settings = WorkerSettings(models=(model,), lora_folders=loras, embedding_folders=embeddings)
        shelf = ModelShelf(settings, torch.device("cpu"), torch.float32)
        _, self.problems = shelf.open()
        self.model: LoadedModel = shelf.load(model.name)
        self.gatherer = gatherer

    def paint(self, *, seat: Seat | None = None, **changes: Any) -> Painting:
        """Two steps of a small picture."""
        chosen = {
            "model": self.model.info.name,
            "prompt": "a red circle on a blue background",
            "width": self.model.info.min_side,
            "height": self.model.info.min_side,
            "steps": 2,
            "guidance_scale": 2.0,
            "sampler": "Euler",
            **changes,
        }
        own = seat or self.gatherer.seat()
        try:
            work = Work(job_id=JobId("job"), params=params(**chosen))
            return paint(self.model, work, seat=own, on_step=lambda _: None)
        finally:
            own.leave()

    def draw(self, **changes: Any) -> torch.Tensor:
        """The first picture's pixels."""
        pixels = self.paint(**changes).pictures[0][1].pixels
        assert pixels is not None
        return pixels

    def read(self, prompt: str, negative: str | None = None, layer: int = 1) -> Texts:
        """A prompt as the model reads it."""
        return self.model.prompts.arguments(prompt, negative, 1, Manner(layer=layer))

    def embedding(self, prompt: str, layer: int = 1) -> torch.Tensor:
        """What the denoiser sees of a prompt, 1 × tokens × width."""
        return torch.as_tensor(self.read(prompt, layer=layer).arguments["prompt_embeds"])

    def bare_embedding(self, prompt: str) -> torch.Tensor:
        """The same as diffusers' own pipeline has it."""
        with torch.inference_mode():
            embedding = self.model.family.encode(self.model.base, prompt, False)["prompt_embeds"]
        return torch.as_tensor(embedding)


def without_loras(model: LocalModel) -> LocalModel:
    """The model as if it came without any."""
    return replace(model, loras=())
