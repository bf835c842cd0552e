"""ControlNets of every family that has them, against diffusers' own pipelines for them."""

from __future__ import annotations

import inspect
import io
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

import diffusers
import numpy as np
import pytest
import torch
from diffusers.models.autoencoders.vae import DiagonalGaussianDistribution
from PIL import Image

from generation.backends.base import Work
from generation.errors import ControlUnusable
from generation.types import Control, JobId, Task
from generation.worker.gatherer import Gatherer
from generation.worker.models import LoadedModel, ModelShelf
from generation.worker.painter import Painting, paint
from generation.worker.random_models import PREFIX, TINY
from generation.worker.samplers import draw_noise_from
from generation.worker.settings import ControlPlace, LocalModel, WorkerSettings
from tests.generation.local_models import params
from tests.generation.worker.controls.tiny_controls import save_control

WIDTH, HEIGHT, STEPS = 64, 96, 3

pytestmark = pytest.mark.filterwarnings("ignore")  # libraries' own, while they load a model


@dataclass(frozen=True, eq=False)
class Case:
    """A family's tiny model, a ControlNet for it, and diffusers' pipelines for both."""

    model: str
    pipelines: dict[Task, str]
    variant: str = ""
    kind: str = "canny"
    mode: int | None = None

    def __str__(self) -> str:
        return f"{self.model} {self.variant}".strip()


_SD = {
    Task.TXT2IMG: "StableDiffusionControlNetPipeline",
    Task.IMG2IMG: "StableDiffusionControlNetImg2ImgPipeline",
    Task.INPAINT: "StableDiffusionControlNetInpaintPipeline",
}
_XL = {
    Task.TXT2IMG: "StableDiffusionXLControlNetPipeline",
    Task.IMG2IMG: "StableDiffusionXLControlNetImg2ImgPipeline",
    Task.INPAINT: "StableDiffusionXLControlNetInpaintPipeline",
}
_UNION = {
    Task.TXT2IMG: "StableDiffusionXLControlNetUnionPipeline",
    Task.IMG2IMG: "StableDiffusionXLControlNetUnionImg2ImgPipeline",
    Task.INPAINT: "StableDiffusionXLControlNetUnionInpaintPipeline",
}
_FLUX = {
    Task.TXT2IMG: "FluxControlNetPipeline",
    Task.IMG2IMG: "FluxControlNetImg2ImgPipeline",
    Task.INPAINT: "FluxControlNetInpaintPipeline",
}
_SD3 = {Task.TXT2IMG: "StableDiffusion3ControlNetPipeline"}
_QWEN = {Task.TXT2IMG: "QwenImageControlNetPipeline"}
_Z = {Task.TXT2IMG: "ZImageControlNetPipeline"}

CASES = (
    Case("sd15", _SD),
    Case("sd15-inpainting", {}),  # theirs know no model with the mask among its channels
    Case("sdxl", _XL),
    Case("sdxl", _UNION, variant="union", mode=3),
    Case("sd3", _SD3),
    Case("sd3", _SD3, variant="own"),
    Case("flux", _FLUX),
    Case("flux", _FLUX, variant="union", kind="depth", mode=2),
    Case("flux", _FLUX, variant="own"),
    Case("flux-schnell", _FLUX),
    Case("qwen-image", _QWEN),
    Case("z-image", _Z),
    Case("z-image-turbo", _Z, variant="own"),
)
THEIRS = [(case, task) for case in CASES for task in case.pipelines]


@cache
def loaded(case: Case) -> LoadedModel:
    torch.set_num_threads(1)
    path = Path(f"{PREFIX}{TINY}{case.model}")
    bare = load(LocalModel(name=case.model, title=case.model, path=path))
    folder = save_control(Path(mkdtemp()), bare.denoiser, case.variant)
    place = ControlPlace(kind=case.kind, path=folder)
    return load(LocalModel(name=case.model, title=case.model, path=path, controls=(place,)))


def load(model: LocalModel) -> LoadedModel:
    shelf = ModelShelf(WorkerSettings(models=(model,), slots=8), torch.device("cpu"), torch.float32)
    _, problems = shelf.open()
    assert problems == ()
    return shelf.load(model.name)


@pytest.fixture(scope="module")
def gatherer() -> Iterator[Gatherer]:
    gatherer = Gatherer(threads=1)
    gatherer.start()
    yield gatherer
    gatherer.stop()


def noise(seed: int) -> Image.Image:
    values = np.random.default_rng(seed).integers(0, 255, (HEIGHT, WIDTH, 3), dtype=np.uint8)
    return Image.fromarray(values)


def png(picture: Image.Image) -> bytes:
    buffer = io.BytesIO()
    picture.save(buffer, "PNG")
    return buffer.getvalue()


