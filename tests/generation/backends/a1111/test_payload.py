"""A job as a web UI's requests."""

from __future__ import annotations

import io
from dataclasses import replace

import pytest
from PIL import Image

from generation.errors import Rejected, Unavailable
from generation.types import SEED_MAX, Control, Lora, Setting, Task
from tests.generation.backends.a1111.lists import body, listing_of, opened, png, requests, work
from tests.servers.a1111 import A1111Twin
from tests.servers.a1111_relatives import (
    ForgeTwin,
    KoboldTwin,
    NoWebUiTwin,
    SdCppTwin,
    SdNextTwin,
)
from tests.servers.twin import Twin


async def test_everything_that_decides_the_picture_is_said_in_every_request() -> None:
    (call,) = requests(work(clip_skip=2), await listing_of())
    assert call.path == "sdapi/v1/txt2img"
    assert call.size == (512, 768)
    assert call.body == {
        "prompt": "a cat",
        "negative_prompt": "blurry",
        "width": 512,
        "height": 768,
        "steps": 20,
        "cfg_scale": 7.0,
        "sampler_name": "Euler a",
        "scheduler": "Karras",
        "seed": 11,
        "batch_size": 1,
        "n_iter": 1,
        "override_settings": {
            "sd_model_checkpoint": "tinyrand-a",
            "CLIP_stop_at_last_layers": 2,
            "sd_vae": "Automatic",
        },
        "override_settings_restore_afterwards": True,
        "force_task_id": "task(t1-0)",
        "send_images": True,
        "save_images": False,
        "do_not_save_samples": True,
        "do_not_save_grid": True,
    }


async def test_zeros_that_are_settings_too_are_left_out() -> None:
    said = body(work(), await listing_of())
    assert not {"eta", "s_noise", "denoising_strength", "hr_upscaler", "tiling"} & set(said)
    said = body(work(sampler="DDIM", eta=0.5, tiling=True), await listing_of())
    assert (said["eta"], said["tiling"]) == (0.5, True)


@pytest.mark.parametrize(("together", "batches"), [(1, (1, 6)), (2, (2, 3)), (4, (3, 2))])
async def test_pictures_are_drawn_together_as_far_as_the_operator_allows(
    together: int, batches: tuple[int, int]
) -> None:
    said = body(work(count=6), await listing_of(), together=together)
    assert (said["batch_size"], said["n_iter"]) == batches


async def test_seeds_past_the_greatest_begin_anew_in_a_request_of_their_own() -> None:
    first, second = requests(work(seed=SEED_MAX - 1, count=4), await listing_of())
    assert (first.body["seed"], first.seeds) == (SEED_MAX - 1, (SEED_MAX - 1, SEED_MAX))
    assert (second.body["seed"], second.seeds) == (0, (0, 1))
    assert first.body["force_task_id"] != second.body["force_task_id"]


async def test_a_variation_keeps_the_seed_and_counts_the_others() -> None:
    said = body(work(subseed=99, subseed_strength=0.2, count=2), await listing_of())
    assert (said["seed"], said["subseed"], said["subseed_strength"]) == (11, 99, 0.2)


async def test_a_second_pass_has_its_size_strength_and_upscaler() -> None:
    job = work(hires=1.5, hires_strength=0.4, final_width=768, final_height=1152)
    (call,) = requests(job, await listing_of())
    assert call.size == (768, 1152)
    assert call.body["enable_hr"] is True
    assert (call.body["hr_resize_x"], call.body["hr_resize_y"]) == (768, 1152)
    assert (call.body["denoising_strength"], call.body["hr_upscaler"]) == (0.4, "Lanczos")


