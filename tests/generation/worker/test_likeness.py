"""IP-Adapters: tiny ones with random weights, on tiny UNets, through the worker's own painter."""

from __future__ import annotations

import io
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
import transformers
from PIL import Image
from safetensors.torch import save_file

from generation.types import Task
from generation.worker.candidates import examine
from generation.worker.extras import ExtrasFinder
from generation.worker.gatherer import Gatherer, JobCancelled
from generation.worker.models import LoadedModel, ModelShelf
from generation.worker.settings import LocalModel, WorkerSettings
from generation.worker.speed.plan import Place
from tests.generation.worker.tiny_families import draw, meet, picture, png

GREEN, BLUE, HALF = (
    png("RGB", (90, 200, 40)),
    png("RGB", (20, 30, 220)),
    png("RGB", (250, 250, 240), half=(10, 10, 10)),
)
NAMES = ("sd15", "sdxl")
TASKS = (Task.TXT2IMG, Task.IMG2IMG, Task.INPAINT)
CPU = torch.device("cpu")

pytestmark = pytest.mark.filterwarnings("ignore")  # libraries' own, while they load a model


def local(name: str, folder: Path | None) -> LocalModel:
    return LocalModel(
        name=name,
        title=name,
        path=Path(f"random:tiny-{name}"),
        ip_adapter=None if folder is None else folder / "adapter.safetensors",
        image_encoder=None if folder is None else folder / "image_encoder",
    )


def load(model: LocalModel) -> LoadedModel:
    shelf = ModelShelf(WorkerSettings(models=(model,), slots=8), CPU, torch.float32)
    shelf.open()
    return shelf.load(model.name)


def write_adapter(unet: Any, folder: Path, *, is_plus: bool) -> None:
    """An adapter in the layout of the published files, and a tiny encoder beside it."""
    torch.manual_seed(0)
    config = transformers.CLIPVisionConfig(
        hidden_size=32,
        intermediate_size=64,
        num_hidden_layers=3,
        num_attention_heads=2,
        image_size=32,
        patch_size=8,
        projection_dim=24,
    )
    encoder = transformers.CLIPVisionModelWithProjection(config)
    encoder.save_pretrained(str(folder / "image_encoder"))
    wide = unet.config.cross_attention_dim
    state = _plus(wide) if is_plus else _plain(wide)
    key = 1
    for name in unet.attn_processors:
        if name.endswith("attn2.processor"):
            keys = unet.get_submodule(name.removesuffix(".processor")).to_k.weight
            for each in ("to_k_ip", "to_v_ip"):
                state[f"ip_adapter.{key}.{each}.weight"] = 0.2 * torch.randn_like(keys)
            key += 2
    save_file(state, str(folder / "adapter.safetensors"))


def _plain(wide: int) -> dict[str, torch.Tensor]:
    return {
        "image_proj.proj.weight": torch.randn(4 * wide, 24),
        "image_proj.proj.bias": torch.randn(4 * wide),
        "image_proj.norm.weight": torch.ones(wide),
        "image_proj.norm.bias": torch.zeros(wide),
    }


def _plus(wide: int) -> dict[str, torch.Tensor]:
    """A resampler with the published number of layers and width of a head."""
    inner = 64
    state = {
        "latents": torch.randn(1, 4, inner),
        "proj_in.weight": torch.randn(inner, 32),
        "proj_in.bias": torch.zeros(inner),
        "proj_out.weight": torch.randn(wide, inner),
        "proj_out.bias": torch.zeros(wide),
        "norm_out.weight": torch.ones(wide),
        "norm_out.bias": torch.zeros(wide),
    }
    for layer in range(4):
        attention, forward = f"layers.{layer}.0", f"layers.{layer}.1"
        for norm in (f"{attention}.norm1", f"{attention}.norm2", f"{forward}.0"):
            state |= {f"{norm}.weight": torch.ones(inner), f"{norm}.bias": torch.zeros(inner)}
        state |= {
            f"{attention}.to_q.weight": 0.2 * torch.randn(inner, inner),
            f"{attention}.to_kv.weight": 0.2 * torch.randn(2 * inner, inner),
            f"{attention}.to_out.weight": 0.2 * torch.randn(inner, inner),
            f"{forward}.1.weight": 0.2 * torch.randn(4 * inner, inner),
            f"{forward}.3.weight": 0.2 * torch.randn(inner, 4 * inner),
        }
    return {f"image_proj.{name}": value for name, value in state.items()}


