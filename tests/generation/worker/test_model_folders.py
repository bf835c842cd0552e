"""Folders that are searched for models: what is found, and what is skipped and why."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from generation import demo_model
from generation.worker.model_folders import Findings, find_models
from generation.worker.model_notes import notes_of
from generation.worker.settings import LocalModel


def unet_file(path: Path, width: int = 768, notes: Mapping[str, str] | None = None) -> Path:
    """A file with the one weight that tells a UNet's kind."""
    path.parent.mkdir(parents=True, exist_ok=True)
    name = "model.diffusion_model.input_blocks.1.1.transformer_blocks.0.attn2.to_k.weight"
    save_file({name: torch.zeros(1, width)}, path, metadata=dict(notes or {}))
    return path


def model_folder(path: Path) -> Path:
    return Path(shutil.copytree(demo_model.MODEL_DIR, path))


def names(found: Findings) -> list[str]:
    return [model.name for model in found.models]


def problem(tmp_path: Path) -> str:
    (only,) = find_models([tmp_path]).problems
    return only


def test_folders_and_single_files_are_found_in_subfolders_too(tmp_path: Path) -> None:
    model_folder(tmp_path / "small" / "demo-model")
    unet_file(tmp_path / "sd" / "cats v1.5.safetensors")
    found = find_models([tmp_path])
    assert names(found) == ["cats v1.5", "demo-model"]
    assert found.problems == ()


def test_what_lies_in_a_model_s_own_folder_is_no_model(tmp_path: Path) -> None:
    folder = model_folder(tmp_path / "demo-model")
    unet_file(folder / "unet" / "extra.safetensors")
    assert names(find_models([tmp_path])) == ["demo-model"]


def test_a_pickle_is_skipped_by_name(tmp_path: Path) -> None:
    (tmp_path / "old.ckpt").touch()
    assert problem(tmp_path).startswith("model old.ckpt is skipped: it could run code")


def test_a_file_that_is_no_model_is_skipped_with_what_it_is(tmp_path: Path) -> None:
    save_file({"a.lora_down.weight": torch.zeros(1)}, tmp_path / "ink.safetensors")
    assert "put it into a folder of lora_folders" in problem(tmp_path)


def test_a_file_that_is_cut_short_is_skipped(tmp_path: Path) -> None:
    path = unet_file(tmp_path / "cats.safetensors")
    path.write_bytes(path.read_bytes()[:-4])
    assert "cut short; download it again" in problem(tmp_path)


def test_a_name_that_members_cannot_type_is_skipped(tmp_path: Path) -> None:
    unet_file(tmp_path / "cats@home.safetensors")
    assert "rename it" in problem(tmp_path)


def test_of_two_with_one_name_the_first_counts(tmp_path: Path) -> None:
    unet_file(tmp_path / "a" / "cats.safetensors")
    unet_file(tmp_path / "b" / "Cats.safetensors")
    assert "another model of that name" in problem(tmp_path)


def test_what_the_operator_has_named_is_not_found_again(tmp_path: Path) -> None:
    file = unet_file(tmp_path / "cats.safetensors")
    parts = model_folder(tmp_path / "demo-model")
    known = LocalModel(name="kittens", title="", path=file, parts=parts)
    assert find_models([tmp_path], [known]) == Findings(folders=(parts,))


def test_a_folder_of_settings_is_no_model_and_helps_single_files(tmp_path: Path) -> None:
    folder = model_folder(tmp_path / "settings")
    for weights in folder.rglob("*.safetensors"):
        weights.unlink()
    assert find_models([tmp_path]) == Findings(folders=(folder,))


def test_hidden_folders_are_left_alone(tmp_path: Path) -> None:
    unet_file(tmp_path / ".cache" / "cats.safetensors")
    assert find_models([tmp_path]) == Findings()


def test_a_folder_that_is_not_there_is_told(tmp_path: Path) -> None:
    assert "there is no folder" in find_models([tmp_path / "none"]).problems[0]


class TestNotes:
    def test_a_folder_s_card_names_licence_and_trigger(self, tmp_path: Path) -> None:
        card = "---\nlicense: openrail++\ninstance_prompt: a photo of sks dog\ntags:\n- x\n---\nHi"
        (tmp_path / "README.md").write_text(card)
        notes = notes_of(tmp_path)
        assert (notes.licence, notes.triggers) == ("openrail++", ("a photo of sks dog",))

    def test_a_licence_of_its_own_has_a_name(self, tmp_path: Path) -> None:
        card = '---\nlicense: other\nlicense_name: "flux-1-dev-non-commercial"\n---\n'
        (tmp_path / "README.md").write_text(card)
        assert notes_of(tmp_path).licence == "flux-1-dev-non-commercial"

    def test_a_file_s_header_and_what_lies_beside_it_count(self, tmp_path: Path) -> None:
        notes = {"modelspec.title": "Cats XL", "modelspec.license": "CC-BY-4.0"}
        file = unet_file(tmp_path / "cats.safetensors", notes=notes)
        (tmp_path / "cats.json").write_text(json.dumps({"activation text": "meow"}))
        found = notes_of(file)
        assert (found.title, found.licence, found.triggers) == ("Cats XL", "CC-BY-4.0", ("meow",))

    @pytest.mark.parametrize(("has_card", "licence"), [(True, "mit"), (False, "")])
    def test_a_card_beside_a_file_counts_where_it_is_the_file_s_own(
        self, tmp_path: Path, *, has_card: bool, licence: str
    ) -> None:
        (tmp_path / "README.md").write_text("---\nlicense: mit\n---\n")
        file = unet_file(tmp_path / "cats.safetensors")
        assert notes_of(file, has_card=has_card).licence == licence