async def test_each_server_is_asked_for_a_second_pass_in_its_own_way() -> None:
    job = work(hires=2.0, hires_strength=0.4, final_width=1024, final_height=1536)
    steps = replace(job.params, options=(Setting(name="hires_steps", value=7),))
    forge = body(replace(job, params=steps), await listing_of(ForgeTwin))
    assert forge["hr_additional_modules"] == ["Use same choices"]
    assert (forge["hr_cfg"], forge["hr_second_pass_steps"]) == (7.0, 7)
    sdnext = body(job, await listing_of(SdNextTwin))
    assert (sdnext["hr_force"], sdnext["hr_denoising_strength"]) == (True, 0.4)
    assert "denoising_strength" not in sdnext
    with pytest.raises(Rejected, match="KoboldCpp has no second pass"):
        requests(replace(job, params=replace(job.params, model="fullrand-sd15", sampler="default",
                                             scheduler="Automatic")),
                 await listing_of(KoboldTwin))  # fmt: skip


async def test_a_picture_to_start_from_goes_along() -> None:
    start = png((512, 768))
    job = work(image=start, task=Task.IMG2IMG, strength=0.6)
    (call,) = requests(job, await listing_of())
    assert call.path == "sdapi/v1/img2img"
    assert call.body["denoising_strength"] == 0.6
    images = call.body["init_images"]
    assert isinstance(images, list)
    assert [opened(image).size for image in images] == [(512, 768)]


async def test_for_inpainting_the_part_around_the_mask_is_sent_in_the_size_it_is_drawn_in() -> None:
    mask = Image.new("L", (1024, 1024))
    mask.paste(255, (100, 100, 200, 200))
    buffer = io.BytesIO()
    mask.save(buffer, "PNG")
    job = replace(
        work(
            image=png((1024, 1024)),
            task=Task.INPAINT,
            strength=0.7,
            width=512,
            height=512,
            final_width=1024,
            final_height=1024,
            padding=16,
            mask_blur=2,
        ),
        mask=buffer.getvalue(),
    )
    said = body(job, await listing_of())
    assert opened(said["mask"]).size == opened(said["init_images"][0]).size == (512, 512)  # type: ignore[index]
    assert (said["mask_blur"], said["inpaint_full_res"]) == (0, False)
    assert said["inpainting_fill"] == 1
    fill = replace(job.params, options=(Setting(name="masked_content", value="latent noise"),))
    assert body(replace(job, params=fill), await listing_of())["inpainting_fill"] == 2
    with pytest.raises(Rejected):
        requests(replace(job, params=replace(job.params, model="fullrand-sd15", sampler="default",
                                             scheduler="Automatic")),
                 await listing_of(KoboldTwin))  # fmt: skip


async def test_loras_are_asked_for_as_each_server_knows_them() -> None:
    job = work(loras=(Lora(name="ink", weight=0.8),))
    assert body(job, await listing_of())["prompt"] == "a cat <lora:ink:0.8>"
    plain = replace(job.params, model="fullrand-sd15", sampler="Euler a", scheduler="Karras")
    said = body(replace(job, params=plain), await listing_of(SdCppTwin))
    assert said["prompt"] == "a cat"
    assert said["lora"] == [{"path": "ink.safetensors", "multiplier": 0.8}]


async def test_an_option_becomes_the_field_that_it_stands_for() -> None:
    job = work(
        Setting(name="style", value="Cinematic"),
        Setting(name="restore_faces", value=True),
        Setting(name="vae", value="vae-ft.pt"),
        Setting(name="refiner", value="dreamXL_v1"),
        Setting(name="refiner_switch_at", value=0.8),
        Setting(name="s_churn", value=3.0),
        Setting(name="ensd", value=31337),
        Setting(name="hypernetwork", value="hyper"),
        Setting(name="hypernetwork_weight", value=0.5),
        Setting(name="seed_resize_width", value=512),
        Setting(name="hires_scheduler", value="Simple"),
    )
    said = body(job, await listing_of())
    assert said["styles"] == ["Cinematic"]
    assert said["restore_faces"] is True
    assert said["override_settings"] == {
        "sd_model_checkpoint": "tinyrand-a",
        "CLIP_stop_at_last_layers": 1,
        "sd_vae": "vae-ft.pt",
        "eta_noise_seed_delta": 31337,
    }
    assert (said["refiner_checkpoint"], said["refiner_switch_at"]) == ("dreamXL_v1", 0.8)
    assert (said["s_churn"], said["seed_resize_from_w"]) == (3.0, 512)
    assert said["prompt"] == "a cat <hypernet:hyper:0.5>"
    assert said["hr_scheduler"] == "Simple"


