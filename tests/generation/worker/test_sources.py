"""Where models come from: what is loaded, and what is refused with which sentence."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file

from generation.errors import Unavailable
from generation.worker import single_file
from generation.worker.checkpoints import Checkpoint
from generation.worker.families import read_traits
from generation.worker.model_folder import examine_index
from generation.worker.random_models.architectures import ARCHITECTURES
from generation.worker.random_models.parts import Part
from generation.worker.random_models.source import random_model
from generation.worker.settings import LocalModel
from generation.worker.sources import open_source
from tests.generation.worker.single_files import write_single_file

CPU = torch.device("cpu")

pytestmark = pytest.mark.filterwarnings("ignore")  # libraries' own, while they load a model


@pytest.fixture(scope="module")
def pipe() -> Any:
    return random_model(Path("random:tiny-sd15")).load(torch.float32, CPU)


@pytest.fixture(scope="module")
def saved(pipe: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("saved")
    pipe.save_pretrained(str(folder), safe_serialization=True)
    return folder


@pytest.fixture(scope="module")
def sdxl() -> Any:
    return random_model(Path("random:tiny-sdxl")).load(torch.float32, CPU)


@pytest.fixture(scope="module")
def sdxl_folder(sdxl: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("sdxl")
    sdxl.save_pretrained(str(folder), safe_serialization=True)
    for weights in folder.rglob("*.safetensors"):
        weights.unlink()
    return folder


@pytest.fixture
def folder(saved: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(saved, tmp_path / "model"))


def model(path: Path, parts: Path | None = None) -> LocalModel:
    return LocalModel(name="m", title="M", path=path, parts=parts)


def weights_are_those_of(pipe: Any, path: Path, parts: Path | None = None) -> bool:
    read = open_source(model(path, parts)).load(torch.float32, CPU)
    return all(
        torch.equal(value, getattr(read, part).state_dict()[name])
        for part in pipe.components
        if isinstance(getattr(pipe, part), torch.nn.Module)
        for name, value in getattr(pipe, part).state_dict().items()
    )


def change_index(folder: Path, **changes: object) -> None:
    path = folder / "model_index.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))


def refusal(path: Path, parts: Path | None = None) -> str:
    with pytest.raises(Unavailable) as caught:
        open_source(model(path, parts)).examine()
    return caught.value.detail or ""


def test_a_folder_is_loaded(pipe: Any, folder: Path) -> None:
    assert weights_are_those_of(pipe, folder)


def test_weights_of_half_precision_are_found_by_their_name(pipe: Any, folder: Path) -> None:
    for part in ("unet", "text_encoder"):
        for path in (folder / part).glob("*.safetensors"):
            path.rename(path.with_suffix(f".fp16{path.suffix}"))
    assert weights_are_those_of(pipe, folder)


def test_a_pickle_is_refused(folder: Path) -> None:
    weights = folder / "vae" / "diffusion_pytorch_model.safetensors"
    weights.rename(weights.with_suffix(".bin"))
    assert "vae has only diffusion_pytorch_model.bin, which could run code" in refusal(folder)


def test_missing_and_broken_weights_are_named(folder: Path) -> None:
    weights = folder / "text_encoder" / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-8])
    assert "cut short" in refusal(folder)
    weights.unlink()
    assert "its text_encoder has no .safetensors weights" in refusal(folder)


def test_a_download_that_was_cut_off_is_named(folder: Path) -> None:
    pieces = {"a": "model-00001-of-00002.safetensors", "b": "model-00002-of-00002.safetensors"}
    encoder = folder / "text_encoder"
    (encoder / "model.safetensors").rename(encoder / pieces["a"])
    (encoder / "model.safetensors.index.json").write_text(json.dumps({"weight_map": pieces}))
    lost = "its text_encoder lacks model-00002-of-00002.safetensors; download it again"
    assert refusal(folder) == lost


def test_code_of_its_own_is_never_run(folder: Path) -> None:
    change_index(folder, unet=["my_unet", "MyUNet"])
    assert "its unet is code of its own (my_unet), which is never run" in refusal(folder)
    change_index(folder, _class_name=["my_pipeline", "MyPipeline"])
    assert "its pipeline is code of its own" in refusal(folder)


def test_an_unknown_family_is_told_which_are_known(folder: Path) -> None:
    change_index(folder, _class_name="KandinskyV22Pipeline")
    sentence = refusal(folder)
    assert "KandinskyV22Pipeline belongs to no known family" in sentence
    assert "Stable Diffusion XL, " in sentence
    assert "Z-Image" in sentence


@pytest.mark.parametrize("name", ["flux2", "kandinsky5"])
def test_a_tokenizer_is_found_inside_of_a_picture_processor(name: str, tmp_path: Path) -> None:
    saved = random_model(Path(f"random:tiny-{name}")).load(torch.float32, CPU)
    saved.save_pretrained(str(tmp_path), safe_serialization=True)
    change_index(tmp_path, tokenizer=["transformers", "PixtralProcessor"])
    read = open_source(model(tmp_path)).load(torch.float32, CPU)
    assert read.tokenizer("words").input_ids == saved.tokenizer("words").input_ids


def test_a_schedule_that_diffusers_needs_scipy_for_is_asked_for_by_name(folder: Path) -> None:
    path = folder / "scheduler" / "scheduler_config.json"
    saved = {"_class_name": "EulerDiscreteScheduler", "use_beta_sigmas": True}
    path.write_text(json.dumps(saved))
    change_index(folder, scheduler=["diffusers", "EulerDiscreteScheduler"])
    source = open_source(model(folder))
    assert read_traits(source.examine()).schedule == "Beta"
    assert source.load(torch.float32, CPU).scheduler.config.use_beta_sigmas is False


@pytest.mark.parametrize("content", ["[]", "{", ""])
def test_an_index_that_is_none_is_named(folder: Path, content: str) -> None:
    (folder / "model_index.json").write_text(content)
    assert "model_index.json" in refusal(folder)


class TestSingleFile:
    def test_it_is_loaded_with_the_settings_of_a_folder(
        self, pipe: Any, folder: Path, tmp_path: Path
    ) -> None:
        for weights in folder.rglob("*.safetensors"):
            weights.unlink()  # the folder's small files are enough
        write_single_file(pipe, tmp_path / "one.safetensors")
        assert weights_are_those_of(pipe, tmp_path / "one.safetensors", folder)

    def test_what_it_lacks_comes_from_the_folder(
        self, pipe: Any, folder: Path, tmp_path: Path
    ) -> None:
        write_single_file(pipe, tmp_path / "one.safetensors", with_vae=False)
        assert weights_are_those_of(pipe, tmp_path / "one.safetensors", folder)

    def test_what_neither_of_them_has_is_named(
        self, pipe: Any, folder: Path, tmp_path: Path
    ) -> None:
        (folder / "vae" / "diffusion_pytorch_model.safetensors").unlink()
        (folder / "vae" / "diffusion_pytorch_model.bin").touch()
        write_single_file(pipe, tmp_path / "one.safetensors", with_vae=False)
        source = open_source(model(tmp_path / "one.safetensors", folder))
        with pytest.raises(Unavailable) as caught:
            source.load(torch.float32, CPU)
        assert "its vae has only diffusion_pytorch_model.bin" in (caught.value.detail or "")

    def test_one_of_no_known_kind_needs_that_folder(self, pipe: Any, tmp_path: Path) -> None:
        write_single_file(pipe, tmp_path / "one.safetensors")
        assert "parts = …" in refusal(tmp_path / "one.safetensors")
        assert "there is no folder" in refusal(tmp_path / "one.safetensors", tmp_path / "none")

    def test_a_pickle_is_refused(self, folder: Path, tmp_path: Path) -> None:
        (tmp_path / "one.ckpt").touch()
        assert "one.ckpt could run code when it is read" in refusal(tmp_path / "one.ckpt", folder)

    def test_one_that_is_missing_or_no_safetensors_file_is_named(
        self, folder: Path, tmp_path: Path
    ) -> None:
        assert "there is no file" in refusal(tmp_path / "none.safetensors", folder)
        (tmp_path / "one.safetensors").write_bytes(b"PK\x03\x04" * 100)
        assert "no safetensors file" in refusal(tmp_path / "one.safetensors", folder)

    def test_sdxl_is_loaded_with_both_of_its_text_encoders(
        self, sdxl: Any, sdxl_folder: Path, tmp_path: Path
    ) -> None:
        write_single_file(sdxl, tmp_path / "one.safetensors")
        assert weights_are_those_of(sdxl, tmp_path / "one.safetensors", sdxl_folder)

    def test_one_of_another_kind_does_not_load(
        self, pipe: Any, sdxl_folder: Path, tmp_path: Path
    ) -> None:
        write_single_file(pipe, tmp_path / "one.safetensors")
        source = open_source(model(tmp_path / "one.safetensors", sdxl_folder))
        with pytest.raises(Unavailable, match="its text_encoder_2 has no"):
            source.load(torch.float32, CPU)

    def test_flux_may_be_its_transformer_alone(self, tmp_path: Path) -> None:
        flux = random_model(Path("random:tiny-flux")).load(torch.float32, CPU)
        flux.save_pretrained(str(tmp_path / "flux"), safe_serialization=True)
        with torch.no_grad():
            for weights in flux.transformer.parameters():
                weights.add_(1)
        save_file(flux.transformer.state_dict(), tmp_path / "one.safetensors")
        assert weights_are_those_of(flux, tmp_path / "one.safetensors", tmp_path / "flux")


@pytest.fixture
def known(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Have single files taken for a kind, in the tiny size that tests have of it."""

    def take_as(name: str) -> None:
        whole = ARCHITECTURES[name]
        parts = {
            key: replace(part, config=part.arguments(is_tiny=True))
            if isinstance(part, Part)
            else part
            for key, part in whole.parts.items()
        }
        tiny = replace(whole, parts=parts)
        kind = Checkpoint(title=name, pipeline=whole.pipeline, architecture=name)
        monkeypatch.setattr(single_file, "recognise", lambda _header, _stem: kind)
        monkeypatch.setattr(single_file, "settings_of", lambda _kind: tiny)

    return take_as


