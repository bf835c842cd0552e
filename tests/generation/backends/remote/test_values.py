"""JSON that strangers wrote."""

from __future__ import annotations

import pytest

from generation.backends.remote import values
from generation.errors import BadReply


def test_values_of_the_asked_type_are_handed_over() -> None:
    assert values.mapping({"a": 1}, "x") == {"a": 1}
    assert values.items([1, "a"], "x") == [1, "a"]
    assert list(values.mappings([1, {"a": 2}], "x")) == [{"a": 2}]
    assert values.texts(["a", None, "b"], "x") == ["a", "b"]
    assert values.text("a", "x") == "a"
    assert values.whole(2**62, "x") == 2**62
    assert values.whole(3.0, "x") == 3
    assert values.number(0.5, "x") == 0.5
    assert values.field_text({"a": 1}, "a") == ""


@pytest.mark.parametrize(
    ("read", "value"),
    [
        (values.mapping, []),
        (values.items, {}),
        (values.text, None),
        (values.whole, True),
        (values.whole, 0.5),
        (values.whole, 10**400),
        (values.whole, 1e300),
        (values.number, float("nan")),
        (values.number, "7"),
    ],
)
def test_anything_else_is_a_bad_reply_that_names_it(read: object, value: object) -> None:
    assert callable(read)
    with pytest.raises(BadReply, match="the server's seed is no"):
        read(value, "seed")
