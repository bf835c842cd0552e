"""ComfyUI as a backend, against a server on loopback that keeps to what was recorded."""

from __future__ import annotations

import asyncio
import io
import json
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from generation.backends.base import Cancelled, Failed, Progressed, Work
from generation.backends.comfyui.api import Api
from generation.backends.comfyui.backend import ComfyBackend
from generation.backends.comfyui.run import Run, Runner
from generation.backends.comfyui.workflow import build
from generation.backends.remote.server import Server
from generation.backends.remote.standing import Patience
from generation.backends.remote.wire import Wire
from generation.clock import SystemClock
from generation.errors import BackendError, OutOfMemory, Rejected, Unavailable
from generation.tools import tool_params
from generation.types import Lora, Params, Task, new_job_id
from tests.generation.backends.comfyui.graphs import default_graph, from_picture, node
from tests.generation.backends.playing import drawn, failure, play
from tests.servers.comfyui import ComfyTwin

PATIENCE = Patience(look=0.01, cancel=10.0)


both = pytest.mark.parametrize("is_new", [False, True], ids=["0.3.64", "2026"])
"""What differs between servers' versions is tried with both."""


@pytest.fixture
def comfy() -> ComfyTwin:
    return ComfyTwin()


@asynccontextmanager
async def backend_of(comfy: ComfyTwin, folder: Path | None = None) -> AsyncIterator[ComfyBackend]:
    async with comfy.running() as url:
        backend = ComfyBackend("comfy", Server.at(url), workflows=folder, patience=PATIENCE)
        yield backend
        await backend.aclose()


def wish(model: str = "v1-5-pruned-emaonly", **changes: Any) -> Work:
    pictures = {
        name: changes.pop(name) for name in ("image", "mask", "references") if name in changes
    }
    params = Params(
        task=Task.TXT2IMG,
        model=model,
        prompt="a red circle",
        negative_prompt="",
        width=64,
        height=72,
        steps=3,
        guidance_scale=7.0,
        sampler="Euler",
        scheduler="Karras",
        seed=11,
        count=1,
    )
    return Work(job_id=new_job_id(), params=replace(params, **changes), **pictures)


def png(size: tuple[int, int] = (64, 72), mode: str = "RGB", colour: Any = (9, 80, 200)) -> bytes:
    buffer = io.BytesIO()
    Image.new(mode, size, colour).save(buffer, "PNG")
    return buffer.getvalue()


@both
async def test_each_picture_is_a_run_with_its_own_seed(is_new: bool) -> None:
    comfy = ComfyTwin(is_new=is_new)
    async with backend_of(comfy) as backend:
        result = await drawn(backend, wish(count=2))
    assert [output.seed for output in result.outputs] == [11, 12]
    assert [graph["5"]["inputs"]["seed"] for graph in comfy.prompts] == [11, 12]


async def test_steps_add_up_over_a_jobs_runs_and_carry_previews(comfy: ComfyTwin) -> None:
    async with backend_of(comfy) as backend:
        events = await play(backend, wish(count=2))
    told = [event.progress for event in events if isinstance(event, Progressed)]
    assert {progress.steps for progress in told} == {6}
    assert [progress.step for progress in told] == sorted(progress.step for progress in told)
    assert told[-1].step == 6
    assert any(progress.preview for progress in told)


async def test_a_part_is_redrawn_from_the_picture_and_its_mask(comfy: ComfyTwin) -> None:
    image, mask = png(), Image.new("L", (64, 72))
    mask.paste(255, (0, 0, 32, 72))
    buffer = io.BytesIO()
    mask.save(buffer, "PNG")
    work = wish(task=Task.INPAINT, strength=0.5, image=image, mask=buffer.getvalue())
    async with backend_of(comfy) as backend:
        (output,) = (await drawn(backend, work)).outputs
    with Image.open(io.BytesIO(output.data)) as opened:
        assert opened.getpixel((60, 40)) == (9, 80, 200)
        assert opened.getpixel((5, 40)) != (9, 80, 200)
    assert sorted(comfy.uploads) == sorted(
        [comfy.prompts[0]["8"]["inputs"]["image"], comfy.prompts[0]["9"]["inputs"]["image"]]
    )


async def test_hires_draws_over_the_enlarged_picture_by_the_models_other_workflow(
    comfy: ComfyTwin,
) -> None:
    work = wish(hires=2.0, hires_strength=0.4, final_width=128, final_height=144)
    async with backend_of(comfy) as backend:
        (output,) = (await drawn(backend, work)).outputs
    assert (output.width, output.height) == (128, 144)
    assert comfy.prompts[1]["5"]["inputs"]["denoise"] == 0.4
    (uploaded,) = comfy.uploads.values()
    with Image.open(io.BytesIO(uploaded)) as opened:
        assert opened.size == (128, 144)


