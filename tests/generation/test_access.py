"""Which models are kept for some."""

from __future__ import annotations

from dataclasses import replace

import pytest

from generation.access import AccessRule, is_open, names_nothing
from generation.backends.scripted import TEST_CARD
from generation.catalog import Catalog
from generation.errors import InvalidParams, Refused
from generation.prompt import Draft
from generation.types import Task

KEPT = AccessRule(models=("Flux*",), groups=frozenset({"patrons"}))
FLUX = replace(TEST_CARD, name="flux-dev", title="Flux", tasks=frozenset({Task.EDIT}))
PLAIN = replace(TEST_CARD, name="plain", tasks=frozenset({Task.TXT2IMG}))
CATALOG = Catalog((FLUX, PLAIN), rules=(KEPT,))
ANYONE = frozenset({"visitors"})


def test_what_no_rule_is_about_is_open() -> None:
    assert is_open("plain", ANYONE, (KEPT,))


def test_a_rule_lets_its_own_groups_in_and_nobody_else() -> None:
    assert is_open("flux-dev", {"patrons", "visitors"}, (KEPT,))
    assert not is_open("flux-dev", ANYONE, (KEPT,))


def test_one_of_several_rules_is_enough() -> None:
    other = AccessRule(models=("flux-dev",), groups=ANYONE)
    assert is_open("flux-dev", ANYONE, (KEPT, other))


def test_a_name_that_no_model_bears_is_told() -> None:
    rule = AccessRule(models=("flux*", "flx"), groups=ANYONE)
    assert names_nothing((rule,), ("flux-dev", "plain")) == ("flx",)


def test_the_usual_model_is_the_first_that_is_open() -> None:
    drawn = CATALOG.seen_by(ANYONE).resolve(Draft(prompt="a cat"), task=Task.TXT2IMG)
    assert drawn.model == "plain"


@pytest.mark.parametrize("name", ["flux-dev", " FLUX "])
def test_a_kept_model_is_refused_in_one_sentence_that_names_the_open_ones(name: str) -> None:
    with pytest.raises(InvalidParams) as caught:
        CATALOG.seen_by(ANYONE).find(name)
    assert caught.value.sentence == (
        "The model flux-dev is kept for others here. Open to you: plain."
    )


def test_no_hint_names_a_kept_model() -> None:
    with pytest.raises(InvalidParams) as caught:
        CATALOG.seen_by(ANYONE).find("flux-de")
    assert "flux-dev" not in caught.value.sentence
    edit = Draft(prompt="a cat", model="plain")
    with pytest.raises(InvalidParams) as refused:
        CATALOG.seen_by(ANYONE).resolve(edit, task=Task.EDIT)
    assert "flux" not in refused.value.sentence


def test_whoever_may_use_none_is_told_so() -> None:
    with pytest.raises(Refused, match="kept for others"):
        _ = Catalog((FLUX,), rules=(KEPT,)).seen_by(ANYONE).default


def test_those_who_are_let_in_see_everything() -> None:
    assert CATALOG.seen_by(KEPT.groups).models == CATALOG.models
