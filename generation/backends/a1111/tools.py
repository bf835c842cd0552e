"""A web UI's extras: enlarging a finished picture, and describing one."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from dataclasses import dataclass, field

from generation.backends.base import ToolInfo, Work
from generation.backends.remote import values
from generation.backends.remote.pictures import from_base64, read_picture
from generation.errors import BadReply, Unavailable
from generation.types import Output, Task

_LONGEST = 4000
_FAILED = ("<error>", "error")


@dataclass(frozen=True, kw_only=True, slots=True)
class ToolCall:
    """One request to the server's extras."""

    path: str
    body: Mapping[str, object] = field(repr=False)


def call(work: Work, tool: ToolInfo) -> ToolCall:
    """The request that does it. Raises ``Unavailable`` for what there is no way to ask for."""
    if work.image is None:
        raise Unavailable(detail=f"a {tool.task} job came without its picture")
    picture = base64.b64encode(work.image).decode()
    if tool.task is Task.DESCRIBE:
        return ToolCall(path="sdapi/v1/interrogate", body={"image": picture, "model": tool.name})
    if tool.task is not Task.UPSCALE:
        raise Unavailable(detail=f"web UIs have no tool for {tool.task}")
    width, height = work.params.final_size
    return ToolCall(
        path="sdapi/v1/extra-single-image",
        body={
            "image": picture,
            "resize_mode": 1,
            "upscaling_resize_w": width,
            "upscaling_resize_h": height,
            "upscaling_crop": True,
            "upscaler_1": tool.name,
        },
    )


async def output(value: object, work: Work) -> Output:
    """What came of it: a picture of the asked size, or a text. Raises ``BadReply``."""
    body = values.mapping(value, "answer")
    if work.params.task is Task.DESCRIBE:
        return _described(body)
    size = work.params.final_size
    picture = await read_picture(from_base64(body.get("image")), size=size)
    return Output(
        data=picture.png,
        media_type="image/png",
        width=picture.width,
        height=picture.height,
        seed=0,
    )


def _described(body: dict[str, object]) -> Output:
    words = " ".join(values.text(body.get("caption"), "description").split())[:_LONGEST]
    if not words or words.casefold() in _FAILED:
        raise BadReply(detail="the server could not describe the picture; see its log")
    return Output.of_text(words)
