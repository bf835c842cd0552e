"""ControlNets in folders: found by what they say about themselves, or told why they are not."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from generation.worker.controls.files import (
    ControlFile,
    find_controls,
    offered,
    read_control,
    read_named,
    unfitting,
)
from generation.worker.headers import BrokenFileError
from generation.worker.settings import ControlPlace

SD15 = {"_class_name": "ControlNetModel", "cross_attention_dim": 768}
SDXL = {
    "_class_name": "ControlNetModel",
    "cross_attention_dim": 2048,
    "addition_embed_type": "text_time",
}
UNION = {**SDXL, "_class_name": "ControlNetUnionModel", "num_control_type": 6}
FLUX = {"_class_name": "FluxControlNetModel", "num_attention_heads": 24, "num_mode": 7}


def write(folder: Path, config: object, title: str | None = None) -> Path:
    folder.mkdir(parents=True)
    (folder / "config.json").write_text(json.dumps(config))
    notes = None if title is None else {"modelspec.title": title}
    file = folder / "diffusion_pytorch_model.safetensors"
    save_file({"a": torch.zeros(1)}, str(file), metadata=notes)
    return folder


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("control_v11p_sd15_canny", "canny"),
        ("sd-controlnet-depth", "depth"),
        ("control_v11p_sd15_openpose", "pose"),
        ("control_v11f1e_sd15_tile", "tile"),
        ("control_v11p_sd15_softedge", "softedge"),
        ("controlnet-lineart-anime", "lineart"),
    ],
)
def test_a_published_folders_name_says_what_it_is_for(name: str, kind: str, tmp_path: Path) -> None:
    assert list(read_control(write(tmp_path / name, SD15)).kinds) == [kind]


def test_where_the_name_says_nothing_the_weights_own_title_does(tmp_path: Path) -> None:
    found = read_control(write(tmp_path / "mine", SD15, "My Scribble"))
    assert list(found.kinds) == ["scribble"]


def test_a_union_knows_each_of_its_kinds_by_its_number(tmp_path: Path) -> None:
    found = read_control(write(tmp_path / "union", UNION))
    assert (found.kinds["pose"], found.kinds["canny"]) == (0, 3)
    assert "tile" not in found.kinds, "this build knows six numbers, and tiles have the seventh"
    flux = read_control(write(tmp_path / "flux", FLUX))
    assert (flux.kinds["canny"], flux.kinds["lowquality"]) == (0, 6)


def test_a_union_that_is_not_told_what_it_sees_offers_the_usual_kinds(tmp_path: Path) -> None:
    qwen = {"_class_name": "QwenImageControlNetModel"}
    found = read_control(write(tmp_path / "Qwen-Image-ControlNet-Union", qwen))
    assert found.kinds == dict.fromkeys(("canny", "softedge", "depth", "pose"))


def test_it_fits_models_of_its_own_kind_alone(tmp_path: Path) -> None:
    small = read_control(write(tmp_path / "canny", SD15))
    large = read_control(write(tmp_path / "canny-xl", SDXL))
    unets = (
        {"_class_name": "UNet2DConditionModel", "cross_attention_dim": 768},
        {
            "_class_name": "UNet2DConditionModel",
            "cross_attention_dim": 2048,
            "addition_embed_type": "text_time",
        },
    )
    assert [small.suits(unet) for unet in unets] == [True, False]
    assert [large.suits(unet) for unet in unets] == [False, True]
    assert not small.suits({"_class_name": "FluxTransformer2DModel", "cross_attention_dim": 768})
    (told,) = unfitting([small, large], unets[:1])
    assert told == "control canny-xl: it is made for Stable Diffusion XL; no model here fits it"


@pytest.mark.parametrize(
    ("config", "cause"),
    [
        ({"_class_name": "UNet2DConditionModel"}, "UNet2DConditionModel is no ControlNet"),
        ({**SD15, "global_pool_conditions": True}, "shuffle"),
        ({"_class_name": "SD3ControlNetModel", "extra_conditioning_channels": 1}, "inpainting"),
        ([], "not a JSON object"),
        (SD15, "nothing says what it is for"),
    ],
)
def test_one_that_cannot_be_used_says_why(config: object, cause: str, tmp_path: Path) -> None:
    with pytest.raises(BrokenFileError, match=cause):
        read_control(write(tmp_path / "thing", config))


def test_weights_that_could_run_code_are_never_read(tmp_path: Path) -> None:
    folder = tmp_path / "canny"
    folder.mkdir()
    (folder / "config.json").write_text(json.dumps(SD15))
    (folder / "diffusion_pytorch_model.bin").write_bytes(b"anything")
    with pytest.raises(BrokenFileError, match="could run code"):
        read_control(folder)
    (folder / "diffusion_pytorch_model.bin").unlink()
    with pytest.raises(BrokenFileError, match=r"no \.safetensors"):
        read_control(folder)


def test_a_single_file_is_refused_with_what_to_take_instead(tmp_path: Path) -> None:
    file = tmp_path / "canny.safetensors"
    save_file({"a": torch.zeros(1)}, str(file))
    with pytest.raises(BrokenFileError, match="folder in the diffusers format"):
        read_named(ControlPlace(kind="canny", path=file))


def test_an_operators_word_counts_more_than_the_folders_name(tmp_path: Path) -> None:
    folder = write(tmp_path / "canny", SD15)
    assert list(read_named(ControlPlace(kind="scribble", path=folder)).kinds) == ["scribble"]


def test_a_union_cannot_be_named_for_what_it_does_not_know(tmp_path: Path) -> None:
    folder = write(tmp_path / "union", UNION)
    assert read_named(ControlPlace(kind="depth", path=folder)).kinds == {"depth": 1}
    with pytest.raises(BrokenFileError, match="and no tile"):
        read_named(ControlPlace(kind="tile", path=folder))


def test_folders_are_searched_and_what_is_wrong_in_them_is_told(tmp_path: Path) -> None:
    write(tmp_path / "nets" / "sd15" / "canny", SD15)
    write(tmp_path / "nets" / "thing", SD15)
    found, problems = find_controls([tmp_path / "nets", tmp_path / "nowhere"])
    assert [file.name for file in found] == ["canny"]
    assert len(problems) == 2
    assert "nothing says what it is for" in problems[0]
    assert "there is no folder" in problems[1]


def test_members_are_offered_each_kind_once_and_told_what_is_found_by_itself(
    tmp_path: Path,
) -> None:
    files: list[ControlFile] = [
        read_control(write(tmp_path / name, SD15)) for name in ("pose", "canny", "other-canny")
    ]
    infos = offered(files, ["canny"])
    assert [(info.name, info.prepares) for info in infos] == [("canny", True), ("pose", False)]
    assert infos[1].title == "Pose"