class TestSingleFileAlone:
    @pytest.mark.parametrize("name", ["sd15", "sd21", "sdxl"])
    def test_it_needs_nothing_beside_it(
        self, known: Callable[[str], None], tmp_path: Path, name: str
    ) -> None:
        known(name)
        whole = random_model(Path(f"random:tiny-{name}")).load(torch.float32, CPU)
        write_single_file(whole, tmp_path / "one.safetensors")
        assert weights_are_those_of(whole, tmp_path / "one.safetensors")
        read = open_source(model(tmp_path / "one.safetensors")).load(torch.float32, CPU)
        assert read.tokenizer("a photo").input_ids == [49406, 320, 1125, 49407]
        assert type(read.scheduler) is type(whole.scheduler)
        wanted = {**whole.scheduler.config}
        wanted.pop("_use_default_values", None)  # which of them nobody has said
        assert {key: read.scheduler.config[key] for key in wanted} == wanted

    def test_what_it_lacks_comes_from_a_model_of_the_same_kind(
        self, known: Callable[[str], None], pipe: Any, folder: Path, tmp_path: Path
    ) -> None:
        known("sd15")
        write_single_file(pipe, tmp_path / "one.safetensors", with_vae=False)
        source = open_source(model(tmp_path / "one.safetensors"), (folder,))
        assert torch.equal(
            source.load(torch.float32, CPU).vae.decoder.conv_in.weight,
            pipe.vae.decoder.conv_in.weight,
        )

    def test_what_to_add_is_told_where_there_is_no_such_model(
        self, known: Callable[[str], None], pipe: Any, sdxl_folder: Path, tmp_path: Path
    ) -> None:
        known("sd15")
        write_single_file(pipe, tmp_path / "one.safetensors", with_vae=False)
        with pytest.raises(Unavailable) as caught:
            open_source(model(tmp_path / "one.safetensors"), (sdxl_folder,)).examine()
        sentence = caught.value.detail or ""
        assert "this file has no vae; put a sd15 folder in the diffusers format" in sentence

    def test_a_transformer_takes_the_rest_from_a_model_of_its_kind(self, tmp_path: Path) -> None:
        flux = random_model(Path("random:tiny-flux")).load(torch.float32, CPU)
        schnell = random_model(Path("random:tiny-flux-schnell")).load(torch.float32, CPU)
        flux.save_pretrained(str(tmp_path / "flux"), safe_serialization=True)
        schnell.save_pretrained(str(tmp_path / "schnell"), safe_serialization=True)
        save_file(flux.transformer.state_dict(), tmp_path / "one.safetensors")
        donors = (tmp_path / "schnell", tmp_path / "flux")
        read = open_source(model(tmp_path / "one.safetensors"), donors).load(torch.float32, CPU)
        assert read.transformer.config.guidance_embeds
        assert torch.equal(read.vae.decoder.conv_in.weight, flux.vae.decoder.conv_in.weight)

    def test_families_that_diffusers_cannot_read_as_a_whole_take_the_transformer(
        self, tmp_path: Path
    ) -> None:
        whole = random_model(Path("random:tiny-qwen-image")).load(torch.float32, CPU)
        whole.save_pretrained(str(tmp_path / "qwen"), safe_serialization=True)
        with torch.no_grad():
            for weights in whole.transformer.parameters():
                weights.add_(1)
        save_file(whole.transformer.state_dict(), tmp_path / "one.safetensors")
        read = open_source(model(tmp_path / "one.safetensors"), (tmp_path / "qwen",))
        loaded = read.load(torch.float32, CPU)
        assert all(
            torch.equal(value, loaded.transformer.state_dict()[name])
            for name, value in whole.transformer.state_dict().items()
        )


def test_a_model_of_the_hub_that_is_not_here_yet_says_how_to_get_it(tmp_path: Path) -> None:
    wanted = replace(model(tmp_path / "none"), repo="a/b")
    with pytest.raises(Unavailable) as caught:
        open_source(wanted)
    assert caught.value.detail == "a/b is not on this machine yet; run: easel fetch"


def test_a_folder_of_settings_needs_no_weights(folder: Path) -> None:
    for weights in folder.rglob("*.safetensors"):
        weights.unlink()
    assert examine_index(folder).class_name == "StableDiffusionPipeline"
