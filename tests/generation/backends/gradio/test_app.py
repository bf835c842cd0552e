"""Apps of every generation understood from what they say of themselves."""

from __future__ import annotations

import pytest

from generation.backends.gradio.app import Kind, read_app
from generation.errors import BadReply
from tests.generation.backends.gradio.recordings import ALL_SHAPES, VERSIONS, app_of, recorded


@pytest.mark.parametrize(
    ("version", "protocol", "prefix"),
    [
        ("3.36.0", "ws", ""),
        ("3.50.2", "ws", ""),
        ("4.44.1", "sse_v3", ""),
        ("5.50.0", "sse_v3", "/gradio_api"),
        ("6.31.0", "sse_v3", "/gradio_api"),
    ],
)
def test_an_app_says_its_version_and_how_it_is_spoken_to(
    version: str, protocol: str, prefix: str
) -> None:
    app = app_of(version, "space")
    assert (app.version, app.protocol, app.prefix) == (version, protocol, prefix)
    assert app.title == "Easel's space"


@pytest.mark.parametrize("version", VERSIONS)
def test_its_functions_have_their_inputs_in_order(version: str) -> None:
    txt2img, img2img = app_of(version, "space").endpoints
    assert (txt2img.name, img2img.name) == ("txt2img", "img2img")
    assert [each.label for each in txt2img.inputs][:3] == [
        "Prompt",
        "Negative prompt",
        "Guidance scale",
    ]
    width = txt2img.inputs[4]
    assert (width.kind, width.lowest, width.highest, width.step) == (Kind.NUMBER, 64, 1024, 8)
    assert img2img.inputs[8].kind is Kind.PICTURE
    assert txt2img.draws
    assert txt2img.is_queued


@pytest.mark.parametrize("version", ["4.44.1", "5.50.0", "6.31.0"])
def test_parameters_have_their_names_where_the_version_tells_them(version: str) -> None:
    txt2img = app_of(version, "space").endpoints[0]
    names = [each.name for each in txt2img.inputs]
    assert names[:2] == ["prompt", "negative"]
    assert names[-1] == "prefix"


@pytest.mark.parametrize("version", ALL_SHAPES)
def test_a_state_is_among_the_inputs_and_left_empty(version: str) -> None:
    (function,) = app_of(version, "gallery").endpoints
    state = function.inputs[-1]
    assert state.kind is Kind.STATE
    assert state.default is None


@pytest.mark.parametrize("version", ALL_SHAPES)
def test_choices_are_read_as_values_and_as_pairs(version: str) -> None:
    (function,) = app_of(version, "gallery").endpoints
    assert [choice.value for choice in function.inputs[1].choices] == ["toy-1.5", "toy-xl"]
    assert function.inputs[1].default == "toy-xl"


@pytest.mark.parametrize(
    ("version", "kind"), [("3.36.0", Kind.SKETCH), ("4.44.1", Kind.EDITOR), ("6.31.0", Kind.EDITOR)]
)
def test_a_picture_to_paint_on_is_told_from_others(version: str, kind: Kind) -> None:
    (function,) = app_of(version, "inpaint").endpoints
    assert function.inputs[0].kind is kind


def config(**changes: object) -> dict[str, object]:
    found, _ = recorded("6.31.0", "single")
    return found | changes


@pytest.mark.parametrize("closed", [{"api_name": False}, {"api_visibility": "private"}])
def test_a_function_that_its_owner_has_closed_is_left_alone(closed: dict[str, object]) -> None:
    found, _ = recorded("6.31.0", "single")
    dependencies = found["dependencies"]
    assert isinstance(dependencies, list)
    dependencies[0].update(closed)
    assert read_app(found).endpoints == ()


def test_a_function_of_the_page_alone_is_left_out() -> None:
    found, _ = recorded("3.36.0", "single")
    dependencies = found["dependencies"]
    assert isinstance(dependencies, list)
    own = dict(dependencies[0])
    dependencies[0]["backend_fn"] = False
    dependencies.append(own)
    (function,) = read_app(found).endpoints
    assert function.number == 1


def test_gradio_3_has_a_queue_only_where_it_says_so() -> None:
    found, _ = recorded("3.50.2", "space")
    assert not read_app(found | {"enable_queue": False}).endpoints[0].is_queued
    assert read_app(found).endpoints[0].is_queued


@pytest.mark.parametrize(
    ("version", "broken"), [("3.35.2\n", True), ("3.36.0", True), ("3.36.1", False), ("", False)]
)
def test_a_gradio_that_pydantic_2_breaks_is_known(version: str, broken: bool) -> None:
    assert read_app(config(version=version)).breaks_with_pydantic_2 is broken


@pytest.mark.parametrize(
    ("protocol", "sends"),
    [("sse", False), ("sse_v1", False), ("sse_v2", True), ("sse_v2.1", True), ("sse_v3", True)],
)
def test_the_protocols_that_stream_changes_are_known(protocol: str, sends: bool) -> None:
    assert read_app(config(protocol=protocol)).sends_changes is sends


@pytest.mark.parametrize(
    ("version", "has"), [("4.30.0", False), ("4.31.0", True), ("5.0.0", True), ("odd", False)]
)
def test_cancelling_by_name_is_known_from_4_31_on(version: str, has: bool) -> None:
    assert read_app(config(version=version)).has_cancel is has


@pytest.mark.parametrize("prefix", ["//evil.example", "/../x?", 7, None])
def test_a_prefix_that_leads_elsewhere_is_not_taken(prefix: object) -> None:
    assert read_app(config(api_prefix=prefix)).prefix in {"", "/.."}


@pytest.mark.parametrize("junk", [None, [], {}, {"dependencies": 3}, "config"])
def test_what_is_no_app_is_refused(junk: object) -> None:
    with pytest.raises(BadReply):
        read_app(junk)


@pytest.mark.parametrize(
    "junk",
    [
        {"components": [], "dependencies": [{"inputs": [9], "outputs": None, "api_name": 3}]},
        {"components": [{"id": 1, "type": 4, "props": "x"}], "dependencies": [{"inputs": [[1]]}]},
        {"components": [None, 3], "dependencies": [None, 1]},
    ],
)
def test_an_odd_configuration_does_not_harm(junk: dict[str, object]) -> None:
    assert all(not each.draws for each in read_app(junk, {"named_endpoints": 3}).endpoints)
