"""Streams that tell only what changed."""

from __future__ import annotations

import pytest

from generation.backends.gradio.changes import changed
from generation.errors import BadReply


def test_each_kind_of_change_is_done() -> None:
    known: list[object] = [{"path": "/srv/1", "url": None, "old": 1}, "ab", [1, 2, 3]]
    changes: list[object] = [
        [
            ["append", ["path"], ".webp"],
            ["replace", ["url"], "u"],
            ["delete", ["old"], None],
            ["add", ["new"], [1]],
        ],
        [["append", [], "c"]],
        [["delete", [0], None], ["replace", [0], 9], ["add", [2], 4]],
    ]
    assert changed(known, changes) == [
        {"path": "/srv/1.webp", "url": "u", "new": [1]},
        "abc",
        [9, 3, 4],
    ]


def test_changes_deep_inside_and_of_the_whole() -> None:
    known: list[object] = [[[{"image": {"path": "a"}}]], None]
    changes: list[object] = [[["replace", [0, 0, "image", "path"], "b"]], [["replace", [], 5]]]
    assert changed(known, changes) == [[[{"image": {"path": "b"}}]], 5]


def test_what_was_known_stays_as_it_was() -> None:
    known: list[object] = [{"a": [1]}]
    changed(known, [[["add", ["a", 1], 2]]])
    assert known == [{"a": [1]}]


@pytest.mark.parametrize(
    "changes",
    [
        [],
        ["x"],
        [[["replace", ["a", "b"], 1]]],
        [[["append", ["n"], "x"]]],
        [[["delete", ["gone"], None]]],
        [[["replace"]]],
        [[["replace", "a", 1]]],
        [[5]],
    ],
)
def test_a_change_that_does_not_fit_is_a_bad_reply(changes: list[object]) -> None:
    with pytest.raises(BadReply):
        changed([{"a": "text", "n": 1}], changes)
