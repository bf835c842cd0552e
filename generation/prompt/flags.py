"""Flags inside a prompt, such as ``--ar 3:2``, read in one pass over the text."""

from __future__ import annotations

import difflib
import itertools
from collections.abc import Callable
from dataclasses import dataclass, replace

from generation.errors import InvalidParams
from generation.prompt.draft import Draft, parse_ratio
from generation.prompt.loras import LORA_MOST, read_lora, take_lora_tags
from generation.prompt.numbers import read_number, read_whole
from generation.prompt.settings import SETTING_MOST, read_setting, words_of_setting
from generation.prompt.text import clean_text
from generation.types import SEED_MAX, Lora, Setting

_EM_DASH = "—"  # what phones make of two hyphens
_QUOTES = {'"': '"', "“": "”", "„": "“", "'": "'"}

Value = str | int | float | Lora | Setting

_ON = "yes"
_SWITCH = {_ON: True, "on": True, "true": True, "no": False, "off": False, "false": False}


@dataclass(frozen=True, kw_only=True, slots=True)
class FlagInfo:
    """A flag: its spellings, the field of ``Draft`` that it sets, and an example value.

    With ``takes_text`` the value reaches to the next flag unless it is quoted; otherwise it is
    one word. A switch takes none, and is on unless ``=no`` follows it. A pair is ``name=value``,
    of which the value may be quoted.
    """

    spellings: tuple[str, ...]
    field: str
    example: str
    read: Callable[[str, str], Value]
    takes_text: bool = False
    is_switch: bool = False
    is_pair: bool = False


def parse_flags(text: str) -> Draft:
    """Split a prompt into its text and its flags. Linear in the length of the text.

    Raises ``InvalidParams``, whose ``option`` is the field or, for a flag that we do not know,
    the flag: for an unknown flag, a value that makes no sense, or a flag given twice with
    different values. A long dash counts as two hyphens only before a known flag.
    """
    words = _words(clean_text(text, limit=2 * 2000))
    prompt: list[str] = []
    found: dict[str, tuple[str, Value]] = {}
    loras: list[Lora] = []
    settings: list[Setting] = []
    at = 0
    while at < len(words):
        name, attached = _flag_name(words[at])
        if name is None:
            prompt.append(words[at])
            at += 1
            continue
        info = _info(name)
        value, at = _take_value(words, at + 1, info, attached)
        if not value:
            raise InvalidParams(
                info.field, f"--{name} needs a value, for example --{name} {info.example}."
            )
        read = info.read(value, name)
        if isinstance(read, Lora):
            loras.append(read)
        elif isinstance(read, Setting):
            settings.append(read)
        else:
            _keep(found, info, name, read)
    kept, tags = take_lora_tags(" ".join(prompt))
    every_lora = tuple(dict.fromkeys(loras + tags))
    if len(every_lora) > LORA_MOST:
        raise InvalidParams("loras", f"At most {LORA_MOST} LoRAs can be used at once.")
    if len(settings) > SETTING_MOST:
        raise InvalidParams("options", f"At most {SETTING_MOST} options can be set at once.")
    draft = Draft(prompt=clean_text(kept), loras=every_lora, options=tuple(settings))
    values = {field: value for field, (_, value) in found.items()}
    if "negative_prompt" in values:  # joined from several flags, each within the limit
        values["negative_prompt"] = clean_text(
            str(values["negative_prompt"]), option="negative_prompt"
        )
    return replace(draft, **values)  # type: ignore[arg-type]  # FLAGS pairs fields with readers


def _words(text: str) -> list[str]:
    return text.split()


def _flag_name(word: str) -> tuple[str | None, str]:
    """The flag that a word is, with a value attached by ``=``; or None and nothing."""
    if word.startswith("--"):
        body, is_certain = word[2:], True
    elif word.startswith(_EM_DASH):
        body, is_certain = word[1:].lstrip("-"), False
    else:
        return None, ""
    name, _, attached = body.partition("=")
    name = name.lower()
    if not name or not name[0].isalpha():
        return None, ""
    if is_certain or name in _BY_SPELLING or name in _FOREIGN:
        return name, attached
    return None, ""


