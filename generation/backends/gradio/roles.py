"""What an input is for, found by the words its author used."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from enum import StrEnum

from generation.backends.gradio.app import Component, Kind


class Role(StrEnum):
    """What we can put into an input. The values are the keys of an operator's ``map``."""

    PROMPT = "prompt"
    NEGATIVE_PROMPT = "negative_prompt"
    USE_NEGATIVE = "use_negative_prompt"
    GUIDANCE = "guidance_scale"
    STEPS = "steps"
    WIDTH = "width"
    HEIGHT = "height"
    SEED = "seed"
    RANDOMIZE = "randomize_seed"
    IMAGE = "image"
    MASK = "mask"
    STRENGTH = "strength"
    SAMPLER = "sampler"
    SCHEDULER = "scheduler"
    MODEL = "model"
    COUNT = "count"


_PICTURES = frozenset({Kind.PICTURE, Kind.SKETCH, Kind.EDITOR, Kind.PICTURES})

FITTING: Mapping[Role, frozenset[Kind]] = {
    Role.PROMPT: frozenset({Kind.TEXT}),
    Role.NEGATIVE_PROMPT: frozenset({Kind.TEXT}),
    Role.USE_NEGATIVE: frozenset({Kind.SWITCH}),
    Role.GUIDANCE: frozenset({Kind.NUMBER}),
    Role.STEPS: frozenset({Kind.NUMBER}),
    Role.WIDTH: frozenset({Kind.NUMBER}),
    Role.HEIGHT: frozenset({Kind.NUMBER}),
    Role.SEED: frozenset({Kind.NUMBER}),
    Role.RANDOMIZE: frozenset({Kind.SWITCH}),
    Role.IMAGE: _PICTURES,
    Role.MASK: frozenset({Kind.PICTURE}),
    Role.STRENGTH: frozenset({Kind.NUMBER}),
    Role.SAMPLER: frozenset({Kind.CHOICE}),
    Role.SCHEDULER: frozenset({Kind.CHOICE}),
    Role.MODEL: frozenset({Kind.CHOICE}),
    Role.COUNT: frozenset({Kind.NUMBER}),
}
"""The kinds of component that a role can be put into."""

# Each is matched against the whole of a name or label in plain words: lower case, single spaces.
_WORDS: Mapping[Role, str] = {
    Role.PROMPT: (
        r"((text|input|positive|main|your|image|edit|editing) )?prompts?( text| input| 1)?"
        r"|(enter|type|write) (a|your|the) .*prompt.*|describe .*|(image )?description"
        r"|(edit )?instructions?|(edit )?prompt instruction|caption|text"
    ),
    Role.NEGATIVE_PROMPT: (
        r"(negative|neg|n|anti)( text)? prompts?( text| input)?|negative|prompt (negative|neg)"
        r"|(what to )?(exclude|avoid)( .*)?|negative prompt .*"
    ),
    Role.USE_NEGATIVE: r"(use|enable|apply|with)( a| the)? (negative|neg)( prompts?)?",
    Role.GUIDANCE: (
        r"((prompt|text|true|classifier free) )?(guidance|cfg)"
        r"( (scale|strength|weight|value))?( cfg| cfg scale| guidance scale)?|cfg scale .*"
    ),
    Role.STEPS: (
        r"((num|number of|n|no of|total) )?"
        r"((inference|sampling|sample|diffusion|denoising|generation|ddim) )?steps?( count)?"
        r"|num steps|steps number"
    ),
    Role.WIDTH: r"((image|output|target|result) )?width( px| in pixels| pixels)?|w",
    Role.HEIGHT: r"((image|output|target|result) )?height( px| in pixels| pixels)?|h",
    Role.SEED: r"((random|input|fixed|custom|base|generator) )?seed( value| number)?( .*)?",
    Role.RANDOMIZE: r"(randomi[sz]e|random|use( a)? random)( the)?( seed)?|seed random",
    Role.IMAGE: (
        r"((input|init|initial|source|reference|original|base|your|start|image to) )?"
        r"(images?|pictures?|photos?|img)( (in|input|file|path|prompt|upload|to image|to edit|1))?"
        r"|(upload|add|drop)( an?| your| the)? (images?|pictures?|photos?).*|canvas|sketchpad"
    ),
    Role.MASK: r"((input|image|inpaint|inpainting) )?mask( (image|img|input|picture))?",
    Role.STRENGTH: (
        r"((transform|transformation|denoising|denoise|noise|noising|img2img|image to image|i2i"
        r"|init image|image|redraw|edit|inpaint|inpainting|prompt) )?strength|denoising|denoise"
    ),
    Role.SAMPLER: r"((sd|diffusion|base) )?(sampler|sampling)( (name|method|type|algorithm))?",
    Role.SCHEDULER: r"(noise |diffusion )?schedul(er|e)( (name|type|class))?",
    Role.MODEL: (
        r"((base|choose|select|pick|sd|diffusion|image|which)( an?| the| your)? )?"
        r"(models?|checkpoint|ckpt)( (name|id|choice|version|selection|path|checkpoint))?"
    ),
    Role.COUNT: (
        r"(num|number|count|n|no)( of)? (output |generated )?(images?|pictures|samples|outputs)"
        r"( .*)?|batch( (size|count|num))?|images? (count|num|number)|(images|pictures) per prompt"
        r"|samples|n iter"
    ),
}
_Words = Callable[[Component], str]
_PATTERNS = {role: re.compile(words) for role, words in _WORDS.items()}