SEEN, START = noise(1), noise(2)
MASK = Image.new("L", (WIDTH, HEIGHT), 255)
MASK.paste(0, (0, 0, WIDTH // 2, HEIGHT))


def draw(
    case: Case, gatherer: Gatherer, *controls: Control, task: Task = Task.TXT2IMG, **more: Any
) -> torch.Tensor:
    model = loaded(case)
    chosen: dict[str, Any] = {
        "model": case.model,
        "width": WIDTH,
        "height": HEIGHT,
        "steps": STEPS,
        "task": task,
        "sampler": model.info.sampler if model.info.sampler != "Euler a" else "Euler",
        "guidance_scale": model.info.guidance_scale,
        "strength": 1.0 if task is Task.TXT2IMG else 0.7,
        "controls": controls,
        **more,
    }
    work = Work(
        job_id=JobId("job"),
        params=params(**chosen),
        image=None if task is Task.TXT2IMG else png(START),
        mask=png(MASK) if task is Task.INPAINT else None,
        controls=(png(SEEN),) * len(controls),
    )
    seat = gatherer.seat()
    try:
        painting: Painting = paint(model, work, seat=seat, on_step=lambda _: None)
    finally:
        seat.leave()
    ((_, decoded),) = painting.pictures
    assert decoded.pixels is not None
    return decoded.pixels


def control(case: Case, **more: Any) -> Control:
    return Control(kind=case.kind, prepare=False, **more)


def apart(one: torch.Tensor, other: torch.Tensor) -> int:
    return int((one.int() - other.int()).abs().max())


@pytest.mark.parametrize("case", CASES, ids=str)
def test_a_control_changes_the_picture_as_far_as_its_weight_says(
    case: Case, gatherer: Gatherer
) -> None:
    def drawn(*controls: Control) -> torch.Tensor:
        return draw(case, gatherer, *controls, task=task)

    task = Task.TXT2IMG if case.pipelines else Task.INPAINT
    plain, held = drawn(), drawn(control(case))
    assert torch.equal(plain, drawn(control(case, weight=0.0)))
    assert apart(plain, held) > 2
    assert apart(held, drawn(control(case, weight=0.5))) > 2
    assert torch.equal(held, drawn(control(case)))


@pytest.mark.parametrize("case", CASES, ids=str)
def test_every_task_of_the_family_takes_a_control(case: Case, gatherer: Gatherer) -> None:
    for task in loaded(case).info.tasks - {Task.EDIT}:
        plain = draw(case, gatherer, task=task)
        assert not torch.equal(plain, draw(case, gatherer, control(case), task=task)), task


@pytest.mark.parametrize(("case", "task"), THEIRS, ids=str)
def test_it_draws_what_diffusers_draws_with_the_same_control(
    case: Case, task: Task, gatherer: Gatherer, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Theirs draw the control's latents from the job's noise; ours are the same each time.
    monkeypatch.setattr(
        *(DiagonalGaussianDistribution, "sample"), lambda self, *_, **__: self.mode()
    )
    one = control(case, weight=0.8, start=0.0, end=1.0)
    ours = draw(case, gatherer, one, task=task)
    theirs = drawn_by_diffusers(case, task, one)
    assert apart(ours, theirs) <= 1


def drawn_by_diffusers(case: Case, task: Task, one: Control) -> torch.Tensor:
    model = loaded(case)
    info, base = model.info, model.base
    kind: Any = getattr(diffusers, case.pipelines[task])
    sampler = info.sampler if info.sampler != "Euler a" else "Euler"
    plain, _ = model.pipeline(task, sampler, "Automatic")
    with model.controls.held([case.kind], lambda function: function(), apart=False) as held:
        module = held[0].module
    texts = model.prompts.arguments("a red circle", "" if info.uses_negative_prompt else None, 1)
    parts = {**base.config, **base.components, "scheduler": plain.scheduler, "controlnet": module}
    accepted = set(kind._get_signature_keys(kind)[0]) | set(kind._get_signature_keys(kind)[1])
    pipe = kind(**{name: part for name, part in parts.items() if name in accepted})
    generator = [torch.Generator().manual_seed(7)]
    draw_noise_from(pipe.scheduler, generator)
    image = "image" if task is Task.TXT2IMG and case.model in {"sd15", "sdxl"} else "control_image"
    image = "control_image" if case.variant == "union" else image
    asked: dict[str, Any] = {
        **texts.arguments,
        **model.family.guide(info.guidance_scale),
        image: SEEN,
        "controlnet_conditioning_scale": one.weight,
        "width": WIDTH,
        "height": HEIGHT,
        "num_inference_steps": STEPS,
        "generator": generator,
        "output_type": "pt",
        "return_dict": False,
    }
    if case.mode is not None:
        asked["control_mode"] = [case.mode] if case.model == "sdxl" else case.mode
    if task is not Task.TXT2IMG:
        asked |= {"image": START, "strength": 0.7}
    if task is Task.INPAINT:
        asked["mask_image"] = MASK
    known = inspect.signature(pipe.__call__).parameters
    asked = {name: value for name, value in asked.items() if name in known}
    pixels: torch.Tensor = pipe(**asked)[0][0]
    return pixels.permute(1, 2, 0).mul(255).round().to(torch.uint8)


def test_two_controlnets_of_different_depth_are_refused_with_a_sentence(
    gatherer: Gatherer, tmp_path: Path
) -> None:
    path = Path(f"{PREFIX}{TINY}flux")
    bare = load(LocalModel(name="flux", title="flux", path=path))
    places = tuple(
        ControlPlace(
            kind=kind,
            path=save_control(tmp_path / kind, bare.denoiser, "", num_layers=layers),
        )
        for kind, layers in (("canny", 1), ("depth", 2))
    )
    model = load(LocalModel(name="flux", title="flux", path=path, controls=places))
    controls = tuple(Control(kind=kind, prepare=False) for kind in ("canny", "depth"))
    wanted = params(model="flux", sampler="Euler", controls=controls)
    seat = gatherer.seat()
    work = Work(job_id=JobId("job"), params=wanted, controls=(png(SEEN),) * 2)
    with pytest.raises(ControlUnusable, match="cannot be used together"):
        paint(model, work, seat=seat, on_step=lambda _: None)
    seat.leave()
