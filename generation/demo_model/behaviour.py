"""How the model answers its controls: size, guidance, negative prompt, strength; and how fast."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import replace
from random import Random

import numpy as np
import torch
from diffusers import AutoPipelineForImage2Image, StableDiffusionPipeline
from PIL import Image

from generation.demo_model.domain import COLOURS, SHAPES, Picture
from generation.demo_model.evaluate import Settings, answers, draw, judge
from generation.demo_model.questions import Question, exam
from generation.demo_model.render import render

_SIZES = ((128, 128), (192, 192), (256, 256), (288, 192), (192, 288))
_GUIDANCES = (1.0, 5.0, 7.5)
_STRENGTHS = (0.3, 0.6, 0.9)


def measure(pipeline: StableDiffusionPipeline, settings: Settings) -> Mapping[str, str]:
    """One line per control, in words and numbers for the model card."""
    singles = tuple(question for question in exam() if _is_plain_single(question))[::5][:18]
    lines: dict[str, str] = {}
    for width, height in _SIZES:
        sized = replace(settings, width=width, height=height)
        lines[f"at {width}×{height}"] = _scores(pipeline, singles, sized)
    for guidance in _GUIDANCES:
        guided = replace(settings, guidance=guidance)
        lines[f"at guidance {guidance:g}"] = _scores(pipeline, singles, guided)
    lines["negative prompt"] = _negative(pipeline, settings)
    for strength in _STRENGTHS:
        lines[f"img2img at {strength:g}"] = _image_to_image(pipeline, settings, strength)
    lines["seconds, one core"] = _seconds(pipeline, settings)
    return lines


def _is_plain_single(question: Question) -> bool:
    wanted = question.wanted
    return wanted.kind == "single" and wanted.size == "medium" and wanted.position == "centre"


def _scores(
    pipeline: StableDiffusionPipeline, questions: tuple[Question, ...], settings: Settings
) -> str:
    scores = judge(list(draw(pipeline, questions, settings)))
    return ", ".join(
        f"{quality.replace('_', ' ')} {scores[quality].right}/{scores[quality].asked}"
        for quality in ("background", "colour", "shape", "one_object")
    )


def _negative(pipeline: StableDiffusionPipeline, settings: Settings) -> str:
    """How often a teal ground moves further from blue once blue is the negative prompt."""
    moved = 0
    blue = np.array(COLOURS["blue"], np.float32)
    for seed, shape in enumerate(SHAPES):
        distances = []
        for negative in ("", "a blue background"):
            image = pipeline(
                f"a red {shape} on a teal background",
                negative_prompt=negative,
                width=settings.width,
                height=settings.height,
                num_inference_steps=settings.steps,
                guidance_scale=settings.guidance,
                generator=torch.Generator().manual_seed(seed),
            ).images[0]
            edge = np.asarray(image, np.float32)[:8].reshape(-1, 3).mean(0)
            distances.append(float(np.linalg.norm(edge - blue)))
        moved += distances[1] > distances[0]
    return f"teal ground further from blue in {moved}/{len(SHAPES)} with blue as negative"


def _image_to_image(pipeline: StableDiffusionPipeline, settings: Settings, strength: float) -> str:
    """How far pictures of a green square move towards a red circle on blue."""
    image_to_image = AutoPipelineForImage2Image.from_pipe(pipeline)
    image_to_image.set_progress_bar_config(disable=True)
    old = Picture(kind="single", shape="square", colour="green", background="white")
    new = Picture(kind="single", shape="circle", colour="red", background="blue")
    changes, kept, replaced = [], 0, 0
    for seed in range(6):
        start = render(old, Random(f"start {seed}"), width=settings.width, height=settings.height)
        image = image_to_image(
            "a red circle on a blue background",
            image=start,
            strength=strength,
            num_inference_steps=settings.steps,
            guidance_scale=settings.guidance,
            generator=torch.Generator().manual_seed(seed),
        ).images[0]
        changes.append(_change(start, image))
        kept += all(answers(old, image)[q] for q in ("background", "shape"))
        replaced += all(answers(new, image)[q] for q in ("background", "shape", "colour"))
    mean = float(np.mean(changes))
    return f"mean change {mean:.0f} of 255, start kept {kept}/6, prompt reached {replaced}/6"


def _change(first: Image.Image, second: Image.Image) -> float:
    a, b = (np.asarray(image, np.float32) for image in (first, second))
    return float(np.abs(a - b).mean())


def _seconds(pipeline: StableDiffusionPipeline, settings: Settings) -> str:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    question = exam()[0]
    list(draw(pipeline, [question], replace(settings, steps=2)))
    began = time.perf_counter()
    list(draw(pipeline, [question], settings))
    seconds = time.perf_counter() - began
    torch.set_num_threads(threads)
    return f"{seconds:.2f} for {settings.width}×{settings.height} in {settings.steps} steps"
