"""LoRAs through a real worker process: offered, used by jobs beside each other, and refused."""

from __future__ import annotations

import asyncio
import io
from pathlib import Path

from PIL import Image, ImageChops

from generation import demo_model
from generation.backends.base import Done, Failed, Work
from generation.backends.local import LocalBackend
from generation.errors import LoraUnusable
from generation.types import Lora, new_job_id
from generation.worker.settings import LocalModel
from tests.generation.local_models import params

DEMO = LocalModel(
    name="demo",
    title="Demo",
    path=demo_model.MODEL_DIR,
    min_side=demo_model.SMALLEST_SIDE,
    multiple_of=demo_model.SIDE_MULTIPLE,
    loras=tuple(demo_model.LORAS.values()),
)
NEON = (Lora(name="neon"),)


async def outcome(backend: LocalBackend, *loras: Lora) -> Done | Failed:
    chosen = params(model="demo", width=128, height=128, steps=3, sampler="Euler", loras=loras)
    work = Work(job_id=new_job_id(), params=chosen)
    last = [event async for event in backend.run(work)][-1]
    assert isinstance(last, Done | Failed)
    return last


def picture(ending: Done | Failed) -> Image.Image:
    assert isinstance(ending, Done), ending
    return Image.open(io.BytesIO(ending.result.outputs[0].data))


async def test_jobs_with_and_without_a_lora_run_beside_each_other(tmp_path: Path) -> None:
    (tmp_path / "old.pt").write_bytes(b"\x80\x02")
    backend = LocalBackend("local", [DEMO], device="cpu", threads=1, lora_folders=(tmp_path,))
    try:
        (model,) = (await backend.capabilities()).models
        assert [(lora.name, lora.triggers) for lora in model.loras] == [("neon", ("neon",))]
        assert (await backend.health()).problem == "lora old.pt: only .safetensors files are read"
        endings = await asyncio.gather(
            outcome(backend, *NEON), outcome(backend), outcome(backend, *NEON), outcome(backend)
        )
        neon, bare, neon_too, bare_too = (picture(ending) for ending in endings)
        assert ImageChops.difference(neon, neon_too).getbbox() is None
        assert ImageChops.difference(bare, bare_too).getbbox() is None
        assert ImageChops.difference(neon, bare).getbbox() is not None
        assert "<lora:neon:1>" in neon.text["parameters"]  # type: ignore[attr-defined]  # of a PNG
        refused = await outcome(backend, Lora(name="nosuch"))
        assert isinstance(refused, Failed)
        assert isinstance(refused.error, LoraUnusable)
        assert refused.error.sentence == "The LoRA nosuch is not there any more."
    finally:
        await backend.aclose()