async def test_forge_takes_modules_by_their_paths() -> None:
    said = body(work(Setting(name="module", value="ae.safetensors")), await listing_of(ForgeTwin))
    settings = said["override_settings"]
    assert isinstance(settings, dict)
    assert settings["forge_additional_modules"] == ["/srv/forge/models/VAE/ae.safetensors"]


async def test_controls_and_the_detailer_are_scripts_beside_the_job() -> None:
    job = work(
        Setting(name="detailer", value="face_yolov8n.pt"),
        Setting(name="detailer_prompt", value="a smile"),
        controls=(
            Control(kind="canny", weight=0.9, start=0.1, end=0.8),
            Control(kind="canny", prepare=False),
        ),
    )
    job = replace(job, controls=(png((64, 64)), png((64, 64), "blue")))
    scripts = body(job, await listing_of())["alwayson_scripts"]
    assert isinstance(scripts, dict)
    first, second = scripts["ControlNet"]["args"]
    assert first["model"] == second["model"] == "control_canny [d14c016b]"
    assert (first["module"], second["module"]) == ("canny", "none")
    assert (first["weight"], first["guidance_start"], first["guidance_end"]) == (0.9, 0.1, 0.8)
    assert opened(second["image"]).getpixel((0, 0)) == (0, 0, 255)
    told = {"ad_model": "face_yolov8n.pt", "ad_prompt": "a smile", "ad_denoising_strength": 0.4}
    assert scripts["ADetailer"] == {"args": [True, False, told]}


async def test_fields_of_the_operators_own_go_below_what_the_job_says() -> None:
    extra = {
        "steps": 99,
        "restore_faces": True,
        "override_settings": {"sd_vae": "other.pt", "token_merging_ratio": 0.3},
        "alwayson_scripts": {"Mine": {"args": [1]}},
    }
    said = body(work(), await listing_of(), extra=extra)
    assert (said["steps"], said["restore_faces"]) == (20, True)
    settings = said["override_settings"]
    assert isinstance(settings, dict)
    assert (settings["sd_vae"], settings["token_merging_ratio"]) == ("Automatic", 0.3)
    assert said["alwayson_scripts"] == {"Mine": {"args": [1]}}


@pytest.mark.parametrize(
    "changes",
    [
        {"model": "gone"},
        {"sampler": "Euler x"},
        {"scheduler": "Gone"},
        {"options": (Setting(name="refiner", value="gone"),)},
        {"controls": (Control(kind="depth"),)},
    ],
)
async def test_what_the_server_lost_meanwhile_is_not_asked_for(changes: dict[str, object]) -> None:
    job = work()
    job = replace(job, params=replace(job.params, **changes))  # type: ignore[arg-type]
    with pytest.raises(Unavailable, match="any more"):
        requests(job, await listing_of())


@pytest.mark.parametrize(
    ("twin", "has_task"),
    [(A1111Twin, True), (NoWebUiTwin, False), (SdNextTwin, False)],
)
async def test_a_task_has_a_name_where_the_server_can_tell_of_it(
    twin: type[Twin], has_task: bool
) -> None:
    listing = await listing_of(twin)
    scheduler = "Karras" if listing.schedulers else "Automatic"
    assert ("force_task_id" in body(work(scheduler=scheduler), listing)) is has_task


async def test_a_server_of_single_pictures_is_asked_for_each() -> None:
    job = work(count=3, model="fullrand-sd15", sampler="Euler", scheduler="Automatic")
    made = requests(job, await listing_of(KoboldTwin))
    assert [call.body["seed"] for call in made] == [11, 12, 13]
    assert all(call.body["n_iter"] == 1 for call in made)
    assert all("override_settings" not in call.body for call in made)