async def test_the_same_picture_is_sent_under_the_same_name(comfy: ComfyTwin) -> None:
    async with backend_of(comfy) as backend:
        for _ in range(2):
            await drawn(backend, wish(task=Task.IMG2IMG, strength=0.5, image=png()))
    assert len(comfy.uploads) == 1
    assert next(iter(comfy.uploads)).startswith("easel/")


async def test_loras_go_along(comfy: ComfyTwin) -> None:
    async with backend_of(comfy) as backend:
        await drawn(backend, wish(loras=(Lora(name="ink", weight=0.5),)))
    assert comfy.prompts[0]["lora-1"]["inputs"]["lora_name"] == "styles/ink.safetensors"


@both
async def test_only_our_own_prompt_is_stopped(is_new: bool) -> None:
    comfy = ComfyTwin(is_new=is_new)
    stranger = str(uuid.uuid4())
    async with backend_of(comfy) as backend:
        long = wish(steps=150)
        await anext(aiter(backend.run(long)))
        await backend.wire.post("prompt", json={"prompt": default_graph(), "prompt_id": stranger})
        await backend.cancel(long.job_id)
        assert isinstance((await play(backend, long))[-1], Cancelled)
        await drawn(backend, wish())
    assert comfy.history[stranger]["status"]["status_str"] == "success"
    assert None not in comfy.interrupts


@both
async def test_a_prompt_that_waits_behind_others_is_taken_out_of_the_queue(is_new: bool) -> None:
    comfy = ComfyTwin(is_new=is_new, waits=asyncio.Event())
    async with backend_of(comfy) as backend:
        work = wish()
        playing = asyncio.create_task(play(backend, work))
        await comfy.queued.wait()
        await backend.cancel(work.job_id)
        assert isinstance((await playing)[-1], Cancelled)
        assert not comfy.pending
        assert comfy.interrupts == []


async def test_a_lost_socket_is_no_lost_picture(comfy: ComfyTwin) -> None:
    comfy.hangs_up_after_steps = 1
    async with backend_of(comfy) as backend:
        result = await drawn(backend, wish())
    assert len(result.outputs) == 1


async def test_a_server_that_forgot_the_prompt_is_told_from_one_that_draws() -> None:
    comfy = ComfyTwin(waits=asyncio.Event())
    async with backend_of(comfy) as backend:
        playing = asyncio.create_task(play(backend, wish()))
        await comfy.queued.wait()
        comfy.pending.clear()
        await comfy.hang_up()
        last = (await playing)[-1]
    assert isinstance(last, Failed)
    assert "does not know the job any more" in str(last.error.detail)


async def test_an_error_in_a_node_is_told_without_its_traceback(comfy: ComfyTwin) -> None:
    comfy.breaks_in = "KSampler"
    async with backend_of(comfy) as backend:
        error = await failure(backend, wish())
    assert error.detail == (
        "sd15.txt2img broke in KSampler (node 5): RuntimeError: a matrix did not fit in "
        "x.safetensors"
    )
    assert "matrix" not in error.sentence


async def test_a_server_without_memory_says_so(comfy: ComfyTwin) -> None:
    comfy.breaks_in = "VAEDecode"
    comfy.error = ("torch.OutOfMemoryError", "Allocation on device")
    async with backend_of(comfy) as backend:
        assert isinstance(await failure(backend, wish()), OutOfMemory)


async def test_a_model_that_was_deleted_meanwhile_is_rejected_by_name(comfy: ComfyTwin) -> None:
    async with backend_of(comfy) as backend:
        await backend.capabilities()
        comfy.nodes["CheckpointLoaderSimple"] = {"ckpt_name": [["other.safetensors"], {}]}
        error = await failure(backend, wish())
    assert isinstance(error, Rejected)
    assert "the server has no anime/v1-5-pruned-emaonly.safetensors" in str(error.detail)


