"""A small Gradio app drawn with Pillow, run by the interpreter of any Gradio from 3.35 to 6.

``python gradio_app.py SHAPE PORT``; it prints ``ready`` when it listens. ``--login name:password``
asks for a password, ``--full N`` bounds the queue, ``--path /sub`` mounts it below a path.
"""

from __future__ import annotations

import argparse
import random
import time
from collections.abc import Callable, Iterator
from typing import Any

import gradio as gr  # type: ignore[import-not-found, unused-ignore]
from PIL import Image, ImageDraw

NEWER = int(gr.__version__.strip().split(".")[0]) >= 4
SEED_MOST = 2147483647
STEP_SECONDS = 0.05


def paint(seed: int, width: int, height: int, words: str, share: float = 1.0) -> Image.Image:
    """A picture that depends on everything it is told, and on nothing else."""
    chance = random.Random(f"{seed} {words}")
    picture = Image.new("RGB", (int(width), int(height)), "navy")
    pen = ImageDraw.Draw(picture)
    for _ in range(12):
        x, y = chance.randrange(int(width)), chance.randrange(int(height))
        colour = tuple(chance.choices(range(256), k=3))
        reach = width / 6 * share
        pen.ellipse((x - reach, y - reach, x + reach, y + reach), fill=colour)
    return picture


def txt2img(
    prompt: str,
    negative: str,
    guidance: float,
    steps: float,
    width: float,
    height: float,
    seed: float,
    prefix: bool,
) -> tuple[Image.Image | None, str]:
    if "fail" in prompt:
        return None, f"This prompt cannot be drawn. <b>Think</b> of another than {prompt}."
    time.sleep(steps * STEP_SECONDS / 10)
    seed = seed or random.randint(1, SEED_MOST)
    words = f"{prompt} {negative} {guidance} {steps} {prefix}"
    return paint(int(seed), int(width), int(height), words), ""


def img2img(
    prompt: str,
    negative: str,
    guidance: float,
    steps: float,
    width: float,
    height: float,
    seed: float,
    prefix: bool,
    image: Image.Image | None,
    strength: float,
) -> tuple[Image.Image | None, str]:
    if image is None:
        return None, "Please upload a picture first."
    drawn, problem = txt2img(prompt, negative, guidance, steps, width, height, seed, prefix)
    if drawn is None:
        return drawn, problem
    return Image.blend(image.convert("RGB").resize(drawn.size), drawn, strength), ""


def usual_inputs() -> list[Any]:
    return [
        gr.Textbox(label="Prompt", placeholder="Enter prompt"),
        gr.Textbox(label="Negative prompt", placeholder="What to exclude from the image"),
        gr.Slider(label="Guidance scale", value=7.5, minimum=0, maximum=15),
        gr.Slider(label="Steps", value=25, minimum=2, maximum=75, step=1),
        gr.Slider(label="Width", value=512, minimum=64, maximum=1024, step=8),
        gr.Slider(label="Height", value=512, minimum=64, maximum=1024, step=8),
        gr.Slider(label="Seed (0 = random)", value=0, minimum=0, maximum=SEED_MOST, step=1),
        gr.Checkbox(label="Prefix styling tokens automatically (toy style)", value=True),
    ]


def space() -> None:
    """The usual Space: one tab to draw from words, one to draw from a picture."""
    with gr.Tab("Text to image"):
        inputs = usual_inputs()
        outputs = [gr.Image(label="Result"), gr.Textbox(label="Error")]
        gr.Button("Generate").click(txt2img, inputs, outputs, api_name="txt2img")
    with gr.Tab("Image to image"):
        inputs = [
            *usual_inputs(),
            gr.Image(label="Image", type="pil"),
            gr.Slider(label="Transform strength", value=0.5, minimum=0, maximum=1, step=0.01),
        ]
        outputs = [gr.Image(label="Result"), gr.Textbox(label="Error")]
        gr.Button("Generate").click(img2img, inputs, outputs, api_name="img2img")


def either(
    prompt: str, seed: float, image: Image.Image | None, strength: float
) -> tuple[Image.Image | None, str]:
    if image is None:
        return txt2img(prompt, "", 7.0, 5, 256, 256, seed, False)
    return img2img(prompt, "", 7.0, 5, 256, 256, seed, False, image, strength)


def single() -> None:
    """One function for both: the picture may be left out."""
    inputs = [
        gr.Textbox(label="Prompt", show_label=False),
        gr.Number(label="Seed", value=0, precision=0),
        gr.Image(label="Image", type="pil"),
        gr.Slider(label="Strength", value=0.5, minimum=0, maximum=1),
    ]
    outputs = [gr.Image(label="Result"), gr.Textbox(label="Error")]
    gr.Button("Generate").click(either, inputs, outputs)


def infer(
    prompt: str,
    negative_prompt: str,
    use_negative_prompt: bool,
    seed: float,
    randomize_seed: bool,
    width: float,
    height: float,
    guidance_scale: float,
    num_inference_steps: float,
    progress: Callable[..., None] = gr.Progress(),  # noqa: B008 (Gradio's own way to ask for it)
) -> Iterator[tuple[Image.Image, int]]:
    if "raise" in prompt:
        raise gr.Error("You have exceeded your GPU quota. <a href='x'>Create an account</a>")
    if "crash" in prompt:
        raise ValueError("a secret path /home/somebody")
    if randomize_seed:
        seed = random.randint(0, SEED_MOST)
    negative = negative_prompt if use_negative_prompt else ""
    steps = int(num_inference_steps)
    for step in range(1, steps + 1):
        time.sleep(STEP_SECONDS)
        progress((step, steps), desc="Drawing")
        words = f"{prompt} {negative} {guidance_scale}"
        yield paint(int(seed), int(width), int(height), words, step / steps), int(seed)


