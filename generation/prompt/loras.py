"""LoRAs as members write them: ``name:0.8``, alone, in a list, or in a prompt's ``<lora:…>``."""

from __future__ import annotations

from generation.errors import InvalidParams
from generation.prompt.numbers import read_number
from generation.types import Lora

LORA_LENGTH = 100
LORA_MOST = 8
LORA_WEIGHT = 2.0
"""The largest weight, to either side of nothing."""

_TAG = "<lora:"


def read_lora(text: str, flag: str = "lora") -> Lora:
    """``name`` or ``name:weight``. Raises ``InvalidParams``."""
    name, mark, weight = text.partition(":")
    name = name.strip()
    if not name or len(name) > LORA_LENGTH:
        raise InvalidParams("loras", f"--{flag} needs a LoRA's name, for example --lora ink:0.8.")
    number = read_number(weight, flag, "loras") if mark else 1.0
    if not -LORA_WEIGHT <= number <= LORA_WEIGHT:
        raise InvalidParams(
            "loras",
            f"A LoRA's weight is from {-LORA_WEIGHT:g} to {LORA_WEIGHT:g}, "
            f"not {weight.strip()[:20]}.",
        )
    return Lora(name=name, weight=number)


def read_loras(text: str) -> tuple[Lora, ...]:
    """A list such as ``ink:0.8, oil``; empty places are skipped. Raises ``InvalidParams``."""
    return tuple(read_lora(part) for part in text.split(",") if part.strip())


def take_lora_tags(text: str) -> tuple[str, list[Lora]]:
    """Take ``<lora:name:weight>`` out of a text. Other angle brackets stay as they are."""
    kept: list[str] = []
    loras: list[Lora] = []
    at = 0
    while (start := text.find(_TAG, at)) >= 0:
        end = text.find(">", start, start + LORA_LENGTH + 20)
        if end < 0:
            raise InvalidParams(
                "loras", "A LoRA is written like <lora:name:0.8>; the closing > is missing."
            )
        kept.append(text[at:start])
        loras.append(read_lora(text[start + len(_TAG) : end]))
        at = end + 1
    kept.append(text[at:])
    return "".join(kept), loras
