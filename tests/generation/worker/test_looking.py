"""Pictures that a model looks at: every family that can, tiny and with random weights."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from generation.errors import Unavailable
from generation.types import Task
from generation.worker.gatherer import Gatherer
from generation.worker.painter import paint
from generation.worker.settings import LocalModel
from generation.worker.slots import measure_slots
from tests.generation.worker.tiny_families import (
    NAMES,
    family_of,
    load,
    loaded,
    meet,
    picture,
    png,
    work_for,
)

GREEN, BLUE, HALF = (
    png("RGB", (90, 200, 40)),
    png("RGB", (20, 30, 220)),
    png("RGB", (250, 250, 240), half=(10, 10, 10)),
)
LOOKING = [
    (name, task)
    for name in NAMES
    for task in (Task.TXT2IMG, Task.EDIT)
    if task in family_of(name).looks
]
SEVERAL = [each for each in LOOKING if family_of(each[0]).max_references > 1]

pytestmark = [
    pytest.mark.filterwarnings("ignore"),  # libraries' own, while they load a model
    pytest.mark.usefixtures("small_looks"),
]


def drawn(name: str, gatherer: Gatherer, *pictures: bytes, **changes: Any) -> torch.Tensor:
    return picture(loaded(name), gatherer, references=pictures, **changes)


def test_those_that_look_are_not_forgotten() -> None:
    assert {name for name, _ in LOOKING} >= {"flux-kontext", "flux2", "qwen-image-edit-plus"}
    assert len(SEVERAL) >= 5


@pytest.mark.parametrize(("name", "task"), LOOKING)
def test_what_is_looked_at_decides_about_the_picture(
    name: str, task: Task, gatherer: Gatherer
) -> None:
    first = drawn(name, gatherer, GREEN, task=task)
    other = drawn(name, gatherer, HALF, task=task)
    again = drawn(name, gatherer, GREEN, task=task)
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


@pytest.mark.parametrize(("name", "task"), SEVERAL)
def test_every_one_of_several_pictures_counts_in_its_place(
    name: str, task: Task, gatherer: Gatherer
) -> None:
    one = drawn(name, gatherer, GREEN, task=task)
    two = drawn(name, gatherer, GREEN, BLUE, task=task)
    turned = drawn(name, gatherer, BLUE, GREEN, task=task)
    assert not torch.equal(one, two)
    assert not torch.equal(two, turned)


@pytest.mark.parametrize("name", [name for name, task in SEVERAL if task is Task.TXT2IMG])
def test_a_job_that_looks_leaves_nothing_to_the_next(name: str, gatherer: Gatherer) -> None:
    before = picture(loaded(name), gatherer)
    drawn(name, gatherer, GREEN, BLUE, task=Task.TXT2IMG)
    assert torch.equal(picture(loaded(name), gatherer), before)


@pytest.mark.parametrize("name", ["qwen-image-edit", "qwen-image-edit-plus"])
def test_words_that_are_read_with_a_picture_are_remembered_with_it(
    name: str, gatherer: Gatherer
) -> None:
    model, calls = loaded(name), list[int]()
    handle = model.base.text_encoder.register_forward_hook(lambda *_: calls.append(1))
    words = {"prompt": "make it rain", "guidance_scale": 1.0}
    try:
        first = drawn(name, gatherer, GREEN, **words)
        assert len(calls) == 1
        assert torch.equal(drawn(name, gatherer, GREEN, **words), first)
        assert len(calls) == 1
        drawn(name, gatherer, BLUE, **words)
        assert len(calls) == 2
    finally:
        handle.remove()


@pytest.mark.parametrize("count", [0, 2])
def test_a_job_whose_pictures_are_missing_says_so(count: int, gatherer: Gatherer) -> None:
    work = work_for(loaded("flux2").info, (GREEN,) * count, task=Task.EDIT)
    with pytest.raises(Unavailable, match="pictures are missing from a job for edit"):
        paint(
            loaded("flux2"),
            replace(work, references=(GREEN,) * (count - 1)),
            seat=gatherer.seat(),
            on_step=lambda _: None,
        )


def test_more_pictures_than_a_model_looks_at_are_refused(gatherer: Gatherer) -> None:
    with pytest.raises(Unavailable, match=r"Kontext looks at 1 pictures.*came with 2"):
        drawn("flux-kontext", gatherer, GREEN, BLUE, task=Task.EDIT)


def test_a_model_that_looks_at_none_is_not_shown_any(gatherer: Gatherer) -> None:
    with pytest.raises(Unavailable, match="looks at 0 pictures"):
        drawn("z-image", gatherer, GREEN)


@pytest.mark.parametrize("name", ["flux-fill", "sd15-inpainting", "qwen-image-edit"])
def test_how_many_jobs_pay_is_measured_for_models_that_need_a_picture(
    name: str, gatherer: Gatherer, caplog: pytest.LogCaptureFixture
) -> None:
    local = LocalModel(name=name, title=name, path=Path(f"random:tiny-{name}"), width=64, height=64)
    assert measure_slots(load(local, slots=None), gatherer) >= 1
    assert "not_measured" not in caplog.text


@pytest.mark.parametrize(("name", "task"), LOOKING)
def test_each_job_sees_its_own_pictures_where_steps_are_shared(name: str, task: Task) -> None:
    jobs = [
        {"task": task, "prompt": f"{word} and so on", "references": (shown,)}
        for word, shown in (("red", GREEN), ("sky", BLUE), ("old", HALF))
    ]
    met = meet(loaded(name), jobs)
    assert met.calls_together <= met.calls_alone / 3 + 2
    assert met.difference() <= 1e-4


def test_jobs_that_see_pictures_of_other_shapes_are_drawn_as_alone() -> None:
    jobs = [
        {"task": Task.EDIT, "prompt": "red", "references": shown}
        for shown in ((GREEN,), (BLUE, HALF), (png("RGB", "white", size=(96, 96)),))
    ]
    assert meet(loaded("flux2"), jobs).difference() <= 1e-4
