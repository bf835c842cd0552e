"""What the shipped weights promise to whoever loads them."""

import warnings
from random import Random

import numpy as np
import pytest
import torch
from diffusers import (
    AutoPipelineForImage2Image,
    AutoPipelineForInpainting,
    StableDiffusionPipeline,
)
from PIL import Image

from generation.demo_model import (
    DEFAULT_GUIDANCE,
    DEFAULT_HEIGHT,
    DEFAULT_STEPS,
    DEFAULT_WIDTH,
    LORAS,
    MODEL_DIR,
)
from generation.demo_model.classifier import read
from generation.demo_model.domain import COLOURS, Picture
from generation.demo_model.pipeline import load
from generation.demo_model.render import render

pytestmark = pytest.mark.filterwarnings(
    # diffusers' Euler scheduler hands a tensor to NumPy 2 the old way.
    "ignore:__array__ implementation doesn't accept a copy keyword:DeprecationWarning"
)

RED_ON_BLUE = "a red circle on a blue background"


@pytest.fixture(scope="module")
def pipeline() -> StableDiffusionPipeline:
    return load(MODEL_DIR)


def _draw(
    pipeline: StableDiffusionPipeline,
    prompt: str,
    *,
    seed: int = 1,
    negative: str = "",
    guidance: float = DEFAULT_GUIDANCE,
    side: int = DEFAULT_WIDTH,
    steps: int = DEFAULT_STEPS,
) -> Image.Image:
    image: Image.Image = pipeline(
        prompt,
        negative_prompt=negative,
        width=side,
        height=side,
        num_inference_steps=steps,
        guidance_scale=guidance,
        generator=torch.Generator().manual_seed(seed),
    ).images[0]
    return image


def _difference(first: Image.Image, second: Image.Image) -> float:
    a, b = (np.asarray(image, np.float32) for image in (first, second))
    return float(np.abs(a - b).mean())


def test_everything_that_ships_fits_in_sixteen_megabytes() -> None:
    files = [path for path in MODEL_DIR.parent.rglob("*") if path.is_file()]
    assert len(files) >= 10
    assert sum(path.stat().st_size for path in files) <= 16_000_000
    assert {path.suffix for path in files} <= {".json", ".safetensors", ".txt"}


@pytest.mark.parametrize("dtype", [None, torch.float32, torch.bfloat16])
def test_it_loads_with_and_without_a_dtype(dtype: torch.dtype | None) -> None:
    wanted = {} if dtype is None else {"dtype": dtype}
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        loaded = StableDiffusionPipeline.from_pretrained(
            MODEL_DIR, local_files_only=True, use_safetensors=True, **wanted
        )
    loaded.set_progress_bar_config(disable=True)
    expected = dtype or torch.float32
    assert {part.dtype for part in (loaded.unet, loaded.vae, loaded.text_encoder)} == {expected}
    assert loaded.safety_checker is None
    assert _draw(loaded, RED_ON_BLUE, side=64, steps=2).size == (64, 64)


def test_a_red_circle_on_blue_is_red_on_blue(pipeline: StableDiffusionPipeline) -> None:
    seen = read(_draw(pipeline, RED_ON_BLUE))
    assert seen.background == "blue"
    assert [(thing.shape, thing.colour) for thing in seen.things] == [("circle", "red")]


@pytest.mark.parametrize(
    ("prompt", "shape", "colour", "background"),
    [
        ("a yellow star on a purple background", "star", "yellow", "purple"),
        ("white background, green square", "square", "green", "white"),
        ("a big pink heart against a black wall", "heart", "pink", "black"),
    ],
)
def test_the_prompt_decides_shape_and_colours(
    pipeline: StableDiffusionPipeline, prompt: str, shape: str, colour: str, background: str
) -> None:
    seen = read(_draw(pipeline, prompt))
    assert seen.background == background
    assert seen.things[0].colour == colour
    assert seen.things[0].shape == shape


def test_the_same_seed_draws_the_same_bytes(pipeline: StableDiffusionPipeline) -> None:
    first, second = (_draw(pipeline, RED_ON_BLUE, side=128, steps=6) for _ in range(2))
    assert first.tobytes() == second.tobytes()


def test_another_seed_draws_another_picture(pipeline: StableDiffusionPipeline) -> None:
    first, second = (_draw(pipeline, "a tree", seed=seed, side=128) for seed in (1, 2))
    assert _difference(first, second) > 2


def test_guidance_matters(pipeline: StableDiffusionPipeline) -> None:
    weak, strong = (_draw(pipeline, RED_ON_BLUE, side=128, guidance=g) for g in (1.0, 5.0))
    assert _difference(weak, strong) > 2


