"""What can be asked for: every draw is drawable, every caption says what its picture shows."""

from random import Random

import pytest

from generation.demo_model.captions import COLOUR_WORDS, SHAPE_WORDS, describe, plural, with_article
from generation.demo_model.domain import (
    COLOURS,
    SCENES,
    SHAPES,
    SLOTS,
    Picture,
    are_distinct,
    draw_lots,
)
from generation.demo_model.questions import exam, practice

RED_ON_BLUE = Picture(kind="single", shape="circle", colour="red", background="blue")


def _pictures(count: int) -> list[Picture]:
    rng = Random("domain tests")
    return [draw_lots(rng) for _ in range(count)]


def test_lots_reach_every_shape_colour_and_scene() -> None:
    pictures = _pictures(2000)
    assert {p.shape for p in pictures} == {"", *SHAPES}
    assert {p.scene for p in pictures} == {"", *SCENES}
    assert {p.background for p in pictures} == {"", "paper", *COLOURS}


def test_no_shape_is_drawn_in_the_colour_of_its_ground() -> None:
    shapes = [p for p in _pictures(2000) if p.shape]
    assert len(shapes) > 1000
    assert all(are_distinct(p.colour, p.background) for p in shapes)


def test_the_same_seed_draws_the_same_picture_and_caption() -> None:
    first, second = Random(5), Random(5)
    assert describe(draw_lots(first), first) == describe(draw_lots(second), second)


def test_captions_only_say_values_of_their_slots() -> None:
    rng = Random(1)
    for picture in _pictures(500):
        said = describe(picture, rng).says
        assert set(said) == set(SLOTS)
        assert all(value in SLOTS[slot] for slot, value in said.items())


def test_a_caption_names_the_colour_and_shape_it_claims_to_say() -> None:
    rng = Random(2)
    for _ in range(300):
        caption = describe(RED_ON_BLUE, rng)
        if caption.says["shape"]:
            assert any(word in caption.text for word in SHAPE_WORDS["circle"])
        if caption.says["colour"]:
            assert any(word in caption.text for word in COLOUR_WORDS["red"])
        assert any(word in caption.text for word in COLOUR_WORDS["blue"])


def test_one_picture_is_asked_for_in_many_ways() -> None:
    rng = Random(3)
    assert len({describe(RED_ON_BLUE, rng).text for _ in range(200)}) > 100


@pytest.mark.parametrize(
    ("one", "many"), [("circle", "circles"), ("cross", "crosses"), ("box", "boxes")]
)
def test_plurals_are_spelled_as_people_spell_them(one: str, many: str) -> None:
    assert plural(one) == many


def test_articles_listen_to_the_first_letter() -> None:
    assert with_article("orange star") == "an orange star"
    assert with_article("red star") == "a red star"


def test_the_exam_has_two_hundred_prompts_and_practice_none_of_them() -> None:
    asked = {question.prompt for question in exam()}
    assert len(exam()) == len(asked) == 200
    assert asked.isdisjoint(question.prompt for question in practice())
