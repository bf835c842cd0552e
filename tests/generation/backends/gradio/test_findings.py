"""Pictures, seeds and words, in the forms of every generation."""

from __future__ import annotations

import pytest

from generation.backends.gradio.app import Component, Endpoint, Kind
from generation.backends.gradio.findings import Link, find

URI = "data:image/png;base64,AAAA"
IMAGE = Component(kind=Kind.PICTURE, type="image", label="Result")
GALLERY = Component(kind=Kind.PICTURES, type="gallery", label="Results")
TEXT = Component(kind=Kind.TEXT, type="textbox", label="Error")
SEED = Component(kind=Kind.NUMBER, type="slider", label="Seed")


def function(*outputs: Component) -> Endpoint:
    return Endpoint(number=0, name="draw", inputs=(), outputs=outputs)


@pytest.mark.parametrize(
    ("output", "value", "links"),
    [
        (IMAGE, URI, [Link(inline=URI)]),
        (IMAGE, {"path": "/srv/a.webp", "url": "http://h/file=/srv/a.webp"}, None),
        (IMAGE, {"path": "/srv/a.png", "url": None}, [Link(path="/srv/a.png")]),
        (IMAGE, {"__type__": "update", "value": URI}, [Link(inline=URI)]),
        (IMAGE, {"path": None, "url": URI}, [Link(inline=URI)]),
        (GALLERY, [[{"name": "/srv/a.png", "data": None, "is_file": True}, "x"]], None),
        (GALLERY, [{"image": {"path": "/srv/a.png"}, "caption": None}], [Link(path="/srv/a.png")]),
        (GALLERY, [[URI, None], [URI, None]], [Link(inline=URI)] * 2),
        (IMAGE, None, []),
        (IMAGE, "not a picture", []),
        (IMAGE, {"path": 3}, []),
        (TEXT, URI, []),
    ],
)
def test_pictures_are_found_in_every_form(
    output: Component, value: object, links: list[Link] | None
) -> None:
    found = find(function(output), [value]).links
    if links is None:
        assert [link.path.startswith("/srv/a.") for link in found] == [True]
    else:
        assert list(found) == links


def test_of_a_picture_before_and_after_the_second_is_the_result() -> None:
    slider = Component(kind=Kind.OTHER, type="imageslider")
    found = find(function(slider), [[{"path": "before"}, {"path": "after"}]])
    assert found.links == (Link(path="after"),)


def test_a_download_counts_only_if_it_is_a_picture() -> None:
    files = Component(kind=Kind.OTHER, type="file")
    value = [{"path": "all.zip"}, {"path": "one.png"}]
    assert find(function(files), [value]).links == (Link(path="one.png"),)


@pytest.mark.parametrize(
    ("value", "seed"), [(12, 12), (12.0, 12), ("12", 12), (-1, None), (None, None), (True, None)]
)
def test_the_seed_that_was_used_is_read(value: object, seed: int | None) -> None:
    assert find(function(IMAGE, SEED), [URI, value]).seed == seed


def test_the_apps_words_are_read_where_people_would_read_them() -> None:
    found = find(function(IMAGE, TEXT), [None, "<p>No <b>such</b> thing</p>\n"])
    assert found.links == ()
    assert found.words == "No such thing"