def _info(name: str) -> FlagInfo:
    info = _BY_SPELLING.get(name)
    if info is not None:
        return info
    shown = name if len(name) <= 20 else name[:20] + "…"
    if name in _FOREIGN:
        hint = _FOREIGN[name]
        raise InvalidParams(name, f"--{name} is not supported here.{' ' + hint if hint else ''}")
    near = difflib.get_close_matches(name[:20], _BY_SPELLING, n=1, cutoff=0.6)
    hint = f"Did you mean --{near[0]}?" if near else f"Known flags: {_KNOWN}."
    raise InvalidParams(shown, f"There is no flag --{shown}. {hint}")


def _take_value(words: list[str], at: int, info: FlagInfo, attached: str) -> tuple[str, int]:
    """The flag's value and the place of the word after it."""
    if info.is_switch:
        return attached or _ON, at
    first = attached or (words[at] if at < len(words) else "")
    start = at if attached else at + 1
    if not attached and (not first or _flag_name(first)[0] is not None):
        return "", at
    if info.is_pair:
        end = start + words_of_setting(first, itertools.islice(words, start, None)) - 1
        return " ".join([first, *words[start:end]]), end
    end = start
    while end < len(words) and _flag_name(words[end])[0] is None:
        end += 1
    reachable = [first, *words[start:end]]
    length = _quoted_length(reachable)
    if length is not None:
        return " ".join(reachable[:length])[1:-1].strip(), start + length - 1
    if info.takes_text:
        return " ".join(reachable), end
    return first, start


def _quoted_length(words: list[str]) -> int | None:
    """How many words the quotation at their start spans, or None when it is none."""
    closing = _QUOTES.get(words[0][0])
    if closing is None:
        return None
    for index, word in enumerate(words):
        if word.endswith(closing) and (index or len(word) > 1):
            return index + 1
    return None


def _keep(found: dict[str, tuple[str, Value]], info: FlagInfo, name: str, value: Value) -> None:
    before = found.get(info.field)
    if before is None:
        found[info.field] = (name, value)
    elif info.field == "negative_prompt":
        found[info.field] = (name, f"{before[1]}, {value}")
    elif before[1] != value:
        raise InvalidParams(
            info.field,
            f"--{before[0]} {before[1]} and --{name} {value} contradict each other. "
            "Please keep only one.",
        )


def _whole_reader(field: str) -> Callable[[str, str], Value]:
    return lambda text, flag: read_whole(text, flag, field)


def _number_reader(field: str) -> Callable[[str, str], Value]:
    return lambda text, flag: read_number(text, flag, field)


def _text_reader(field: str) -> Callable[[str, str], Value]:
    return lambda text, _flag: clean_text(text, option=field)


def _switch_reader(field: str) -> Callable[[str, str], Value]:
    return lambda text, flag: _switch(text, flag, field)


def _switch(text: str, flag: str, field: str) -> Value:
    if text.lower() not in _SWITCH:
        raise InvalidParams(field, f"--{flag} is on or off, and takes no other value.")
    return _SWITCH[text.lower()]


def _seed_reader(field: str) -> Callable[[str, str], Value]:
    return lambda text, flag: _seed(text, flag, field)


def _seed(text: str, flag: str, field: str) -> Value:
    if text.lower() == "random":
        return -1
    seed = read_whole(text, flag, field)
    if not -1 <= seed <= SEED_MAX:
        raise InvalidParams(
            field, f"A seed is from 0 to {SEED_MAX}, or -1 for a random one, not {text[:20]}."
        )
    return seed


def _ratio(text: str, _flag: str) -> Value:
    parse_ratio(text)
    return text.lower().replace("x", ":").replace("×", ":").replace("/", ":")


def _number(*spellings: str, field: str, example: str) -> FlagInfo:
    return FlagInfo(spellings=spellings, field=field, example=example, read=_number_reader(field))


