"""What is sent to draw: a JSON body for a prompt, a form where pictures go along."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from generation.backends.openai_images.dialects import Dialect
from generation.backends.openai_images.models import Model
from generation.backends.remote.wire import Part
from generation.types import Params, Task


@dataclass(frozen=True, kw_only=True, slots=True)
class Call:
    """One request: so many pictures, the first of them with that seed where seeds are taken."""

    path: str
    fields: Mapping[str, object]
    files: tuple[Part, ...] = ()
    count: int = field(default=1)

    def form(self) -> list[Part] | None:
        """The fields and the files as a form; None where there are no files."""
        if not self.files:
            return None
        return [*(_part(name, value) for name, value in self.fields.items()), *self.files]


def rounds(params: Params, model: Model, dialect: Dialect) -> Sequence[tuple[int, int]]:
    """The first seed and the number of pictures of each request.

    Where seeds are taken each picture has a request of its own: what a server makes of a seed and
    a number differs, and LocalAI draws the same picture so many times.
    """
    if dialect.seed is not None:
        return [(seed, 1) for seed in params.seeds()]
    seeds, most = params.seeds(), model.most_at_once
    return [(seeds[start], min(most, len(seeds) - start)) for start in range(0, len(seeds), most)]


def make_call(
    params: Params,
    model: Model,
    dialect: Dialect,
    *,
    seed: int,
    count: int,
    pictures: Sequence[bytes] = (),
    mask: bytes | None = None,
    extra: Mapping[str, object] | None = None,
    partial_images: int = 0,
) -> Call:
    """The request. ``extra`` fields are the operator's and replace none of the member's."""
    fields = dict(extra or {}) | _fields(params, model, dialect, seed=seed, count=count)
    if partial_images:
        fields |= {"stream": True, "partial_images": partial_images}
    if params.task is Task.TXT2IMG:
        return Call(path="images/generations", fields=fields, count=count)
    files = [_file(dialect.pictures, f"{number}.png", png) for number, png in enumerate(pictures)]
    if mask is not None:
        files.append(_file("mask", "mask.png", mask))
    return Call(path="images/edits", fields=fields, files=tuple(files), count=count)


def _fields(
    params: Params, model: Model, dialect: Dialect, *, seed: int, count: int
) -> dict[str, object]:
    prompt = params.prompt
    if dialect.splits_prompt:
        # A bar of the member's own would cut the prompt in two.
        parts = [part.replace("|", " ") for part in (prompt, params.negative_prompt)]
        prompt = "|".join(parts) if params.negative_prompt else parts[0]
    fields: dict[str, object] = {
        "model": model.id,
        "prompt": prompt,
        "n": count,
        "size": f"{params.width}x{params.height}",
    }
    if model.asks_for_base64:
        fields["response_format"] = "b64_json"
    if dialect.seed is not None:
        fields[dialect.seed] = seed
    if dialect.steps is not None:
        fields[dialect.steps] = params.steps
    if model.guidance_field is not None:
        fields[model.guidance_field] = params.guidance_scale
    if dialect.negative is not None and params.negative_prompt:
        fields[dialect.negative] = params.negative_prompt
    return fields | {setting.name: setting.value for setting in params.options}


def _part(name: str, value: object) -> Part:
    written = value if isinstance(value, str) else json.dumps(value)
    return Part(name=name, data=written.encode())


def _file(name: str, filename: str, png: bytes) -> Part:
    return Part(name=name, data=png, filename=filename, media_type="image/png")
