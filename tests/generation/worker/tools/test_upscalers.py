"""Enlarging by a model: the exact size, in tiles, with everything kept that a picture has."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import save_file

from generation.errors import BlankOutput, Unavailable
from generation.infotext import read_png
from generation.worker.tools import upscalers
from generation.worker.tools.upscalers import Upscaler
from tests.generation.tiny_tools import esrgan
from tests.generation.worker.tools.conftest import Table, opened

Photo = Callable[[int, int], Image.Image]


@pytest.fixture(params=["sharp", "compact"])
def tool(request: pytest.FixtureRequest, tools_folder: Path) -> Upscaler:
    return upscalers.load(tools_folder / f"{request.param}.safetensors")


@pytest.mark.parametrize("size", [(200, 150), (161, 121), (400, 300), (100, 75)])
def test_the_size_is_exactly_the_asked_one(
    tool: Upscaler, table: Table, photo: Photo, size: tuple[int, int]
) -> None:
    output = tool.work(table.bench(photo(100, 75), size=size))
    assert (output.width, output.height) == opened(output).size == size
    assert opened(output).mode == "RGB"


def test_a_factor_above_the_models_takes_another_pass(
    tools_folder: Path, table: Table, photo: Photo
) -> None:
    tool = upscalers.load(tools_folder / "compact.safetensors")  # × 2
    tool.work(table.bench(photo(50, 40), size=(100, 80)))
    assert table.steps == [(1, 1)]
    table.steps.clear()
    tool.work(table.bench(photo(50, 40), size=(200, 160)))
    assert table.steps == [(1, 2), (2, 2)]


def test_a_network_that_gives_far_too_much_is_given_less(
    tools_folder: Path, table: Table, photo: Photo
) -> None:
    tool = upscalers.load(tools_folder / "sharp.safetensors")  # × 4
    seen: list[torch.Size] = []
    call = tool.call

    def watched(tile: torch.Tensor) -> torch.Tensor:
        seen.append(tile.shape)
        return call(tile)

    tool.call = watched
    tool.work(table.bench(photo(100, 60), size=(125, 75)))
    assert seen == [(1, 3, 38, 63)]


def test_progress_counts_tiles(tool: Upscaler, table: Table, photo: Photo) -> None:
    tool.work(table.bench(photo(200, 100), size=(400, 200)))
    total = table.steps[0][1]
    assert total > 1
    assert table.steps == [(index + 1, total) for index in range(total)]


def test_opacity_and_settings_are_kept(tool: Upscaler, table: Table, photo: Photo) -> None:
    alpha = Image.new("L", (40, 30), 255)
    alpha.paste(0, (0, 0, 20, 30))
    bench = table.bench(photo(40, 30), size=(80, 60), alpha=alpha, settings="a cat\nSteps: 4")
    output = tool.work(bench)
    made = opened(output)
    assert made.mode == "RGBA"
    assert made.getchannel("A").getpixel((5, 30)) == 0
    assert made.getchannel("A").getpixel((75, 30)) == 255
    assert read_png(output.data) == "a cat\nSteps: 4"


def test_where_memory_is_short_tiles_get_smaller_and_the_picture_stays(
    tools_folder: Path, table: Table, photo: Photo
) -> None:
    tool = upscalers.load(tools_folder / "compact.safetensors")
    roomy = tool.work(table.bench(photo(150, 120), size=(300, 240)))
    call, tried = tool.call, list[int]()

    def short_of_memory(tile: torch.Tensor) -> torch.Tensor:
        tried.append(max(tile.shape))
        if max(tile.shape) > 64:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return call(tile)

    tool.call = short_of_memory
    tight = tool.work(table.bench(photo(150, 120), size=(300, 240)))
    assert tried[0] > 64
    assert max(tried[1:]) == 64
    pair = [np.asarray(opened(output)).astype(int) for output in (roomy, tight)]
    assert np.abs(pair[0] - pair[1]).max() <= 1


def test_no_room_for_the_smallest_tile_is_told(tool: Upscaler, table: Table, photo: Photo) -> None:
    def no_room(_tile: torch.Tensor) -> torch.Tensor:
        raise torch.OutOfMemoryError("CUDA out of memory")

    tool.call = no_room
    with pytest.raises(torch.OutOfMemoryError):
        tool.work(table.bench(photo(30, 30), size=(60, 60)))


def test_what_is_no_number_is_no_picture(tool: Upscaler, table: Table, photo: Photo) -> None:
    call = tool.call
    tool.call = lambda tile: call(tile) * torch.nan
    with pytest.raises(BlankOutput):
        tool.work(table.bench(photo(30, 30), size=(60, 60)))


def test_half_precision_is_for_cards_alone_and_never_the_one_with_few_digits() -> None:
    tool = Upscaler(module=None, scale=2, call=torch.clone)
    usual = torch.bfloat16
    assert tool.dtype_on(torch.device("cuda"), usual) is torch.float16
    assert tool.dtype_on(torch.device("mps"), usual) is torch.float32


def test_pickles_are_refused_by_name(tmp_path: Path) -> None:
    pickle = tmp_path / "4x-sharp.pth"
    pickle.write_bytes(b"cos\nsystem\n(S'true'\ntR.")
    with pytest.raises(Unavailable) as caught:
        upscalers.load(pickle)
    assert caught.value.detail is not None
    assert "4x-sharp.pth could run code" in caught.value.detail


def test_a_file_that_is_cut_short_is_named(tools_folder: Path, tmp_path: Path) -> None:
    whole = (tools_folder / "sharp.safetensors").read_bytes()
    (tmp_path / "short.safetensors").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(Unavailable) as caught:
        upscalers.load(tmp_path / "short.safetensors")
    assert caught.value.detail == "short.safetensors: it is cut short; download it again"


def test_a_network_that_makes_nothing_larger_is_no_upscaler(tmp_path: Path) -> None:
    same = esrgan(folding=4)
    save_file(same.state_dict(), tmp_path / "same.safetensors")
    with pytest.raises(Unavailable) as caught:
        upscalers.load(tmp_path / "same.safetensors")
    assert caught.value.detail == "same.safetensors makes no picture larger"


def test_another_network_needs_the_library_that_knows_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "spandrel", None)  # as where it is not installed
    save_file({"layers.0.weight": torch.zeros(4, 4)}, tmp_path / "swin.safetensors")
    with pytest.raises(Unavailable) as caught:
        upscalers.load(tmp_path / "swin.safetensors")
    assert caught.value.detail is not None
    assert "swin.safetensors is no ESRGAN" in caught.value.detail
    assert "pip install -c constraints.txt -e '.[upscale]'" in caught.value.detail
