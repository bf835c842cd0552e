"""What is done to a picture without drawing: the tasks in words, and a tool's parameters."""

from __future__ import annotations

from generation.backends.base import ToolInfo
from generation.types import Params, Task

WORDS = {
    Task.TXT2IMG: "draw from a prompt alone",
    Task.IMG2IMG: "start from a picture",
    Task.INPAINT: "redraw a part of a picture",
    Task.EDIT: "edit pictures by instruction",
    Task.UPSCALE: "enlarge pictures with a model of its own",
    Task.CUTOUT: "cut pictures out of their background",
    Task.DESCRIBE: "describe pictures",
}
"""What each task asks for, as an ability."""


def tool_params(tool: ToolInfo, width: int, height: int) -> Params:
    """The parameters of a job for the tool. The size is the finished picture's, in pixels."""
    return Params(
        task=tool.task,
        model=tool.name,
        prompt="",
        negative_prompt="",
        width=width,
        height=height,
        # One pass over every pixel, which is what a tool's time depends on.
        steps=1,
        guidance_scale=1.0,
        sampler="",
        scheduler="",
        seed=0,
        count=1,
    )
