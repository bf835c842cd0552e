"""LoRAs on a model: each job has its own, and no job has another's."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from generation import demo_model
from generation.errors import LoraUnusable
from generation.types import Lora
from generation.worker.adapters import outfit_of
from generation.worker.gatherer import Gatherer
from generation.worker.prompts import Manner
from tests.generation.canvas import DEMO, Canvas, random_model

pytestmark = pytest.mark.filterwarnings("ignore")  # libraries' own, while they load a model

NEON = (Lora(name="neon"),)
FAINT = (Lora(name="neon", weight=0.5),)
ATTENTION = "down_blocks_2_attentions_0_transformer_blocks_0_attn2_to_k"
SELF_ATTENTION = "text_model_encoder_layers_0_self_attn"


def write_lora(path: Path, *, text: bool = False, out: int = 144, seed: int) -> Path:
    """A LoRA as kohya's trainer writes it, for a layer of the UNet and perhaps some of the text."""
    generator = torch.Generator().manual_seed(seed)
    sides = {f"lora_unet_{ATTENTION}": (out, 128)}
    if text:
        sides |= {f"lora_te_{SELF_ATTENTION}_{part}": (128, 128) for part in ("q_proj", "out_proj")}
    tensors: dict[str, torch.Tensor] = {}
    for name, (rows, columns) in sides.items():
        tensors[f"{name}.lora_down.weight"] = torch.randn(4, columns, generator=generator)
        tensors[f"{name}.lora_up.weight"] = torch.randn(rows, 4, generator=generator)
        tensors[f"{name}.alpha"] = torch.tensor(4.0)
    path.parent.mkdir(parents=True, exist_ok=True)
    save_file(tensors, path, {"ss_output_name": "Made here"})
    return path


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("loras")
    write_lora(folder / "shapes.safetensors", seed=1)
    write_lora(folder / "words.safetensors", text=True, seed=2)
    write_lora(folder / "wrong.safetensors", text=True, out=145, seed=3)
    return folder


@pytest.fixture(scope="module")
def canvas(folder: Path, device: Gatherer) -> Canvas:
    return Canvas(DEMO, device, loras=(folder,))


@pytest.fixture(autouse=True)
def settled(canvas: Canvas) -> Iterator[None]:
    yield
    assert canvas.model.adapters._wearers == {}


def test_the_demo_models_lora_is_offered_with_its_trigger_word(canvas: Canvas) -> None:
    (neon,) = [lora for lora in canvas.model.info.loras if lora.name == "neon"]
    assert neon.triggers == ("neon",)
    assert {lora.title for lora in canvas.model.info.loras} == {"neon", "Made here"}


def test_a_lora_changes_the_picture_and_its_weight_how_much(canvas: Canvas) -> None:
    bare, faint, full = (canvas.draw(loras=each).int() for each in ((), FAINT, NEON))
    assert (full - bare).abs().float().mean() > (faint - bare).abs().float().mean() > 1


def test_the_model_is_bit_for_bit_itself_afterwards(canvas: Canvas) -> None:
    clean = Canvas(DEMO, canvas.gatherer)
    bare = clean.draw()
    canvas.draw(loras=(*NEON, Lora(name="words")))
    assert torch.equal(canvas.draw(), bare)
    assert torch.equal(canvas.embedding("a star"), clean.embedding("a star"))


def test_no_weight_of_the_model_is_touched(canvas: Canvas) -> None:
    def values() -> dict[str, torch.Tensor]:
        state = canvas.model.base.unet.state_dict()
        return {
            name.replace(".base_layer", ""): value.clone()
            for name, value in state.items()
            if ".lora_" not in name
        }

    before = values()
    canvas.draw(loras=NEON)
    after = values()
    assert before.keys() == after.keys()
    assert all(torch.equal(before[name], after[name]) for name in before)