def test_a_negative_prompt_pushes_its_colour_away(pipeline: StableDiffusionPipeline) -> None:
    prompt = "a red star on a teal background"
    grounds = []
    for negative in ("", "a blue background"):
        image = _draw(pipeline, prompt, negative=negative, side=128)
        grounds.append(np.asarray(image, np.float32)[:4].reshape(-1, 3).mean(0))
    blue = np.array(COLOURS["blue"], np.float32)
    distances = [float(np.linalg.norm(ground - blue)) for ground in grounds]
    assert distances[1] > distances[0] + 2


def test_nonsense_and_foreign_words_still_give_a_picture(
    pipeline: StableDiffusionPipeline,
) -> None:
    image = _draw(pipeline, "zxqv 日本 🎨 a red circle on a blue background", side=128)
    assert read(image).background == "blue"


def test_a_batch_of_four_gives_four_pictures(pipeline: StableDiffusionPipeline) -> None:
    images = pipeline(
        ["a tree", "a red star", "", "a boat"],
        width=128,
        height=128,
        num_inference_steps=4,
        generator=[torch.Generator().manual_seed(seed) for seed in range(4)],
    ).images
    assert len({image.tobytes() for image in images}) == 4


def test_strength_decides_how_much_of_an_image_stays(pipeline: StableDiffusionPipeline) -> None:
    start = render(
        Picture(kind="single", shape="square", colour="green", background="white"), Random(1)
    )
    image_to_image = AutoPipelineForImage2Image.from_pipe(pipeline)
    image_to_image.set_progress_bar_config(disable=True)
    changes = [
        _difference(
            start,
            image_to_image(
                RED_ON_BLUE,
                image=start,
                strength=strength,
                num_inference_steps=DEFAULT_STEPS,
                guidance_scale=DEFAULT_GUIDANCE,
                generator=torch.Generator().manual_seed(1),
            ).images[0],
        )
        for strength in (0.3, 0.6, 0.9)
    ]
    assert changes[0] < changes[1] < changes[2]
    assert changes[0] < 16
    assert changes[1] > 60


def test_inpainting_changes_only_the_masked_part(pipeline: StableDiffusionPipeline) -> None:
    start = render(
        Picture(kind="single", shape="circle", colour="green", background="white"), Random(1)
    )
    mask = Image.new("L", start.size, 0)
    mask.paste(255, (0, 0, DEFAULT_WIDTH // 2, DEFAULT_HEIGHT))
    inpaint = AutoPipelineForInpainting.from_pipe(pipeline)
    inpaint.set_progress_bar_config(disable=True)
    painted = inpaint(
        "a black background",
        image=start,
        mask_image=mask,
        width=DEFAULT_WIDTH,
        height=DEFAULT_HEIGHT,
        strength=1.0,
        num_inference_steps=DEFAULT_STEPS,
        guidance_scale=DEFAULT_GUIDANCE,
        generator=torch.Generator().manual_seed(1),
    ).images[0]
    # Two latent cells of margin: the decoder blends over the mask's edge.
    left = (0, 0, DEFAULT_WIDTH // 2 - 16, DEFAULT_HEIGHT)
    right = (DEFAULT_WIDTH // 2 + 16, 0, DEFAULT_WIDTH, DEFAULT_HEIGHT)
    assert _difference(start.crop(left), painted.crop(left)) > 30
    assert _difference(start.crop(right), painted.crop(right)) < 8


@pytest.mark.parametrize("name", list(LORAS))
def test_a_lora_changes_the_picture_and_unloads_without_a_trace(
    pipeline: StableDiffusionPipeline, name: str
) -> None:
    before = _draw(pipeline, "a pink star", side=192)
    try:
        pipeline.load_lora_weights(LORAS[name].parent, weight_name=LORAS[name].name)
        changed = _draw(pipeline, "a pink star", side=192)
    finally:
        pipeline.unload_lora_weights()
    after = _draw(pipeline, "a pink star", side=192)
    assert _difference(before, changed) > 20
    assert after.tobytes() == before.tobytes()


def test_neon_darkens_the_wall(pipeline: StableDiffusionPipeline) -> None:
    pipeline.load_lora_weights(LORAS["neon"].parent, weight_name=LORAS["neon"].name)
    try:
        image = _draw(pipeline, "a pink star", side=192).convert("L")
    finally:
        pipeline.unload_lora_weights()
    pixels = np.asarray(image)
    corners = [int(pixels[y, x]) for x in (4, 187) for y in (4, 187)]
    assert max(corners) < 110