@pytest.fixture(scope="module", params=[*NAMES, "sd15-plus"])
def able(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> LoadedModel:
    """A model with an adapter that has not been used yet."""
    torch.set_num_threads(1)
    name, _, kind = str(request.param).partition("-")
    folder = tmp_path_factory.mktemp("adapter")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        bare = load(local(name, None))
        write_adapter(bare.denoiser, folder, is_plus=kind == "plus")
        return load(local(name, folder))


@pytest.fixture
def bare(able: LoadedModel, gatherer: Gatherer) -> Iterator[torch.Tensor]:
    """What the model draws without pictures; it still does so afterwards, to the last bit."""
    before = picture(able, gatherer)
    yield before
    assert torch.equal(picture(able, gatherer), before)
    assert able.denoiser.encoder_hid_proj is None


def test_a_model_with_an_adapter_offers_to_look_at_pictures(able: LoadedModel) -> None:
    info = able.info
    assert info.looks == {Task.TXT2IMG, Task.IMG2IMG, Task.INPAINT}
    assert (info.max_references, info.uses_reference_weight) == (4, True)


@pytest.mark.parametrize("task", TASKS)
def test_pictures_decide_about_the_picture(
    able: LoadedModel, task: Task, gatherer: Gatherer, bare: torch.Tensor
) -> None:
    assert bare is not None
    plain = picture(able, gatherer, task=task)
    one = picture(able, gatherer, task=task, references=(GREEN,))
    other = picture(able, gatherer, task=task, references=(HALF,))
    both = picture(able, gatherer, task=task, references=(GREEN, HALF))
    assert torch.equal(picture(able, gatherer, task=task, references=(GREEN,)), one)
    drawn = [plain, one, other, both]
    same = [torch.equal(a, b) for i, a in enumerate(drawn) for b in drawn[:i]]
    assert not any(same)


def test_the_weight_says_how_much_they_count(
    able: LoadedModel, gatherer: Gatherer, bare: torch.Tensor
) -> None:
    def at(weight: float) -> torch.Tensor:
        return picture(able, gatherer, references=(GREEN,), reference_weight=weight)

    nothing, some, much = at(0.0), at(0.5), at(1.0)
    assert not torch.equal(some, much)
    # At nothing the same is computed with another processor, which rounds in another way.
    assert int((nothing.int() - bare.int()).abs().max()) <= 1


def test_it_draws_what_diffusers_draws_with_the_adapter(
    able: LoadedModel, gatherer: Gatherer
) -> None:
    ours = picture(able, gatherer, references=(GREEN, HALF), reference_weight=0.7)
    info, likeness = able.info, able.adapters.likeness
    assert likeness is not None
    likeness.wear(None)
    pipe, _ = able.pipeline(Task.TXT2IMG, info.sampler, info.scheduler)
    encoder = transformers.CLIPVisionModelWithProjection.from_pretrained(
        str(likeness._file.encoder)
    )
    pipe.register_modules(image_encoder=encoder)
    try:
        pipe.load_ip_adapter(
            str(likeness._file.path.parent),
            subfolder="",
            weight_name=likeness._file.path.name,
            low_cpu_mem_usage=False,
        )
        pipe.set_ip_adapter_scale(0.7)
        shown = [_opened(GREEN), _opened(HALF)]
        result = pipe(
            prompt="a red circle",
            ip_adapter_image=[shown],
            width=64,
            height=96,
            num_inference_steps=2,
            guidance_scale=info.guidance_scale,
            generator=[torch.Generator().manual_seed(7)],
            output_type="pt",
            return_dict=False,
        )
    finally:
        pipe.unload_ip_adapter()
        able.denoiser.set_attn_processor(dict(likeness._plain))
    theirs = result[0][0].permute(1, 2, 0).mul(255).round().to(torch.uint8)
    assert int((ours.int() - theirs.int()).abs().max()) <= 2


def _opened(data: bytes) -> Any:
    with Image.open(io.BytesIO(data)) as opened:
        return opened.convert("RGB")


def test_jobs_with_and_without_pictures_are_drawn_together_as_alone(able: LoadedModel) -> None:
    jobs = [
        {"prompt": "a", "references": (GREEN,), "seed": 1},
        {"prompt": "b", "references": (BLUE,), "seed": 2},
        {"prompt": "c", "references": (BLUE, HALF), "seed": 3},
        {"prompt": "d", "references": (BLUE,), "reference_weight": 0.4, "seed": 4},
        {"prompt": "e", "seed": 5},
    ]
    met = meet(able, jobs)
    assert met.difference() <= 1e-4
    assert met.calls_together < met.calls_alone


def test_a_cancelled_job_leaves_nothing_to_the_next(
    able: LoadedModel, gatherer: Gatherer, bare: torch.Tensor
) -> None:
    assert bare is not None
    seat = gatherer.seat()
    with pytest.raises(JobCancelled):
        draw(able, gatherer, lambda _: seat.cancel(), seat, references=(GREEN,), steps=4)


def test_prompts_that_and_joins_look_at_pictures_too(
    able: LoadedModel, gatherer: Gatherer, bare: torch.Tensor
) -> None:
    words = "a cat AND a dog"
    assert bare is not None
    plain = picture(able, gatherer, prompt=words)
    seen = picture(able, gatherer, prompt=words, references=(GREEN,))
    assert not torch.equal(plain, seen)


@pytest.mark.parametrize("changes", ["no adapter", "other kind", "no encoder"])
def test_an_adapter_that_cannot_be_used_is_told_and_the_model_works_without(
    changes: str, tmp_path: Path
) -> None:
    unet = load(local("sd15", None)).denoiser
    write_adapter(unet, tmp_path, is_plus=False)
    name, said = "sd15", "no IP-Adapter for Stable Diffusion"
    if changes == "no adapter":
        save_file({"x": torch.zeros(1)}, str(tmp_path / "adapter.safetensors"))
    elif changes == "other kind":
        name, said = "sdxl", "made for another kind"
    else:
        (tmp_path / "image_encoder" / "config.json").unlink()
        said = "its image encoder is missing"
    model = local(name, tmp_path)
    finder = ExtrasFinder(WorkerSettings(models=(model,)))
    found = examine(model, finder, Place.of(CPU, torch.float32))
    (problem,) = finder.problems()
    assert said in problem
    assert found.info.max_references == 0
