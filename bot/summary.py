"""A job's settings in the small print under its message."""

from __future__ import annotations

from bot.text import plain
from generation.prompt import write_setting
from generation.types import Params, Task


def settings_line(params: Params, seconds: float | None) -> str:
    """What the job was asked to do, and how long that took, in small print."""
    width, height = params.final_size
    parts = [plain(params.model, 80)]
    if params.task is not Task.DESCRIBE:
        parts.append(f"{width}×{height}")
    if not params.task.is_for_tools:
        parts += _drawing(params)
    if seconds is not None:
        parts.append(f"{seconds:.1f} s")
    return "-# " + " · ".join(parts)


def seeds_line(params: Params) -> str:
    """The seeds of its pictures, in small print."""
    seeds = params.seeds()
    if params.subseed_strength:
        varied = ", ".join(map(str, seeds))
        return f"-# Seed: {params.seed}, {params.subseed_strength:g} towards {varied}"
    word = "Seed" if len(seeds) == 1 else "Seeds"
    return f"-# {word}: " + ", ".join(map(str, seeds))


def _drawing(params: Params) -> list[str]:
    parts = [
        f"{params.steps} steps",
        f"guidance {params.guidance_scale:g}",
        plain(params.sampler, 60),
    ]
    if params.task in {Task.IMG2IMG, Task.INPAINT}:
        parts.append(f"strength {params.strength:g}")
    if params.references:
        looked = "1 picture" if params.references == 1 else f"{params.references} pictures"
        parts.append(f"from {looked} at {params.reference_weight:g}")
    if params.hires > 1:
        parts.append(f"hires {params.hires:g} at {params.hires_strength:g}")
    if params.eta:
        parts.append(f"eta {params.eta:g}")
    if params.clip_skip > 1:
        parts.append(f"clip skip {params.clip_skip}")
    if params.exact:
        parts.append("exact")
    if params.tiling:
        parts.append("edges meet")
    parts += [f"{plain(each.kind, 40)} {each.weight:g}" for each in params.controls]
    parts += [f"{plain(lora.name, 60)} {lora.weight:g}" for lora in params.loras[:5]]
    parts += [plain(write_setting(setting), 60) for setting in params.options[:5]]
    return parts
