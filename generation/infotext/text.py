"""Settings text itself: written from parameters, and taken apart whoever wrote it."""

from __future__ import annotations

import json
import string
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from generation.prompt.settings import write_settings
from generation.prompt.text import one_line
from generation.types import Control, Params, Task

_NEGATIVE = "Negative prompt:"
_FORGEABLE = (_NEGATIVE, "Steps:")
_KEY_LETTERS = frozenset(string.ascii_letters + string.digits + "_ -/")
_FEWEST_PAIRS = 3
_JSON = json.JSONDecoder()


@dataclass(frozen=True, kw_only=True, slots=True)
class Infotext:
    """Settings text, taken apart. ``fields`` keeps the text's names and order."""

    prompt: str
    negative_prompt: str = ""
    fields: Mapping[str, str] = field(default_factory=dict)


def write(
    params: Params,
    *,
    seed: int | None,
    model_title: str | None = None,
    upscaler: str = "Lanczos",
    program: str = "Easel",
) -> str:
    """The settings of one picture, as text that A1111 and Civitai read back.

    Prompts become one line and cannot imitate other fields; LoRAs follow the prompt as
    ``<lora:name:weight>``. A seed that is not known is left out. Holds nothing of the machine: no
    paths, no hosts, no owner.
    """
    fields: dict[str, str] = {"Steps": str(params.steps), "Sampler": params.sampler}
    fields["Schedule type"] = params.scheduler
    fields["CFG scale"] = f"{params.guidance_scale:g}"
    fields |= _of_seed(params, seed)
    fields["Size"] = f"{params.width}x{params.height}"
    fields["Model"] = model_title or params.model
    if params.task in {Task.IMG2IMG, Task.INPAINT}:
        fields["Denoising strength"] = f"{params.strength:g}"
    if params.task is Task.INPAINT:
        fields |= _of_mask(params)
    if params.hires > 1:
        fields["Denoising strength"] = f"{params.hires_strength:g}"
        fields["Hires upscale"] = f"{params.hires:g}"
        fields["Hires upscaler"] = upscaler
    fields |= _besides(params)
    fields["Version"] = program
    tags = [f"<lora:{lora.name}:{lora.weight:g}>" for lora in params.loras]
    lines = [" ".join([_harmless(params.prompt), *tags])]
    if params.negative_prompt:
        lines.append(f"{_NEGATIVE} {one_line(params.negative_prompt)}")
    lines.append(", ".join(f"{key}: {_quoted(one_line(value))}" for key, value in fields.items()))
    return "\n".join(lines).strip()


def parse(text: str) -> Infotext:
    """Take settings text apart by A1111's rules. Any text is accepted: at worst it is a prompt.

    Where a name stands twice the first one counts. Linear in the text's length.
    """
    lines = text.strip().split("\n")
    fields = _fields(lines[-1])
    if len(fields) < _FEWEST_PAIRS:
        fields = {}
    else:
        lines.pop()
    prompt: list[str] = []
    negative: list[str] = []
    target = prompt
    for line in (raw.strip() for raw in lines):
        if line.startswith(_NEGATIVE):
            target = negative
            target.append(line[len(_NEGATIVE) :].strip())
        else:
            target.append(line)
    return Infotext(
        prompt="\n".join(prompt).strip(), negative_prompt="\n".join(negative).strip(), fields=fields
    )


def _of_seed(params: Params, seed: int | None) -> dict[str, str]:
    if seed is None:
        return {}
    if not params.subseed_strength:
        return {"Seed": str(seed)}
    return {
        "Seed": str(params.seed),
        "Variation seed": str(seed),
        "Variation seed strength": f"{params.subseed_strength:g}",
    }


def _of_mask(params: Params) -> dict[str, str]:
    fields = {"Mask blur": str(params.mask_blur)}
    if params.padding is not None:
        fields |= {"Inpaint area": "Only masked", "Masked area padding": str(params.padding)}
    return fields


def _besides(params: Params) -> dict[str, str]:
    """What is told only where it is not as usual."""
    fields: dict[str, str] = {}
    if params.clip_skip != 1:
        fields["Clip skip"] = str(params.clip_skip)
    if params.exact:
        fields["Exact"] = "yes"
    if params.eta:
        fields["Eta"] = f"{params.eta:g}"
    if params.tiling:
        fields["Tiling"] = "True"
    fields |= {f"ControlNet {place}": _of_control(c) for place, c in enumerate(params.controls)}
    if params.options:
        fields["Options"] = write_settings(params.options)
    return fields


def _of_control(control: Control) -> str:
    """A unit as the ControlNet extension of A1111 writes it."""
    module = control.kind if control.prepare else "none"
    return (
        f"Module: {module}, Model: {control.kind}, Weight: {control.weight:g}, "
        f"Guidance Start: {control.start:g}, Guidance End: {control.end:g}"
    )


def _harmless(prompt: str) -> str:
    """One line that no reader takes for another field: readers look at the start of a line."""
    line = one_line(prompt)
    for start in _FORGEABLE:
        if line.startswith(start):
            return f"{start[:-1]} {line[len(start) - 1 :]}"
    return line


def _quoted(value: str) -> str:
    if any(mark in value for mark in ',:\n"') or value.startswith(("[", "{")):
        return json.dumps(value, ensure_ascii=False)
    return value


def _fields(line: str) -> dict[str, str]:
    fields: dict[str, str] = {}
    for key, value in _pairs(line):
        fields.setdefault(key, value)
    return fields


def _pairs(line: str) -> Iterator[tuple[str, str]]:
    """The ``key: value`` pairs of a settings line; text that is no pair is skipped."""
    at = 0
    while at < len(line):
        colon = line.find(":", at)
        if colon < 0:
            return
        comma = line.rfind(",", at, colon)
        key = line[comma + 1 if comma >= 0 else at : colon].strip()
        value, at = _value(line, colon + 1)
        is_key = len(key) > 1 and key[0] not in " -/" and _KEY_LETTERS.issuperset(key)
        if is_key and value:
            yield key, value


def _value(line: str, at: int) -> tuple[str, int]:
    """The value that starts there, and where the next pair may start."""
    while at < len(line) and line[at] == " ":
        at += 1
    if at < len(line) and line[at] in '"[{':
        # Quoted as A1111 does it, or bare JSON as Civitai and some nodes of ComfyUI write it.
        try:
            value, end = _JSON.raw_decode(line, at)
        except (ValueError, RecursionError):
            pass
        else:
            if end == len(line) or line[end] == ",":
                return value if isinstance(value, str) else line[at:end], end + 1
    comma = line.find(",", at)
    end = comma if comma >= 0 else len(line)
    return line[at:end].strip(), end + 1