@pytest.mark.parametrize("size", [(256, 288), (128, 144)])
async def test_an_upscaler_gives_the_size_that_was_asked_for(
    comfy: ComfyTwin, size: tuple[int, int], tmp_path: Path
) -> None:
    nodes = {
        "1": node("UpscaleModelLoader", model_name="4x-Sharp.pth"),
        "2": node("ImageUpscaleWithModel", upscale_model=["1", 0], image=["3", 0]),
        "3": node("LoadImage", image="example.png"),
        "4": node("SaveImage", images=["2", 0], filename_prefix="x"),
    }
    (tmp_path / "sharp.json").write_text(json.dumps(nodes))
    async with backend_of(comfy, tmp_path) as backend:
        (tool,) = (await backend.capabilities()).tools
        work = Work(job_id=new_job_id(), params=tool_params(tool, *size), image=png())
        (output,) = (await drawn(backend, work)).outputs
    with Image.open(io.BytesIO(output.data)) as opened:
        assert opened.size == (output.width, output.height) == size


async def test_no_origin_is_sent(comfy: ComfyTwin) -> None:
    """ComfyUI answers 403 to every request that names another site."""
    async with backend_of(comfy) as backend:
        assert (await backend.health()).ok
        await drawn(backend, wish())


async def test_an_operators_workflows_are_told_as_they_are_understood(
    comfy: ComfyTwin, tmp_path: Path
) -> None:
    (tmp_path / "bottles.json").write_text(json.dumps(default_graph()))
    (tmp_path / "broken.json").write_text("{")
    async with backend_of(comfy, tmp_path) as backend:
        offered = await backend.capabilities()
        notes = (await backend.health()).notes
        result = await drawn(backend, wish("bottles"))
    assert [model.name for model in offered.models] == ["bottles"]
    assert notes[0].startswith("workflow bottles: txt2img; prompt 6.text, negative_prompt 7.text")
    assert notes[1].startswith("broken.json is not used")
    assert len(result.outputs) == 1


async def test_pictures_of_one_run_say_that_they_share_a_seed(
    comfy: ComfyTwin, tmp_path: Path
) -> None:
    (tmp_path / "many.json").write_text(json.dumps(default_graph()))
    (tmp_path / "many.toml").write_text('[inputs]\ncount = "5.batch_size"')
    async with backend_of(comfy, tmp_path) as backend:
        result = await drawn(backend, wish("many", count=3))
    assert len(comfy.prompts) == 1
    assert [output.seed for output in result.outputs] == [11, 11, 11]
    assert result.notes == ("These pictures were drawn in one go and share one seed.",)


async def test_a_mask_goes_as_transparency_where_the_workflow_reads_it_so(
    comfy: ComfyTwin, tmp_path: Path
) -> None:
    nodes = from_picture()
    nodes["12"] = node("SetLatentNoiseMask", samples=["5", 0], mask=["10", 1])
    nodes["3"]["inputs"]["latent_image"] = ["12", 0]
    (tmp_path / "part.json").write_text(json.dumps(nodes))
    work = wish(
        "part", task=Task.INPAINT, strength=0.5, image=png(), mask=png(mode="L", colour=255)
    )
    async with backend_of(comfy, tmp_path) as backend:
        await drawn(backend, work)
    (uploaded,) = comfy.uploads.values()
    with Image.open(io.BytesIO(uploaded)) as opened:
        assert opened.mode == "RGBA"
        assert opened.getpixel((5, 5)) == (9, 80, 200, 0)


async def test_a_server_that_can_run_none_of_the_workflows_says_what_is_missing(
    comfy: ComfyTwin, tmp_path: Path
) -> None:
    nodes = default_graph()
    nodes["5"]["class_type"] = "SpecialLatent"
    (tmp_path / "special.json").write_text(json.dumps(nodes))
    async with backend_of(comfy, tmp_path) as backend:
        with pytest.raises(Unavailable) as error:
            await backend.capabilities()
    assert "special: the server has no node SpecialLatent; install it" in str(error.value.detail)


@both
async def test_health_names_the_version_and_the_device(is_new: bool) -> None:
    comfy = ComfyTwin(is_new=is_new)
    async with backend_of(comfy) as backend:
        health = await backend.health()
    assert health.device == ("ComfyUI 0.9.1, cpu" if comfy.is_new else "ComfyUI 0.3.64, cpu")


async def test_a_run_that_was_stopped_before_it_was_sent_is_never_sent(comfy: ComfyTwin) -> None:
    async with comfy.running() as url:
        wire = Wire(Server.at(url))
        workflow = build("bottles", json.dumps(default_graph()))
        run = Run(graph=workflow.graph, workflow=workflow)
        runner = Runner(Api(wire), SystemClock(), look=0.01)
        await runner.stop(run)
        with pytest.raises(BackendError):
            await runner.pictures(run, _nobody)
        await wire.aclose()
    assert comfy.prompts == []


async def _nobody(_message: object) -> None:
    """Nobody listens."""