FLAGS: tuple[FlagInfo, ...] = (
    FlagInfo(spellings=("ar", "aspect"), field="aspect_ratio", example="3:2", read=_ratio),
    FlagInfo(
        spellings=("no", "negative"),
        field="negative_prompt",
        example="text, watermark",
        read=_text_reader("negative_prompt"),
        takes_text=True,
    ),
    FlagInfo(spellings=("seed",), field="seed", example="42", read=_seed_reader("seed")),
    FlagInfo(spellings=("steps",), field="steps", example="20", read=_whole_reader("steps")),
    FlagInfo(spellings=("count", "n"), field="count", example="4", read=_whole_reader("count")),
    _number("cfg", "guidance", field="guidance_scale", example="6.5"),
    FlagInfo(spellings=("width", "w"), field="width", example="512", read=_whole_reader("width")),
    FlagInfo(
        spellings=("height", "h"), field="height", example="512", read=_whole_reader("height")
    ),
    _number("strength", field="strength", example="0.6"),
    _number("iw", "image-weight", field="reference_weight", example="0.6"),
    FlagInfo(
        spellings=("model",),
        field="model",
        example="name",
        read=_text_reader("model"),
        takes_text=True,
    ),
    FlagInfo(
        spellings=("sampler",),
        field="sampler",
        example="Euler a",
        read=_text_reader("sampler"),
        takes_text=True,
    ),
    FlagInfo(
        spellings=("scheduler",),
        field="scheduler",
        example="Karras",
        read=_text_reader("scheduler"),
        takes_text=True,
    ),
    FlagInfo(spellings=("eta",), field="eta", example="0.5", read=_number_reader("eta")),
    FlagInfo(
        spellings=("clip-skip", "clip_skip", "clipskip"),
        field="clip_skip",
        example="2",
        read=_whole_reader("clip_skip"),
    ),
    FlagInfo(
        spellings=("exact",),
        field="exact",
        example="",
        read=_switch_reader("exact"),
        is_switch=True,
    ),
    FlagInfo(
        spellings=("tile", "tiling"),
        field="tiling",
        example="",
        read=_switch_reader("tiling"),
        is_switch=True,
    ),
    FlagInfo(
        spellings=("mask-blur", "mask_blur"),
        field="mask_blur",
        example="8",
        read=_whole_reader("mask_blur"),
    ),
    FlagInfo(
        spellings=("padding", "only-masked"),
        field="padding",
        example="32",
        read=_whole_reader("padding"),
    ),
    FlagInfo(spellings=("hires",), field="hires", example="2", read=_number_reader("hires")),
    _number("hires-strength", "hires_strength", field="hires_strength", example="0.5"),
    FlagInfo(spellings=("subseed",), field="subseed", example="7", read=_seed_reader("subseed")),
    _number("subseed-strength", "subseed_strength", field="subseed_strength", example="0.1"),
    FlagInfo(spellings=("lora",), field="loras", example="ink:0.8", read=read_lora),
    FlagInfo(
        spellings=("set",),
        field="options",
        example="name=value",
        read=read_setting,
        is_pair=True,
    ),
)
"""Every flag we understand, in the order in which help lists them."""

_BY_SPELLING = {spelling: info for info in FLAGS for spelling in info.spellings}
_KNOWN = ", ".join(f"--{info.spellings[0]}" for info in FLAGS)

# Midjourney's flags that have no meaning here, with what to use instead where there is something.
_FOREIGN: dict[str, str] = {
    "q": "Use --steps.",
    "quality": "Use --steps.",
    "r": "Use --count.",
    "repeat": "Use --count.",
    "stop": "Use --steps.",
    "v": "Use --model.",
    "version": "Use --model.",
    "niji": "Use --model.",
    "style": "Describe the style in the prompt.",
    **dict.fromkeys(
        (
            *("s", "stylize", "c", "chaos", "weird", "raw", "fast", "relax", "turbo"),
            *("sref", "sw", "sv", "cref", "cw", "oref", "ow", "p", "profile", "personalize"),
            *("draft", "exp", "hd", "test", "testp", "creative", "uplight", "upbeta", "video"),
            *("motion", "loop", "end", "bs", "public", "stealth", "vibe", "sameseed", "dref"),
        ),
        "",
    ),
}