def plain(words: str) -> str:
    """A name or label as the patterns want it: ``Seed (0 = random)`` is ``seed 0 random``."""
    spaced = re.sub(r"([a-z])([A-Z])", r"\1 \2", words)
    return " ".join(re.findall(r"[^\W_]+", spaced.casefold()))


def find_roles(
    inputs: Sequence[Component], decided: Mapping[Role, int | None] | None = None
) -> dict[Role, int]:
    """The place of each role's input: by its parameter's name, else its label, else its hint.

    ``decided`` holds, where None leaves a role out; a place is taken by one role alone.
    """
    decided = decided or {}
    found = {role: place for role, place in decided.items() if place is not None}
    wanted = [role for role in Role if role not in decided]
    for words_of in (_name, _label, _hint):
        for role in wanted:
            if role in found:
                continue
            place = _matching(role, inputs, found, words_of)
            if place is not None:
                found[role] = place
    _take_what_is_plain(inputs, found, wanted)
    return found


def _matching(
    role: Role, inputs: Sequence[Component], found: Mapping[Role, int], words_of: _Words
) -> int | None:
    for place, component in enumerate(inputs):
        words = plain(words_of(component))
        is_free = place not in found.values() and component.kind in FITTING[role]
        if is_free and words and _PATTERNS[role].fullmatch(words):
            return place
    return None


def _take_what_is_plain(
    inputs: Sequence[Component], found: dict[Role, int], wanted: Sequence[Role]
) -> None:
    """What can be nothing else: the only free text, the only picture, a scheduler alone.

    Where an app has a scheduler and no sampler, it is what others call the sampler.
    """

    def free(kinds: frozenset[Kind]) -> list[int]:
        return [
            place
            for place, component in enumerate(inputs)
            if component.kind in kinds and component.is_visible and place not in found.values()
        ]

    for role in (Role.PROMPT, Role.IMAGE):
        places = free(FITTING[role])
        if role in wanted and role not in found and len(places) == 1:
            found[role] = places[0]
    if {Role.SAMPLER, Role.SCHEDULER} <= set(wanted) and {Role.SAMPLER, Role.SCHEDULER} & set(
        found
    ) == {Role.SCHEDULER}:
        found[Role.SAMPLER] = found.pop(Role.SCHEDULER)


def _name(component: Component) -> str:
    return component.name


def _label(component: Component) -> str:
    return component.label


def _hint(component: Component) -> str:
    """The words inside an empty text box: for texts alone, as other hints explain."""
    return component.hint if component.kind is Kind.TEXT else ""
