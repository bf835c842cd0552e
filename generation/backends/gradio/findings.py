"""What a function gave: pictures or where they lie, the seed it used, and words instead of them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from generation.backends.gradio.app import Component, Endpoint, Kind
from generation.backends.gradio.words import said

_SPEAKING = frozenset({"textbox", "text", "textarea", "markdown", "html", "label"})
_PICTURE_FILES = (".png", ".jpg", ".jpeg", ".webp")
_MOST_PICTURES = 64


@dataclass(frozen=True, kw_only=True, slots=True)
class Link:
    """A picture: its bytes in a ``data:`` URL, or where on the server its file lies.

    ``url`` is what the app says it is fetched by, which may be wrong in every version.
    """

    inline: str = field(default="", repr=False)
    path: str = ""
    url: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Findings:
    """An answer's worth. ``words`` is what the app says for people, cleaned."""

    links: tuple[Link, ...]
    seed: int | None
    words: str


def find(endpoint: Endpoint, data: Sequence[object]) -> Findings:
    """Everything of use among the outputs' values."""
    outputs = list(zip(endpoint.outputs, (_plain(value) for value in data), strict=False))
    links = [link for output, value in outputs for link in _links_of(output, value)]
    words = [said(value) for output, value in outputs if output.type in _SPEAKING]
    return Findings(
        links=tuple(links[:_MOST_PICTURES]),
        seed=next((seed for output, value in outputs if (seed := _seed(output, value))), None),
        words=next((each for each in words if each), ""),
    )


def _plain(value: object) -> object:
    """An output's value: a change of a component's look may be wrapped around it."""
    if isinstance(value, dict) and value.get("__type__") == "update":
        return value.get("value")
    return value


def _links_of(output: Component, value: object) -> Iterator[Link]:
    match output.kind, output.type:
        case ((Kind.PICTURE | Kind.PICTURES | Kind.EDITOR), _):
            yield from _links(value)
        case _, "imageslider":
            yield from list(_links(value))[-1:]  # before and after: the result comes last
        case _, "file":
            yield from (link for link in _links(value) if link.path.endswith(_PICTURE_FILES))
        case _:
            return


def _links(value: object) -> Iterator[Link]:
    """Pictures in any version's form, alone, in lists and in galleries' pairs with captions."""
    if isinstance(value, str):
        if value.startswith("data:"):
            yield Link(inline=value)
    elif isinstance(value, list):
        for each in value:
            yield from _links(each)
    elif isinstance(value, dict):
        if "image" in value or "composite" in value:
            yield from _links(value.get("image") or value.get("composite"))
            return
        inline, path = value.get("data"), value.get("path") or value.get("name")
        url = value.get("url")
        if isinstance(url, str) and url.startswith("data:"):
            inline = url
        if isinstance(inline, str) and inline.startswith("data:"):
            yield Link(inline=inline)
        elif isinstance(path, str) and path:
            yield Link(path=path, url=url if isinstance(url, str) else "")


def _seed(output: Component, value: object) -> int | None:
    """The seed that was used, where an output says so."""
    if "seed" not in output.label.casefold():
        return None
    if isinstance(value, str) and value.strip().isdecimal():
        return int(value.strip()[:20])
    if isinstance(value, int | float) and not isinstance(value, bool) and value >= 0:
        return int(value)
    return None
