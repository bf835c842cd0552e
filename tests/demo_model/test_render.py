"""Pictures and the classifier hold each other to the truth."""

from random import Random

import numpy as np
import pytest
from PIL import ImageChops

from generation.demo_model.classifier import read, read_scene
from generation.demo_model.domain import (
    BALANCED,
    POSITIONS,
    SCENES,
    SHAPES,
    SIZES,
    STYLES,
    Picture,
    draw_lots,
)
from generation.demo_model.evaluate import answers, sheet
from generation.demo_model.render import render


def _circle(*, size: str = "medium", position: str = "centre") -> Picture:
    return Picture(
        kind="single",
        shape="circle",
        colour="red",
        background="blue",
        size=size,
        position=position,
    )


@pytest.mark.parametrize("size", [(256, 256), (288, 192), (192, 288), (128, 128)])
def test_pictures_have_the_size_asked_for(size: tuple[int, int]) -> None:
    for scene in SCENES:
        picture = Picture(kind="scene", background="", scene=scene)
        assert render(picture, Random(1), width=size[0], height=size[1]).size == size
    assert render(_circle(), Random(1), width=size[0], height=size[1]).size == size


def test_the_same_seed_renders_the_same_bytes() -> None:
    first, second = (render(_circle(), Random(9)).tobytes() for _ in range(2))
    assert first == second
    assert render(_circle(), Random(10)).tobytes() != first


@pytest.mark.parametrize("shape", SHAPES)
def test_the_classifier_knows_every_shape(shape: str) -> None:
    rng = Random(shape)
    for _ in range(6):
        picture = Picture(kind="single", shape=shape, colour="orange", background="purple")
        seen = read(render(picture, rng))
        assert seen.background == "purple"
        assert [(thing.shape, thing.colour) for thing in seen.things] == [(shape, "orange")]


@pytest.mark.parametrize("position", POSITIONS)
def test_the_classifier_knows_every_position(position: str) -> None:
    (thing,) = read(render(_circle(position=position), Random(position))).things
    assert thing.position == position


@pytest.mark.parametrize("size", SIZES)
def test_the_classifier_knows_every_size(size: str) -> None:
    (thing,) = read(render(_circle(size=size), Random(size))).things
    assert thing.size_word == size


def test_the_classifier_finds_no_fault_with_true_pictures() -> None:
    rng = Random("ground truth")
    kinds = {**BALANCED, "scene": 0.0, "nothing": 0.0}
    pictures = [draw_lots(rng, kinds) for _ in range(110)]
    plain = [p for p in pictures if p.style == "plain" and p.relation != "inside"]
    assert len(plain) > 70
    faults = [
        (picture, wrong)
        for picture in plain
        if not all((wrong := answers(picture, render(picture, rng))).values())
        # White walls and warm paper differ by less than the light on them may vary.
        and picture.background != "paper"
    ]
    assert len(faults) <= len(plain) * 0.02, faults


@pytest.mark.parametrize("scene", SCENES)
def test_the_classifier_knows_every_scene(scene: str) -> None:
    picture = Picture(kind="scene", background="", scene=scene)
    assert read_scene(render(picture, Random(4)))[0] == scene


def test_a_false_answer_is_marked_wrong() -> None:
    image = render(_circle(), Random(1))
    wanted = Picture(
        kind="single", shape="star", colour="green", background="white", position="left"
    )
    marks = answers(wanted, image)
    assert not any(marks[q] for q in ("shape", "colour", "background", "position"))
    assert marks["one_object"]


@pytest.mark.parametrize("style", STYLES[1:])
def test_styles_change_the_picture_but_not_its_place(style: str) -> None:
    plain = render(_circle(), Random(3))
    styled = render(
        Picture(kind="single", shape="circle", colour="red", background="blue", style=style),
        Random(3),
    )
    box = ImageChops.difference(plain, styled).getbbox()
    assert box is not None
    assert box[0] > 20
    assert box[2] < 236


def test_neon_is_dark_around_a_bright_tube() -> None:
    image = render(_circle(), Random(3), look="neon").convert("L")
    pixels = np.asarray(image)
    assert pixels[4, 4] < 60
    assert pixels.max() > 100


def test_a_contact_sheet_shows_every_picture() -> None:
    images = [render(_circle(), Random(i)) for i in range(5)]
    assert sheet(images, columns=3, side=64).size == (192, 128)
