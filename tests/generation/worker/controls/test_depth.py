"""Depth found by a tiny model with random weights, saved as real ones are."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import transformers
from PIL import Image

from generation.errors import ControlUnusable
from generation.worker.controls.depth import DepthEstimator
from tests.generation.worker.controls.pictures import SCENE

pytestmark = pytest.mark.filterwarnings("ignore")  # transformers' own
CPU = torch.device("cpu")
_LIBRARY: Any = transformers  # its configurations are typed by other names than they take


def save(folder: Path, kind: str = "relative") -> Path:
    torch.manual_seed(0)
    eyes = _LIBRARY.Dinov2Config(
        hidden_size=16,
        num_hidden_layers=2,
        num_attention_heads=2,
        image_size=28,
        patch_size=14,
        reshape_hidden_states=False,
        out_indices=[1, 2],
    )
    config = _LIBRARY.DepthAnythingConfig(
        backbone_config=eyes,
        patch_size=14,
        reassemble_hidden_size=16,
        reassemble_factors=[4, 2],
        neck_hidden_sizes=[8, 8],
        fusion_hidden_size=8,
        head_hidden_size=4,
        depth_estimation_type=kind,
        max_depth=1 if kind == "relative" else 20,
    )
    model = _LIBRARY.DepthAnythingForDepthEstimation(config)
    with torch.no_grad():
        for weights in model.head.parameters():
            weights.uniform_(0, 0.05)  # its last numbers are cut off below nothing
    model.save_pretrained(str(folder))
    notes = {"size": {"height": 56, "width": 56}, "ensure_multiple_of": 14}
    (folder / "preprocessor_config.json").write_text(json.dumps(notes))
    return folder


def shades(picture: Image.Image) -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
    return np.asarray(picture.convert("L"))


def test_depth_has_the_pictures_size_and_all_shades_of_grey(tmp_path: Path) -> None:
    picture = SCENE.resize((80, 50))
    found = DepthEstimator(save(tmp_path), CPU).estimate(picture)
    assert (found.mode, found.size) == ("RGB", (80, 50))
    assert (shades(found).min(), shades(found).max()) == (0, 255)


def test_a_model_that_tells_distances_is_turned_so_that_near_is_white(tmp_path: Path) -> None:
    folder = save(tmp_path)
    near = shades(DepthEstimator(folder, CPU).estimate(SCENE))
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps({**config, "depth_estimation_type": "metric"}))
    far = shades(DepthEstimator(folder, CPU).estimate(SCENE))
    assert np.corrcoef(near.ravel().astype(float), far.ravel().astype(float))[0, 1] < -0.8


def test_a_folder_that_holds_no_such_model_is_a_sentence_without_its_path(tmp_path: Path) -> None:
    with pytest.raises(ControlUnusable) as refused:
        DepthEstimator(tmp_path, CPU).estimate(SCENE)
    assert refused.value.sentence == "Depth cannot be found in pictures right now."
    assert str(tmp_path) not in refused.value.sentence
