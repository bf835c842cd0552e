"""The settings of any picture made fit for what is on offer here, with what had to be left out."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, replace

from generation.backends.base import ModelInfo
from generation.catalog import Catalog
from generation.errors import BadImage, InvalidParams
from generation.infotext import Infotext, parse, read_sampler
from generation.prompt import (
    PROMPT_LENGTH,
    SETTING_MOST,
    Draft,
    one_line,
    read_settings,
    write_setting,
)
from generation.types import SEED_MAX, Lora, Task

NO_SETTINGS = (
    "There are no settings in that picture. Many sites and programs remove them: try the file as "
    "it was first saved."
)

WORKFLOW_ONLY = (
    "That picture holds a workflow of ComfyUI, which is a program and no list of settings. "
    "Pictures from nodes that also save A1111's parameters can be used."
)

_TAG = "<lora:"
_TAG_LENGTH = 140
_SHOWN = 40
_NAMES_SHOWN = 3
_FOREIGN = {
    "hires": "hires fix",
    "adetailer": "ADetailer",
    "controlnet": "ControlNet",
    "refiner": "the refiner",
    "freeu": "FreeU",
}
"""What other programs do besides, by the beginning of its fields' names."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Taken:
    """Settings that can be used here as they are, and one sentence for each that cannot."""

    draft: Draft
    notes: tuple[str, ...] = ()


def take_over(text: str, catalog: Catalog) -> Taken:
    """What a settings text asks for, as far as it can be had here, for a picture from a prompt.

    Raises ``BadImage`` when the text holds no settings, ``Unavailable`` when there is no model.
    """
    found = parse(text)
    if not (found.prompt or found.fields) or _is_json(text):
        raise BadImage(NO_SETTINGS)
    reader = _Reader(found=found, catalog=catalog, draft=Draft(prompt="-"))
    reader.take_model()
    reader.take_size()
    reader.take_numbers()
    reader.take_sampler()
    reader.take_tiling()
    reader.take_options()
    reader.take_texts()
    reader.tell_the_rest()
    return Taken(draft=reader.draft, notes=tuple(reader.notes))