def template() -> None:
    """The template of a text-to-image Space: a switch for random seeds, pictures as they grow."""
    inputs = [
        gr.Text(label="Prompt", show_label=False, max_lines=1),
        gr.Text(label="Negative prompt", max_lines=1),
        gr.Checkbox(label="Use negative prompt", value=False),
        gr.Slider(label="Seed", minimum=0, maximum=SEED_MOST, step=1, value=0),
        gr.Checkbox(label="Randomize seed", value=True),
        gr.Slider(label="Width", minimum=256, maximum=1024, step=32, value=512),
        gr.Slider(label="Height", minimum=256, maximum=1024, step=32, value=512),
        gr.Slider(label="Guidance scale", minimum=0.0, maximum=10.0, step=0.1, value=3.5),
        gr.Slider(label="Number of inference steps", minimum=1, maximum=50, step=1, value=8),
    ]
    outputs = [gr.Image(label="Result", show_label=False), gr.Slider(label="Seed")]
    outputs[1] = inputs[3]
    gr.Button("Run").click(infer, inputs, outputs, api_name="infer")


def many(
    prompt: str,
    model: str,
    sampler: str,
    style: str,
    number: float,
    upscale: bool,
    state: list[int] | None,
) -> tuple[list[tuple[Image.Image, str]], list[int] | None]:
    words = f"{prompt} {model} {sampler} {style} {upscale}"
    pictures = [paint(index, 256, 256, words) for index in range(int(number))]
    return [(picture, f"no. {index}") for index, picture in enumerate(pictures)], state


def gallery() -> None:
    """Models and samplers to choose from, options of its own, a hidden state, a gallery."""
    inputs = [
        gr.Textbox(label="Describe your picture"),
        gr.Dropdown(["toy-1.5", "toy-xl"], value="toy-xl", label="Model"),
        gr.Radio(["Euler a", "DPM++ 2M"], value="Euler a", label="Sampling method"),
        gr.Dropdown(["(none)", "Photo", "Comic"], value="(none)", label="Style"),
        gr.Slider(label="Number of images", minimum=1, maximum=4, step=1, value=2),
        gr.Checkbox(label="Upscale the result"),
    ]
    state = gr.State([1])
    outputs = [gr.Gallery(label="Results"), state]
    gr.Button("Run").click(many, [*inputs, state], outputs)


def repaint(
    drawing: dict[str, Any] | None, prompt: str, seed: float, strength: float
) -> Image.Image:
    if not drawing:
        raise gr.Error("Please paint over what should change.")
    if NEWER:
        picture = drawing["background"].convert("RGB")
        mask = drawing["layers"][0].getchannel("A")
    else:
        picture, mask = drawing["image"].convert("RGB"), drawing["mask"].convert("L")
    drawn = paint(int(seed), picture.width, picture.height, prompt, strength)
    return Image.composite(drawn, picture, mask.resize(picture.size))


def inpaint() -> None:
    """A picture to paint a mask over, as each generation has it."""
    if NEWER:
        canvas = gr.ImageEditor(label="Image", type="pil")
    else:
        canvas = gr.Image(label="Image", type="pil", source="upload", tool="sketch")
    inputs = [
        canvas,
        gr.Textbox(label="Prompt"),
        gr.Number(label="Seed", value=0),
        gr.Slider(label="Strength", value=1.0, minimum=0, maximum=1),
    ]
    gr.Button("Run").click(repaint, inputs, gr.Image(label="Result"), api_name="inpaint")


def unqueued() -> None:
    """An app that answers at once, past any queue."""
    inputs = usual_inputs()
    outputs = [gr.Image(label="Result"), gr.Textbox(label="Error")]
    gr.Button("Go").click(txt2img, inputs, outputs, api_name="go", queue=False)


def words() -> None:
    """No picture comes out of it."""
    box = gr.Textbox(label="Prompt")
    gr.Button("Go").click(lambda text: text[::-1], box, gr.Textbox(label="Answer"), api_name="turn")


SHAPES = {
    shape.__name__: shape for shape in (space, single, template, gallery, inpaint, unqueued, words)
}


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("shape", choices=SHAPES)
    parser.add_argument("port", type=int)
    parser.add_argument("--login")
    parser.add_argument("--full", type=int)
    parser.add_argument("--path")
    wanted = parser.parse_args()
    with gr.Blocks(title=f"Easel's {wanted.shape}") as app:
        SHAPES[wanted.shape]()
    if wanted.full is not None or wanted.shape != "unqueued" or NEWER:
        app.queue(max_size=wanted.full)
    if wanted.path:
        _serve_below(app, wanted.path, wanted.port)
    else:
        login = tuple(wanted.login.split(":")) if wanted.login else None
        app.launch(
            server_name="127.0.0.1",
            server_port=wanted.port,
            auth=login,
            quiet=True,
            prevent_thread_lock=True,
        )
        print("ready", flush=True)
        app.block_thread()


def _serve_below(app: Any, path: str, port: int) -> None:
    import uvicorn  # type: ignore[import-not-found]
    from fastapi import FastAPI  # type: ignore[import-not-found]

    outer = gr.mount_gradio_app(FastAPI(), app, path=path)
    print("ready", flush=True)
    uvicorn.run(outer, host="127.0.0.1", port=port, log_level="warning")


if __name__ == "__main__":
    main()
