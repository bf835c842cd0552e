"""An engine's own options, checked against what the model offers."""

from __future__ import annotations

from dataclasses import replace

import pytest

from generation.backends.base import OptionInfo, OptionKind
from generation.backends.scripted import TEST_CARD
from generation.catalog import Catalog
from generation.errors import InvalidParams
from generation.infotext import write
from generation.own_options import values_of
from generation.prompt import Draft, parse_flags
from generation.reuse import take_over
from generation.types import OptionValue, Params, Setting, Task

OPTIONS = (
    OptionInfo(name="restore_faces", title="Restore faces", kind=OptionKind.SWITCH),
    OptionInfo(name="shift", title="", kind=OptionKind.NUMBER, lowest=0, highest=12),
    OptionInfo(name="tiles", title="", kind=OptionKind.WHOLE, lowest=1),
    OptionInfo(name="refiner", title="", kind=OptionKind.CHOICE, choices=("XL refiner", "none")),
    OptionInfo(name="second_prompt", title="", kind=OptionKind.TEXT),
    OptionInfo(
        name="fill", title="", kind=OptionKind.SWITCH, tasks=frozenset({Task.INPAINT, Task.EDIT})
    ),
)
MODEL = replace(TEST_CARD, name="dream", options=OPTIONS)
CATALOG = Catalog((MODEL, replace(TEST_CARD, name="plain")))


def resolve(text: str, task: Task = Task.TXT2IMG) -> Params:
    return CATALOG.resolve(parse_flags(f"a cat {text}"), task=task)


@pytest.mark.parametrize(
    ("text", "name", "value"),
    [
        ("restore_faces=on", "restore_faces", True),
        ("Restore-Faces=NO", "restore_faces", False),
        ('"restore faces=1"', "restore_faces", True),
        ("shift=3", "shift", 3.0),
        ("tiles=4.0", "tiles", 4),
        ("refiner=xl-refiner", "refiner", "XL refiner"),
        ('second_prompt="a  dog"', "second_prompt", "a dog"),
    ],
)
def test_a_value_becomes_what_the_option_takes(text: str, name: str, value: OptionValue) -> None:
    (setting,) = resolve(f"--set {text}").options
    assert setting == Setting(name=name, value=value)
    assert type(setting.value) is type(value)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("--set restore_face=on", "There is no option “restore_face”. Did you mean restore_faces?"),
        ("--set restore_faces=3", "The option restore_faces is yes or no, not “3”."),
        ("--set shift=13", "The option shift is a number from 0 to 12, not “13”."),
        ("--set shift=nan", "The option shift is a number from 0 to 12, not “nan”."),
        ("--set tiles=1.5", "The option tiles is a whole number, 1 or more, not “1.5”."),
        ("--set refiner=XL", "There is no refiner “XL”. Available: XL refiner, none."),
        ("--set shift=1 --set shift=2", "The option shift is given twice. Please keep only one."),
        (
            "--set fill=on",
            (
                "The option fill is for redrawing a part of a picture and editing pictures by "
                "instruction; leave it out."
            ),
        ),
        (
            f"--set second_prompt={'x' * 1001}",
            "The value of second_prompt is too long: the most is 1,000.",
        ),
        ("--set fill=on --model plain", "The model plain has no options of its own."),
    ],
)
def test_a_mistake_has_one_sentence(text: str, sentence: str) -> None:
    with pytest.raises(InvalidParams) as caught:
        resolve(text)
    assert caught.value.sentence == sentence


def test_the_same_value_said_twice_counts_once() -> None:
    assert resolve("--set shift=1 --set shift=1.0").options == (Setting(name="shift", value=1.0),)


def test_an_option_for_another_task_is_taken_along_only_where_it_fits() -> None:
    params = resolve("--set fill=on --set shift=2", task=Task.INPAINT)
    draft = Draft(prompt="a cat", model="dream", options=params.options)
    assert CATALOG.fitted(draft, Task.IMG2IMG).options == (Setting(name="shift", value=2.0),)


def test_a_pictures_settings_text_keeps_them() -> None:
    params = resolve('--set shift=2.5 --set second_prompt="a \\"dog\\", barking" --seed 1')
    taken = take_over(write(params, seed=1), CATALOG)
    assert taken.notes == ()
    assert CATALOG.resolve(taken.draft, task=Task.TXT2IMG) == params


def test_options_of_a_settings_text_that_are_not_had_here_are_named() -> None:
    params = replace(resolve("--seed 1"), options=(Setting(name="unheard_of", value=1),))
    taken = take_over(write(params, seed=1), CATALOG)
    assert taken.notes == ("The option “unheard_of=1” is not possible here and is left out.",)


def test_another_programs_field_called_options_is_ignored() -> None:
    text = write(resolve("--seed 1"), seed=1).replace("Version:", 'Options: "a, b", Version:')
    assert take_over(text, CATALOG).draft.options == ()


def test_what_an_option_takes_is_said_in_a_few_words() -> None:
    assert [values_of(info) for info in OPTIONS] == [
        "yes or no",
        "a number from 0 to 12",
        "a whole number, 1 or more",
        "one of XL refiner, none",
        "a text",
        "yes or no",
    ]
