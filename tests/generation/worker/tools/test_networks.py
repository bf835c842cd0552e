"""Upscalers' networks are recognised by their weights, in every layout these come in."""

from __future__ import annotations

import re

import pytest
import torch
from torch.nn import functional

from generation.worker.tools.networks import Compact, Esrgan, network_of
from tests.generation.tiny_tools import compact, esrgan

PICTURE = torch.rand(1, 3, 13, 10, generator=torch.Generator().manual_seed(0))


def first_layout(network: Esrgan) -> dict[str, torch.Tensor]:
    """The weights as ESRGAN's authors first named them: by their places in a row of layers."""
    trunk = len(network.body)
    outer = {"conv_first": 0}
    outer |= {f"conv_up{index}": 3 * index for index in range(1, network.doublings + 1)}
    after = 3 * network.doublings + 2
    outer |= {"conv_hr": after, "conv_last": after + 2}
    renamed = {}
    for name, value in network.state_dict().items():
        block = re.sub(
            r"body\.(\d+)\.rdb(\d)\.conv(\d)\.(.*)", r"model.1.sub.\1.RDB\2.conv\3.0.\4", name
        )
        part, _, kind = name.partition(".")
        if part == "conv_body":
            block = f"model.1.sub.{trunk}.{kind}"
        elif part in outer:
            block = f"model.{outer[part]}.{kind}"
        renamed[block] = value
    return renamed


@pytest.mark.parametrize(
    ("network", "scale"),
    [
        (esrgan(), 4),
        (esrgan(doublings=1), 2),
        (esrgan(doublings=3), 8),
        (esrgan(folding=2), 2),
        (compact(), 2),
    ],
)
def test_a_network_is_rebuilt_from_its_weights_alone(network: Esrgan | Compact, scale: int) -> None:
    found = network_of(network.state_dict())
    assert found is not None
    assert found.scale == scale
    with torch.no_grad():
        made = found(PICTURE)
        assert torch.equal(made, network(PICTURE))
    assert made.shape[-2:] == (13 * scale, 10 * scale)


@pytest.mark.parametrize("doublings", [1, 2, 3])
def test_the_first_layout_of_the_names_means_the_same_network(doublings: int) -> None:
    network = esrgan(doublings=doublings)
    weights = first_layout(network)
    assert f"model.{3 * doublings + 4}.weight" in weights
    found = network_of(weights)
    assert found is not None
    with torch.no_grad():
        assert torch.equal(found(PICTURE), network(PICTURE))


def test_blocks_add_a_fifth_of_what_they_find() -> None:
    """By hand, for a block of one feature whose every weight passes its input on."""
    network = Esrgan(folding=1, features=1, growth=1, blocks=1, doublings=1)
    with torch.no_grad():
        for value in network.state_dict().values():
            value.zero_()
        block = network.body[0]
        for part in ("rdb1", "rdb2", "rdb3"):
            last = block.get_submodule(f"{part}.conv5")
            last.get_parameter("weight")[0, 0, 1, 1] = 1.0
        x = torch.full((1, 1, 4, 4), 2.0)
        assert torch.allclose(block(x), x + 0.2 * 1.2**3 * x)


def test_the_compact_network_adds_to_the_plainly_enlarged_picture() -> None:
    network = compact()
    with torch.no_grad():
        for value in network.state_dict().values():
            value.zero_()
        plain = functional.interpolate(PICTURE, scale_factor=2.0, mode="nearest")
        assert torch.equal(network(PICTURE), plain)


def test_weights_of_other_networks_are_not_taken_for_these() -> None:
    assert network_of({}) is None
    assert network_of({"conv_first.weight": torch.zeros(8, 3, 3, 3)}) is None
    grey = {**esrgan().state_dict(), "conv_first.weight": torch.zeros(8, 1, 3, 3)}
    assert network_of(grey) is None


def test_weights_that_are_nearly_an_esrgans_are_an_error() -> None:
    weights = dict(esrgan().state_dict())
    del weights["conv_body.bias"]
    with pytest.raises(RuntimeError, match=r"conv_body\.bias"):
        network_of(weights)
