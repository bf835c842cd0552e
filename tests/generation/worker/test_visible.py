"""One card for one process."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from generation.errors import Unavailable
from generation.worker.devices import choose_device
from generation.worker.visible import ONLY_CARD, hide_other_cards, may_have_cards


@pytest.mark.parametrize(
    ("device", "before", "after"),
    [
        ("cuda:1", {}, {"CUDA_VISIBLE_DEVICES": "1"}),
        ("cuda:1", {"CUDA_VISIBLE_DEVICES": "4, 6"}, {"CUDA_VISIBLE_DEVICES": "6"}),
        ("cuda:0", {"CUDA_VISIBLE_DEVICES": "MIG-aa,MIG-bb"}, {"CUDA_VISIBLE_DEVICES": "MIG-aa"}),
        ("cuda:1", {"HIP_VISIBLE_DEVICES": "2,3"}, {"HIP_VISIBLE_DEVICES": "3"}),
    ],
)
def test_only_the_chosen_card_stays_visible(
    device: str, before: dict[str, str], after: dict[str, str]
) -> None:
    environment = dict(before)
    hide_other_cards(device, environment)
    assert environment == {**after, ONLY_CARD: device}


@pytest.mark.parametrize("device", ["cuda:2", "cuda", "auto", "cpu", "mps"])
def test_without_a_card_that_can_be_meant_nothing_is_hidden(device: str) -> None:
    environment = {"CUDA_VISIBLE_DEVICES": "4"}
    hide_other_cards(device, environment)
    assert environment == {"CUDA_VISIBLE_DEVICES": "4"}


def test_the_only_visible_card_is_torchs_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    monkeypatch.setenv(ONLY_CARD, "cuda:5")
    assert choose_device("cuda:5") == torch.device("cuda")
    with pytest.raises(Unavailable, match="device cuda:6 does not exist: there is cuda:0"):
        choose_device("cuda:6")


@pytest.mark.parametrize(
    ("files", "cards"),
    [
        ({}, 0),
        ({"dev/nvidia0": "", "dev/nvidiactl": "", "dev/nvidia-uvm": ""}, 1),
        ({"dev/nvidia0": "", "dev/nvidia1": ""}, 2),
        ({"dev/dxg": ""}, 2),
        ({"sys/class/kfd/kfd/topology/nodes/0/gpu_id": "0\n"}, 0),
        (
            {
                "sys/class/kfd/kfd/topology/nodes/0/gpu_id": "0\n",
                "sys/class/kfd/kfd/topology/nodes/1/gpu_id": "50012\n",
                "sys/class/kfd/kfd/topology/nodes/2/gpu_id": "41201\n",
            },
            2,
        ),
    ],
)
def test_the_systems_files_tell_how_many_cards_there_may_be(
    tmp_path: Path, files: dict[str, str], cards: int
) -> None:
    for name, content in files.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)
    assert [may_have_cards(count, tmp_path, "linux") for count in (1, 2)] == [
        cards >= 1,
        cards >= 2,
    ]


def test_a_mac_has_none() -> None:
    assert not may_have_cards(1, platform="darwin")
