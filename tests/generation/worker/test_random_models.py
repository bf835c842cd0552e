"""Models with random weights: of the published sizes, and the same each time."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
import torch

from generation.errors import Unavailable
from generation.worker.random_models import NAMES, is_random
from generation.worker.random_models.source import RandomModel

pytestmark = pytest.mark.filterwarnings("ignore")  # libraries' own, while they load a model

CPU, NOWHERE = torch.device("cpu"), torch.device("meta")


@pytest.mark.parametrize(
    ("name", "part", "parameters"),
    [
        ("sd15", "unet", 859_520_964),
        ("sdxl", "unet", 2_567_463_684),
        ("sdxl", "text_encoder_2", 694_659_840),
        ("flux", "transformer", 11_901_408_320),
        ("sd3", "vae", 83_819_683),
    ],
)
def test_a_large_model_has_as_many_parameters_as_the_published_one(
    name: str, part: str, parameters: int
) -> None:
    pipe = RandomModel(name=f"random:{name}").load(torch.bfloat16, NOWHERE)
    module: torch.nn.Module = getattr(pipe, part)
    assert sum(parameter.numel() for parameter in module.parameters()) == parameters
    assert {parameter.dtype for parameter in module.parameters()} == {torch.bfloat16}


def test_a_name_stands_for_the_same_weights_each_time() -> None:
    first, second = (
        RandomModel(name="random:tiny-sd15").load(torch.float32, CPU).unet.state_dict()
        for _ in range(2)
    )
    assert all(torch.equal(first[key], second[key]) for key in first)
    assert any(tensor.std() > 0 for tensor in first.values() if tensor.numel() > 1)


def test_loading_leaves_the_process_as_it_was() -> None:
    torch.manual_seed(3)
    wanted = torch.rand(1)
    torch.manual_seed(3)
    RandomModel(name="random:tiny-sd15").load(torch.bfloat16, CPU)
    assert torch.get_default_dtype() is torch.float32
    assert torch.equal(torch.rand(1), wanted)


def test_an_unknown_name_is_refused_with_those_there_are() -> None:
    with pytest.raises(Unavailable) as caught:
        RandomModel(name="random:tiny-nothing").examine()
    assert "random:sd15" in (caught.value.detail or "")


def test_a_path_is_random_by_its_beginning() -> None:
    assert all(is_random(Path(name)) for name in NAMES)
    assert not is_random(Path("models/random"))


def test_the_names_are_known_without_torch() -> None:
    program = "import sys, generation.worker.random_models; print('torch' in sys.modules)"
    done = subprocess.run(  # noqa: S603  # our own program
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "False"