def test_jobs_with_other_loras_beside_them_get_what_they_get_alone(canvas: Canvas) -> None:
    both = (*NEON, Lora(name="words", weight=-0.5))
    wishes = [(), NEON, both, FAINT, NEON, (), (Lora(name="words"),)]
    alone = [canvas.draw(loras=loras) for loras in wishes]
    found: dict[int, torch.Tensor] = {}

    def draw(index: int) -> None:
        found[index] = canvas.draw(loras=wishes[index])

    threads = [threading.Thread(target=draw, args=(index,)) for index in range(len(wishes))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for index, expected in enumerate(alone):
        assert (found[index].int() - expected.int()).abs().max() <= 1


def test_the_order_of_loras_makes_no_difference() -> None:
    assert outfit_of([Lora(name="b", weight=0.5), Lora(name="a")]) == (("a", 1.0), ("b", 0.5))
    assert outfit_of([Lora(name="a", weight=0.0)]) == ()


def test_a_lora_of_the_text_encoder_changes_what_words_mean(canvas: Canvas) -> None:
    def meaning(*loras: Lora) -> torch.Tensor:
        outfit = outfit_of(loras)
        with canvas.model.adapters.held(outfit, lambda load: load()):
            texts = canvas.model.prompts.arguments("a star", None, 1, Manner(outfit=outfit))
        return torch.as_tensor(texts.arguments["prompt_embeds"])

    plain, words = meaning(), meaning(Lora(name="words"))
    half = meaning(Lora(name="words", weight=0.5))
    assert not torch.equal(words, plain)
    assert not torch.equal(words, half)
    known = len(canvas.model.prompts._known)
    assert torch.equal(meaning(*NEON), plain)
    assert torch.equal(meaning(Lora(name="words"), *NEON), words)
    assert len(canvas.model.prompts._known) == known, "neon changes no words: nothing to encode"
    canvas.model.adapters.wear_for_texts(())
    assert torch.equal(canvas.bare_embedding("a star"), plain)


def test_what_does_not_fit_after_all_is_refused_by_name_and_leaves_nothing(canvas: Canvas) -> None:
    bare = canvas.draw()
    with pytest.raises(LoraUnusable, match="The LoRA wrong does not fit this model"):
        canvas.draw(loras=(Lora(name="wrong"),))
    assert torch.equal(canvas.draw(), bare)
    canvas.draw(loras=NEON)


def test_a_file_that_is_gone_is_refused_by_name(canvas: Canvas, folder: Path) -> None:
    write_lora(folder / "brief.safetensors", seed=4)
    later = Canvas(DEMO, canvas.gatherer, loras=(folder,))
    (folder / "brief.safetensors").unlink()
    with pytest.raises(LoraUnusable, match="The LoRA brief"):
        later.draw(loras=(Lora(name="brief"),))
    later.draw()


def test_few_idle_loras_stay_in_memory_and_come_back_the_same(canvas: Canvas) -> None:
    adapters = canvas.model.adapters
    first = canvas.draw(loras=NEON)
    adapters._most = 1
    try:
        canvas.draw(loras=(Lora(name="shapes"),))
        assert list(adapters._loaded) == ["shapes"]
        assert torch.equal(canvas.draw(loras=NEON), first)
    finally:
        adapters._most = 8


def test_a_lora_for_other_models_is_told_and_not_offered(device: Gatherer, tmp_path: Path) -> None:
    write_lora(tmp_path / "shapes.safetensors", seed=1)
    other = Canvas(random_model("sdxl"), device, loras=(tmp_path, demo_model.LORAS["neon"]))
    assert other.model.info.loras == ()
    assert {lora.name for lora in other.model.info.misfits} == {"shapes", "neon"}
    assert sorted(other.problems) == [
        "lora neon: it is made for Stable Diffusion of width 128; no model here is",
        "lora shapes: it is made for Stable Diffusion of width 128; no model here is",
    ]


@pytest.mark.parametrize("architecture", ["flux", "flux2-klein", "z-image", "sana", "hidream"])
def test_a_lora_of_another_family_is_worn_and_taken_off(
    architecture: str, device: Gatherer, tmp_path: Path
) -> None:
    torch.manual_seed(0)
    bare = Canvas(random_model(architecture), device)
    tensors: dict[str, torch.Tensor] = {}
    for name, layer in bare.model.denoiser.named_modules():
        if isinstance(layer, torch.nn.Linear) and "att" in name:
            key = f"transformer.{name}"
            tensors[f"{key}.lora_A.weight"] = torch.randn(2, layer.in_features)
            tensors[f"{key}.lora_B.weight"] = torch.randn(layer.out_features, 2)
    save_file(tensors, tmp_path / "any.safetensors")
    canvas = Canvas(random_model(architecture), device, loras=(tmp_path,))
    info = canvas.model.info
    chosen = {"sampler": info.sampler, "guidance_scale": info.guidance_scale}
    plain = canvas.draw(**chosen)
    assert not torch.equal(canvas.draw(loras=(Lora(name="any"),), **chosen), plain)
    assert torch.equal(canvas.draw(**chosen), plain)
