"""Pictures from a server: hostile until decoded, and ours afterwards."""

from __future__ import annotations

import base64
import io
from dataclasses import replace

import pytest
from PIL import Image, PngImagePlugin

from generation.backends.base import Work
from generation.backends.remote.pictures import (
    from_base64,
    read_picture,
    read_preview,
    to_outputs,
)
from generation.errors import BadReply
from generation.images import Picture
from generation.infotext import parse, read_png
from generation.types import UNSEEDED, JobId, Params, Task

PARAMS = Params(
    task=Task.TXT2IMG,
    model="m",
    prompt="a red circle",
    negative_prompt="",
    width=64,
    height=48,
    steps=3,
    guidance_scale=7.0,
    sampler="Euler a",
    scheduler="Automatic",
    seed=11,
    count=2,
)


def png(size: tuple[int, int] = (64, 48), colour: str = "red", **texts: str) -> bytes:
    info = PngImagePlugin.PngInfo()
    for key, value in texts.items():
        info.add_text(key, value)
    buffer = io.BytesIO()
    Image.new("RGB", size, colour).save(buffer, "PNG", pnginfo=info)
    return buffer.getvalue()


def opened(data: bytes) -> Image.Image:
    return Image.open(io.BytesIO(data))


async def test_nothing_but_pixels_is_taken_over_and_our_own_settings_are_put_in() -> None:
    data = png(parameters="theirs, Path: /home/ada/model", workflow="{}")
    picture = await read_picture(data, size=(64, 48))
    one, two = await to_outputs(
        Work(job_id=JobId("a"), params=PARAMS), [picture, picture], title="A model"
    )
    assert (one.seed, two.seed) == (11, 12)
    assert (one.width, one.height, one.media_type) == (64, 48, "image/png")
    settings = parse(read_png(one.data) or "")
    assert settings.prompt == "a red circle"
    assert (settings.fields["Seed"], settings.fields["Model"]) == ("11", "A model")
    assert b"/home/ada" not in one.data
    assert b"workflow" not in one.data
    assert opened(one.data).getpixel((5, 5)) == (255, 0, 0)


@pytest.mark.parametrize(
    "data",
    [b"", b"<html>", png()[:60], b"GIF89a" + b"\0" * 50, b"\x89PNG\r\n\x1a\n"],
    ids=["nothing", "page", "truncated", "gif", "head"],
)
async def test_what_is_no_whole_allowed_picture_is_a_bad_reply(data: bytes) -> None:
    with pytest.raises(BadReply, match="no picture"):
        await read_picture(data)


async def test_a_picture_too_large_to_be_decoded_is_a_bad_reply() -> None:
    with pytest.raises(BadReply, match="no picture"):
        await read_picture(png((20_000, 1)))


async def test_another_size_than_asked_for_is_a_bad_reply() -> None:
    with pytest.raises(BadReply, match="64x48 came instead of 64x64"):
        await read_picture(png(), size=(64, 64))


async def test_another_number_of_pictures_is_a_bad_reply() -> None:
    picture = Picture(png=png(), width=64, height=48)
    with pytest.raises(BadReply, match="1 pictures came instead of 2"):
        await to_outputs(Work(job_id=JobId("a"), params=PARAMS), [picture], title="")


async def test_a_seed_that_is_not_known_is_not_made_up() -> None:
    picture = await read_picture(png())
    work = Work(job_id=JobId("a"), params=PARAMS)
    one, two = await to_outputs(work, [picture, picture], title="A model", seeds=[5, None])
    assert (one.seed, one.flags) == (5, frozenset())
    assert two.flags == {UNSEEDED}
    assert "Seed" not in parse(read_png(two.data) or "").fields


async def test_after_inpainting_what_the_mask_protects_is_the_inputs_own_pixels() -> None:
    mask = Image.new("L", (96, 64))
    mask.paste(255, (0, 0, 48, 64))
    buffer = io.BytesIO()
    mask.save(buffer, "PNG")
    params = replace(
        PARAMS, task=Task.INPAINT, count=1, strength=0.7, final_width=96, final_height=64
    )
    work = Work(
        job_id=JobId("a"), params=params, image=png((96, 64), "blue"), mask=buffer.getvalue()
    )
    drawn = Picture(png=png((64, 48), "red"), width=64, height=48)
    (output,) = await to_outputs(work, [drawn], title="")
    assert (output.width, output.height) == (96, 64)
    assert opened(output.data).getpixel((10, 10)) == (255, 0, 0)
    assert opened(output.data).getpixel((90, 10)) == (0, 0, 255)


async def test_a_preview_is_made_small_and_a_broken_one_is_left_out() -> None:
    small = await read_preview(png((1024, 512)))
    assert small is not None
    assert (opened(small).format, opened(small).size) == ("JPEG", (256, 128))
    assert await read_preview(b"nothing") is None


def test_base64_is_read_with_and_without_a_data_url() -> None:
    written = base64.b64encode(b"picture").decode()
    assert from_base64(written) == b"picture"
    assert from_base64(f"data:image/png;base64,{written}") == b"picture"


@pytest.mark.parametrize("written", [None, 7, "%%%", "abc", "data:image/png;base64,a"])
def test_what_is_no_base64_is_a_bad_reply(written: object) -> None:
    with pytest.raises(BadReply):
        from_base64(written)
