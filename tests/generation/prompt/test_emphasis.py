"""Emphasis in prompts."""

from __future__ import annotations

import pytest
from hypothesis import given, strategies as st

from generation.errors import InvalidParams
from generation.prompt.emphasis import MOST_WEIGHT, Phrase, Span, read_phrases


def weights(text: str) -> list[tuple[str, float]]:
    (phrase,) = read_phrases(text)
    (chunk,) = phrase.chunks
    return [(span.text, round(span.weight, 4)) for span in chunk]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a cat", [("a cat", 1.0)]),
        ("a (red) cat", [("a ", 1.0), ("red", 1.1), (" cat", 1.0)]),
        ("((red))", [("red", 1.21)]),
        ("(red:1.5)", [("red", 1.5)]),
        ("(red : 1.5 )", [("red ", 1.5)]),
        ("(red:.5)", [("red", 0.5)]),
        ("(red:-1)", [("red", -1.0)]),
        ("(red:0)", [("red", 0.0)]),
        ("[red]", [("red", 0.9091)]),
        ("([red])", [("red", 1.0)]),
        ("(a [b] c:1.2)", [("a ", 1.2), ("b", 1.0909), (" c", 1.2)]),
        ("((a:2) b:1.5)", [("a", 3.0), (" b", 1.5)]),
        ("(time 12:30, red:1.2)", [("time 12:30, red", 1.2)]),
        (r"\(red\)", [("(red)", 1.0)]),
        (r"(\(red\):1.2)", [("(red)", 1.2)]),
        (r"a\\b \n", [(r"a\b \n", 1.0)]),
        ("()", []),
        ("", []),
    ],
)
def test_brackets_weigh_what_they_hold(text: str, expected: list[tuple[str, float]]) -> None:
    assert weights(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "a smiling cat :)",
        "sad :(",
        "1) first, 2) second",
        "a cat (with a hat",
        "an array[3",
        "3:2",
        "a [cat:1.3",
        "at 12:30)",
        "a cat :1.5",
        "(((",
        ")))",
        "x]",
        "SHOUTING CATS AND DOGS BREAK THINGS",
        "a BREAKFAST in ANDALUSIA",
    ],
)
def test_what_is_no_emphasis_is_left_alone(text: str) -> None:
    (phrase,) = read_phrases(text)
    assert phrase.plain == text


def test_what_opens_inside_and_is_never_closed_is_text() -> None:
    assert weights("(a [b) c]") == [("a [b", 1.1), (" c]", 1.0)]


def test_a_weight_of_one_is_plain() -> None:
    (phrase,) = read_phrases("a (red:1.0) cat")
    assert phrase.plain == "a red cat"


def test_break_begins_a_new_chunk_even_inside_brackets() -> None:
    (phrase,) = read_phrases("a cat BREAK (a BREAK dog:1.2)")
    assert phrase.chunks == (
        (Span(text="a cat "),),
        (Span(text="a ", weight=1.2),),
        (Span(text=" dog", weight=1.2),),
    )
    assert phrase.plain is None


def test_a_break_at_the_edge_makes_no_empty_chunk() -> None:
    (phrase,) = read_phrases("BREAK a cat BREAK")
    assert phrase.plain == " a cat "


def test_and_joins_prompts_with_weights() -> None:
    first, second = read_phrases("a cat AND a (red) dog :0.7")
    assert (first.plain, first.weight) == ("a cat", 1.0)
    assert second == Phrase(
        chunks=((Span(text="a "), Span(text="red", weight=1.1), Span(text=" dog")),), weight=0.7
    )


def test_and_is_a_word_in_a_negative_prompt() -> None:
    (phrase,) = read_phrases("blur AND noise", option="negative_prompt")
    assert phrase.plain == "blur AND noise"


def test_a_prompt_of_nothing_but_and_is_empty() -> None:
    (phrase,) = read_phrases("AND and AND AND")
    assert phrase.plain == "and"
    assert [phrase.plain for phrase in read_phrases("")] == [""]


@pytest.mark.parametrize("text", ["(x:9)", "(aspect 16:9)", "(x:-4.1)", "(x:999999999)"])
def test_a_weight_out_of_bounds_is_refused_with_the_way_out(text: str) -> None:
    with pytest.raises(InvalidParams, match=r"from -4 to 4.*write \\\( and \\\)") as caught:
        read_phrases(text, option="negative_prompt")
    assert caught.value.option == "negative_prompt"


def test_a_phrases_weight_is_bounded_too() -> None:
    with pytest.raises(InvalidParams, match="not 50"):
        read_phrases("a cat AND a dog :50")


def test_too_many_prompts_are_refused() -> None:
    with pytest.raises(InvalidParams, match="at most 4 prompts"):
        read_phrases("a" + " AND a" * 4)


def test_brackets_in_brackets_stop_at_the_strongest_weight() -> None:
    assert weights("(" * 900 + "x" + ")" * 900) == [("x", MOST_WEIGHT)]
    assert weights("[" * 900 + "x" + "]" * 900) == [("x", 0.0)]


@given(st.text(alphabet="()[]:\\.19 aABREAKND-", max_size=60))
def test_any_text_is_read_or_refused_and_loses_no_letter(text: str) -> None:
    try:
        phrases = read_phrases(text)
    except InvalidParams:
        return
    assert 1 <= len(phrases) <= 4
    read = "".join(s.text for phrase in phrases for chunk in phrase.chunks for s in chunk)
    assert read.count("a") == text.count("a")
    for phrase in phrases:
        assert phrase.chunks
        for chunk in phrase.chunks:
            assert all(abs(span.weight) <= MOST_WEIGHT for span in chunk)


@pytest.mark.parametrize(
    "unit", ["(", "[", "(a:1.5)", "\\(", ":", ": ", "(:1", "BREAK ", "([", ")]", "(a:11111"]
)
def test_work_grows_with_the_length_only(unit: str) -> None:
    steps = [_steps(unit * count) for count in (200, 400)]
    assert steps[1] <= 2.2 * steps[0] + 200


def _steps(text: str) -> int:
    """Lines of the parser that run for a text."""
    import sys  # noqa: PLC0415 - only this measurement needs it

    count = 0

    def trace(_frame: object, event: str, _arg: object) -> object:
        nonlocal count
        count += event == "line"
        return trace

    before = sys.gettrace()
    sys.settrace(trace)  # type: ignore[arg-type]  # the tracer's own type is private
    try:
        read_phrases(f"x{text}")
    finally:
        sys.settrace(before)
    return count
