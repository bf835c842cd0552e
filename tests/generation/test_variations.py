"""Variations, as members ask for them."""

from __future__ import annotations

from dataclasses import replace

import pytest

from generation.backends.scripted import TEST_CARD
from generation.catalog import Catalog
from generation.errors import InvalidParams
from generation.infotext import write
from generation.prompt import parse_flags
from generation.reuse import take_over
from generation.types import SEED_MAX, Params, Task

MODEL = replace(TEST_CARD, uses_subseed=True)
CATALOG = Catalog((MODEL, replace(TEST_CARD, name="other")))


def resolve(flags: str, task: Task = Task.TXT2IMG) -> Params:
    return CATALOG.resolve(parse_flags(f"a cat {flags}"), task=task)


def test_the_seed_stays_and_the_subseed_counts_on() -> None:
    params = resolve(f"--seed 5 --subseed {SEED_MAX} --subseed-strength 0.2 --count 2")
    assert (params.seed, params.subseed_strength) == (5, 0.2)
    assert params.seeds() == (SEED_MAX, 0)


def test_a_strength_alone_draws_a_subseed() -> None:
    drawn = {resolve("--seed 5 --subseed-strength 0.2").subseed for _ in range(5)}
    assert len(drawn) > 1


def test_no_strength_is_no_variation() -> None:
    plain, none = resolve("--seed 5"), resolve("--seed 5 --subseed 7 --subseed-strength 0")
    assert plain == none
    assert plain.seeds() == (5,)


@pytest.mark.parametrize(
    ("flags", "task", "sentence"),
    [
        ("--subseed 7", Task.TXT2IMG, "goes with --subseed-strength"),
        ("--subseed-strength 1.5", Task.TXT2IMG, "from 0 .* to 1"),
        ("--subseed-strength 0.1", Task.IMG2IMG, "from a prompt alone"),
        ("--subseed-strength 0.1 --model other", Task.TXT2IMG, "other takes no subseed"),
        ("--subseed -2 --subseed-strength 0.1", Task.TXT2IMG, "A seed is from 0"),
    ],
)
def test_a_variation_that_cannot_be_is_refused(flags: str, task: Task, sentence: str) -> None:
    with pytest.raises(InvalidParams, match=sentence):
        resolve(flags, task)


def test_the_settings_of_a_variation_can_be_taken_from_its_file() -> None:
    params = resolve("--seed 5 --subseed 7 --subseed-strength 0.2 --count 2")
    second = write(params, seed=params.seeds()[1], model_title=MODEL.title)
    taken = take_over(second, CATALOG)
    assert taken.notes == ()
    assert (taken.draft.seed, taken.draft.subseed, taken.draft.subseed_strength) == (5, 8, 0.2)


def test_where_a_model_has_no_variations_that_is_said() -> None:
    only_other = Catalog((replace(TEST_CARD, name="other"),))
    text = write(resolve("--subseed 7 --subseed-strength 0.2"), seed=7, model_title="other")
    taken = take_over(text, only_other)
    assert taken.draft.subseed is None
    assert any("Variations" in note for note in taken.notes)
