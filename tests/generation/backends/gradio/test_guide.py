"""An app that tells no more than its /info."""

from __future__ import annotations

import pytest

from generation.backends.gradio.app import Kind
from generation.backends.gradio.guide import read_guide
from generation.backends.gradio.plan import make_plans
from generation.errors import BadReply
from generation.types import Task
from tests.generation.backends.gradio.recordings import recorded


@pytest.mark.parametrize("version", ["4.44.1", "6.31.0"])
def test_its_functions_are_understood_from_that_alone(version: str) -> None:
    _, info = recorded(version, "template")
    app = read_guide(info)
    plan = make_plans(app, "infer", {})[Task.TXT2IMG]
    assert len(plan.places) == 9
    seed = plan.endpoint.inputs[3]
    assert (seed.kind, seed.lowest, seed.highest) == (Kind.NUMBER, 0, 2147483647)


def test_choices_are_among_the_types() -> None:
    _, info = recorded("6.31.0", "gallery")
    (function,) = read_guide(info).endpoints
    assert [choice.title for choice in function.inputs[1].choices] == ["toy-1.5", "toy-xl"]


@pytest.mark.parametrize("junk", [None, [], {}, {"named_endpoints": []}])
def test_what_is_no_description_is_refused(junk: object) -> None:
    with pytest.raises(BadReply):
        read_guide(junk)