class _Reader:
    """Grows a draft by one setting at a time. The catalogue judges each; what it refuses stays out.

    While it grows the draft has a stand-in for its prompt, which every model accepts.
    """

    def __init__(self, *, found: Infotext, catalog: Catalog, draft: Draft) -> None:
        self.draft = draft
        self.notes: list[str] = []
        self._catalog = catalog
        self._found = found
        self._fields = {key.casefold(): value for key, value in found.fields.items()}

    def take_model(self) -> None:
        name = self._field("model")
        if name is not None and not self._try(model=name):
            self.notes.append(f"Its model {_quoted(name)} is not here; the usual one is chosen.")

    def take_size(self) -> None:
        size = _size(self._fields)
        if size is None or self._try(width=size[0], height=size[1]):
            return
        text = f"{size[0]}×{size[1]} is not possible with {self._model.title}"
        shape = replace(self.draft, aspect_ratio=f"{size[0]}:{size[1]}")
        try:
            near = self._catalog.resolve(shape, task=Task.TXT2IMG)
        except InvalidParams:
            self.notes.append(f"{text}; the usual size is chosen.")
        else:
            self.draft = replace(self.draft, width=near.width, height=near.height)
            self.notes.append(f"{text}; {near.width}×{near.height} comes closest to its shape.")

    def take_numbers(self) -> None:
        steps, model = _whole(self._field("steps")), self._model
        if steps and not self._try(steps=steps):
            nearest = max(model.min_steps, min(steps, model.max_steps))
            self.draft = replace(self.draft, steps=nearest)
            many = "More" if steps > nearest else "Fewer"
            self.notes.append(
                f"{many} than {nearest} steps are not possible here; {nearest} are chosen."
            )
        guidance = self._guidance()
        if guidance is not None and not self._try(guidance_scale=guidance):
            ignored = f"has no effect with {model.title}"
            reason = "is not possible here" if model.uses_guidance else ignored
            self.notes.append(f"Guidance {guidance:g} {reason} and is left out.")
        factor, strength = self._number("hires upscale"), self._number("denoising strength")
        if factor is not None and strength is not None:
            self._try(hires=factor, hires_strength=strength)
        seed = _whole(self._field("seed"))
        if seed is not None and not self._try(seed=seed):
            self.notes.append(f"Seeds go up to {SEED_MAX} here; a random one is chosen.")
        subseed = _whole(self._field("variation seed"))
        share = self._number("variation seed strength")
        if subseed is not None and share and not self._try(subseed=subseed, subseed_strength=share):
            self.notes.append(f"Variations of a seed are not had with {self._model.title}.")
        if (self._field("exact") or "").casefold() == "yes":
            self._try(exact=True)
        skip = _whole((self._field("clip skip") or "").removeprefix("-"))
        if skip and not self._try(clip_skip=skip) and skip != 1:
            self.notes.append(f"Clip skip {skip} is not possible here and is left out.")

    def take_sampler(self) -> None:
        schedule = self._field("schedule type", "scheduler", "schedule")
        choice = read_sampler(self._field("sampler"), schedule)
        if choice.sampler is not None and not self._try(sampler=choice.sampler):
            name = _quoted(choice.sampler)
            self.notes.append(f"The sampler {name} is not here; the usual one is chosen.")
        if choice.schedule is not None and not self._try(scheduler=choice.schedule):
            name = _quoted(choice.schedule)
            self.notes.append(f"The schedule {name} is not here; the usual one is chosen.")
        eta = _number(self._field("eta", "eta ddim"))
        if eta and not self._try(eta=eta):
            self.notes.append(f"Eta {eta:g} is not possible here and is left out.")

    def take_tiling(self) -> None:
        asked = (self._field("tiling") or "").casefold() == "true"
        if asked and not self._try(tiling=True):
            self.notes.append(f"{self._model.title} cannot make edges meet, so they will not.")

    def take_options(self) -> None:
        try:
            settings = read_settings(self._field("options") or "")
        except InvalidParams:
            return  # another program's field of that name
        for setting in settings[:SETTING_MOST]:
            if not self._try(options=(*self.draft.options, setting)):
                shown = _quoted(write_setting(setting))
                self.notes.append(f"The option {shown} is not possible here and is left out.")

    def take_texts(self) -> None:
        negative = self._cut("negative prompt", self._found.negative_prompt)
        if negative and not self._try(negative_prompt=negative):
            self.notes.append(
                f"{self._model.title} ignores negative prompts, so that one is left out."
            )
        prompt = self._with_known_loras(self._cut("prompt", self._found.prompt))
        self.draft = replace(self.draft, prompt=prompt, loras=())

    def tell_the_rest(self) -> None:
        """What the picture was made with besides, and is not had here."""
        names = {
            title
            for key in self._fields
            for start, title in _FOREIGN.items()
            if key.startswith(start)
        }
        if self.draft.hires is not None:
            names.discard(_FOREIGN["hires"])
        elif "denoising strength" in self._fields and _FOREIGN["hires"] not in names:
            self.notes.append(
                "It was started from another picture, which is not in the file. "
                "To start from a picture, choose Reimagine… on it."
            )
        if _FOREIGN["controlnet"] in names:
            names.discard(_FOREIGN["controlnet"])
            self.notes.append(
                "ControlNet held it to another picture, which is not in the file. "
                "To do that here, use /control with such a picture."
            )
        if names:
            self.notes.append(f"Not taken over: {', '.join(sorted(names))}.")

    @property
    def _model(self) -> ModelInfo:
        if self.draft.model is None:
            return self._catalog.default
        return self._catalog.find(self.draft.model)

    def _number(self, name: str) -> float | None:
        return _number(self._field(name))

    def _field(self, *names: str) -> str | None:
        return next((self._fields[name] for name in names if name in self._fields), None)

    def _guidance(self) -> float | None:
        """Forge keeps the scale of guidance-distilled models apart and then sets the other to 1."""
        scale = _number(self._field("cfg scale", "cfg"))
        distilled = _number(self._field("distilled cfg scale", "guidance"))
        return distilled if distilled is not None and (scale is None or scale <= 1) else scale

    def _try(self, **values: object) -> bool:
        """Add the values to the draft if they are possible together with the rest of it."""
        grown = replace(self.draft, **values)  # type: ignore[arg-type]  # names of its own fields
        try:
            self._catalog.resolve(grown, task=Task.TXT2IMG)
        except InvalidParams:
            return False
        self.draft = grown
        return True

    def _cut(self, title: str, text: str) -> str:
        line = one_line(text.encode("utf-8", "ignore").decode())
        if len(line) <= PROMPT_LENGTH:
            return line
        self.notes.append(f"The {title} is cut to {PROMPT_LENGTH:,} characters.")
        return line[:PROMPT_LENGTH].rstrip()

    def _with_known_loras(self, prompt: str) -> str:
        """The prompt with those of its LoRA tags that can be used here."""
        kept: list[str] = []
        missing: list[str] = []
        at = 0
        while (start := prompt.find(_TAG, at)) >= 0:
            end = prompt.find(">", start, start + _TAG_LENGTH)
            stop = end if end >= 0 else start + len(_TAG) - 1
            name, _, weight = prompt[start + len(_TAG) : stop].partition(":")
            kept.append(prompt[at:start])
            lora = Lora(name=name.strip(), weight=_lora_weight(weight))
            if name.strip() and self._try(loras=(*self.draft.loras, lora)):
                kept.append(f"{_TAG}{lora.name}:{lora.weight:g}>")
            elif name.strip():
                missing.append(name.strip())
            at = stop + 1
        kept.append(prompt[at:])
        line = one_line("".join(kept))
        if missing:
            line = line.strip(" ,")
            names = ", ".join(_quoted(name) for name in missing[:_NAMES_SHOWN])
            more = f" and {len(missing) - _NAMES_SHOWN} more" * (len(missing) > _NAMES_SHOWN)
            self.notes.append(f"LoRAs that cannot be used here are left out: {names}{more}.")
        return line


def _is_json(text: str) -> bool:
    """Whether it is another program's kind of settings; a prompt may begin with a brace too."""
    try:
        return isinstance(json.loads(text), dict)
    except (ValueError, RecursionError):
        return False


def _quoted(name: str) -> str:
    line = one_line(name)
    return f"“{line if len(line) <= _SHOWN else line[:_SHOWN] + '…'}”"


def _whole(text: str | None) -> int | None:
    number = _number(text)
    return int(number) if number is not None and number >= 0 else None


def _number(text: str | None) -> float | None:
    """A number, or None: other programs' texts hold anything."""
    if text is None or len(text) > 20 or not text.isascii():
        return None
    try:
        number = float(text)
    except ValueError:
        return None
    return number if math.isfinite(number) else None


def _lora_weight(text: str) -> float:
    """The first weight of a tag: some have a second one for the text encoder."""
    number = _number(text.partition(":")[0])
    return 1.0 if number is None else number


def _size(fields: Mapping[str, str]) -> tuple[int, int] | None:
    text = fields.get("size") or f"{fields.get('width')}x{fields.get('height')}"
    width, _, height = text.lower().replace("×", "x").partition("x")
    sides = _whole(width.strip()), _whole(height.strip())
    return (sides[0], sides[1]) if sides[0] and sides[1] else None
