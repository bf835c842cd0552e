"""Controls and edges that meet, checked against what a model offers."""

from __future__ import annotations

from dataclasses import replace

import pytest

from generation.backends.base import ControlInfo
from generation.backends.scripted import TEST_CARD
from generation.catalog import Catalog
from generation.controls import CONTROL_KINDS, MOST_CONTROLS, control_kind, kinds_named_in
from generation.errors import InvalidParams
from generation.infotext import parse, write
from generation.prompt import Draft
from generation.reuse import take_over
from generation.types import Control, Params, Task

CANNY = ControlInfo(name="canny", title="Hard edges (Canny)", prepares=True)
MODEL = replace(TEST_CARD, controls=(CANNY,), uses_tiling=True)
CATALOG = Catalog([MODEL, replace(TEST_CARD, name="bare", title="Bare")])


def resolve(task: Task = Task.TXT2IMG, **wish: object) -> Params:
    return CATALOG.resolve(Draft(prompt="a hat", **wish), task=task)  # type: ignore[arg-type]


def test_a_kind_is_found_by_its_name_or_its_title() -> None:
    for said in ("canny", "CANNY", "hard edges (canny)"):
        (control,) = resolve(controls=(Control(kind=said),)).controls
        assert control.kind == "canny"


@pytest.mark.parametrize(
    ("control", "option"),
    [
        (Control(kind="depth"), "kind"),
        (Control(kind="canny", weight=2.5), "weight"),
        (Control(kind="canny", weight=float("nan")), "weight"),
        (Control(kind="canny", start=0.5, end=0.5), "start"),
        (Control(kind="canny", end=1.5), "start"),
    ],
)
def test_what_a_control_cannot_be_names_its_option(control: Control, option: str) -> None:
    with pytest.raises(InvalidParams) as refused:
        resolve(controls=(control,))
    assert refused.value.option == option


def test_so_many_pictures_hold_a_drawing_and_no_more() -> None:
    assert len(resolve(controls=(Control(kind="canny"),) * MOST_CONTROLS).controls) == MOST_CONTROLS
    with pytest.raises(InvalidParams, match="At most 4"):
        resolve(controls=(Control(kind="canny"),) * (MOST_CONTROLS + 1))


def test_edges_of_a_part_cannot_meet() -> None:
    assert resolve(tiling=True).tiling
    assert resolve(tiling=True, task=Task.IMG2IMG).tiling
    with pytest.raises(InvalidParams, match="whole pictures only"):
        resolve(tiling=True, task=Task.INPAINT)


def test_the_file_says_what_it_was_held_to_as_a1111_does() -> None:
    params = resolve(
        controls=(Control(kind="canny", weight=0.8, end=0.9), Control(kind="canny", prepare=False)),
        tiling=True,
    )
    fields = parse(write(params, seed=1)).fields
    assert fields["ControlNet 0"] == (
        "Module: canny, Model: canny, Weight: 0.8, Guidance Start: 0, Guidance End: 0.9"
    )
    assert fields["ControlNet 1"].startswith("Module: none, Model: canny")
    assert fields["Tiling"] == "True"


def test_settings_taken_from_a_file_make_edges_meet_and_name_the_missing_picture() -> None:
    params = resolve(controls=(Control(kind="canny"),), tiling=True)
    taken = take_over(write(params, seed=1), CATALOG)
    assert taken.draft.tiling is True
    assert taken.draft.controls == ()
    (note,) = taken.notes
    assert note == (
        "ControlNet held it to another picture, which is not in the file. "
        "To do that here, use /control with such a picture."
    )
    bare = take_over(write(replace(params, model="bare"), seed=1, model_title="Bare"), CATALOG)
    assert bare.draft.tiling is None
    assert any("cannot make edges meet" in note for note in bare.notes)


def test_every_kind_is_found_by_each_of_its_words_and_by_its_name() -> None:
    assert len(CONTROL_KINDS) > 10
    for kind in CONTROL_KINDS:
        assert control_kind(kind.name) is kind
        for word in kind.words:
            assert kinds_named_in(f"control_v11_{word.upper()}-fp16") == (kind.name,)
