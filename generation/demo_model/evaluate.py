"""Judges a pipeline: draws the fixed prompts and counts what the classifier reads off them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import torch
from diffusers import StableDiffusionPipeline
from PIL import Image

from generation.demo_model import (
    DEFAULT_GUIDANCE,
    DEFAULT_HEIGHT,
    DEFAULT_STEPS,
    DEFAULT_WIDTH,
)
from generation.demo_model.classifier import Reading, Thing, read, read_scene
from generation.demo_model.domain import Picture
from generation.demo_model.questions import Question


@dataclass(frozen=True, kw_only=True, slots=True)
class Settings:
    """How to draw. The pipeline's own scheduler is used."""

    width: int = DEFAULT_WIDTH
    height: int = DEFAULT_HEIGHT
    steps: int = DEFAULT_STEPS
    guidance: float = DEFAULT_GUIDANCE


@dataclass(frozen=True, kw_only=True, slots=True)
class Score:
    """Right answers among those asked."""

    right: int
    asked: int

    @property
    def share(self) -> float:
        """From 0 to 1; 0 where nothing was asked."""
        return self.right / self.asked if self.asked else 0.0


def draw(
    pipeline: StableDiffusionPipeline,
    questions: Sequence[Question],
    settings: Settings,
    *,
    at_once: int = 8,
) -> Iterator[tuple[Question, Image.Image]]:
    """The pictures, each from its question's own seed."""
    for start in range(0, len(questions), at_once):
        part = questions[start : start + at_once]
        images = pipeline(
            [question.prompt for question in part],
            width=settings.width,
            height=settings.height,
            num_inference_steps=settings.steps,
            guidance_scale=settings.guidance,
            generator=[torch.Generator().manual_seed(question.seed) for question in part],
        ).images
        yield from zip(part, images, strict=True)


def judge(pictures: Sequence[tuple[Question, Image.Image]]) -> Mapping[str, Score]:
    """The score of every quality that these questions ask about."""
    right: Counter[str] = Counter()
    asked: Counter[str] = Counter()
    for question, image in pictures:
        for quality, is_right in answers(question.wanted, image).items():
            asked[quality] += 1
            right[quality] += is_right
    return {quality: Score(right=right[quality], asked=asked[quality]) for quality in asked}


def answers(wanted: Picture, image: Image.Image) -> dict[str, bool]:
    """What the picture got right, by quality."""
    if wanted.kind == "scene":
        scene, time = read_scene(image)
        return {"scene": scene == wanted.scene, "scene_time": time == wanted.time}
    seen = read(image)
    results = {"background": seen.background == wanted.background}
    if wanted.kind == "pair":
        return results | _pair_answers(wanted, seen)
    shapes = {thing.shape for thing in seen.things}
    colours = {thing.colour for thing in seen.things}
    first = seen.things[0] if seen.things else None
    results["colour"] = colours == {wanted.colour}
    if wanted.kind == "group":
        results["group_shape"] = shapes == {wanted.shape}
        results["count"] = len(seen.things) == wanted.count
        return results
    results["shape"] = first is not None and first.shape == wanted.shape
    results["one_object"] = len(seen.things) == 1
    if wanted.position != "centre":
        results["position"] = first is not None and first.position == wanted.position
    if wanted.size != "medium":
        results["size"] = first is not None and first.size_word == wanted.size
    return results


def _pair_answers(wanted: Picture, seen: Reading) -> dict[str, bool]:
    first = _find(seen, wanted.shape, wanted.colour)
    second = _find(seen, wanted.second_shape, wanted.second_colour)
    colours = {thing.colour for thing in seen.things}
    return {
        "pair_colours": colours == {wanted.colour, wanted.second_colour},
        "pair_both": first is not None and second is not None and len(seen.things) == 2,
        "relation": _stands(wanted, seen),
    }


def _find(seen: Reading, shape: str, colour: str) -> Thing | None:
    return next((t for t in seen.things if (t.shape, t.colour) == (shape, colour)), None)


def _stands(wanted: Picture, seen: Reading) -> bool:
    """Whether the thing of the first colour stands where the prompt puts it."""
    first = next((t for t in seen.things if t.colour == wanted.colour), None)
    second = next((t for t in seen.things if t.colour == wanted.second_colour), None)
    if first is None or second is None:
        return False
    across, down = first.x - second.x, first.y - second.y
    offset = {"above": -down, "below": down, "left of": -across, "right of": across}
    return offset[wanted.relation] > 0.15


def sheet(images: Sequence[Image.Image], *, columns: int = 8, side: int = 128) -> Image.Image:
    """A contact sheet: the pictures in rows, each fitted into a square of ``side`` pixels."""
    rows = -(-len(images) // columns)
    paper = Image.new("RGB", (columns * side, rows * side), (32, 32, 36))
    for index, image in enumerate(images):
        small = image.copy()
        small.thumbnail((side - 2, side - 2), Image.Resampling.LANCZOS)
        x = index % columns * side + (side - small.width) // 2
        y = index // columns * side + (side - small.height) // 2
        paper.paste(small, (x, y))
    return paper
