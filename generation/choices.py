"""What a member chose by name: sampler, schedule and LoRAs, found among what a model offers."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Sequence

from generation.backends.base import ModelInfo
from generation.errors import InvalidParams
from generation.prompt import LORA_MOST, Draft
from generation.prompt.loras import LORA_WEIGHT
from generation.types import Lora

_SHOWN = 40
_AUTOMATIC = "Automatic"  # leaves the choice open, so it contradicts nothing


def choose_sampler(draft: Draft, model: ModelInfo) -> tuple[str, str]:
    """Sampler and schedule, as the model spells them.

    Names may be joined, as in ``DPM++ 2M Karras``, or written as programs do, as in
    ``dpmpp_2m_karras``. Raises ``InvalidParams``.
    """
    schedule = None
    if draft.scheduler is not None:
        schedule = _one_of("scheduler", draft.scheduler, model.schedulers)
    if draft.sampler is None:
        return model.sampler, schedule or model.scheduler
    wanted = _plain(draft.sampler)
    for name in model.samplers:
        if _plain(name) == wanted:
            return name, schedule or model.scheduler
    for name in model.samplers:
        for joined in model.schedulers:
            if _plain(name) + _plain(joined) == wanted:
                return name, _agreeing(schedule, joined, draft.sampler)
    raise unknown("sampler", draft.sampler, model.samplers)


def choose_loras(draft: Draft, model: ModelInfo) -> tuple[Lora, ...]:
    """The LoRAs, as the model names them. Raises ``InvalidParams`` for the first problem."""
    if len(draft.loras) > LORA_MOST:
        raise InvalidParams("loras", f"At most {LORA_MOST} LoRAs can be used at once.")
    known = {lora.name.casefold(): lora.name for lora in model.loras}
    chosen: dict[str, Lora] = {}
    for lora in draft.loras:
        name = known.get(lora.name.casefold())
        if name is None:
            raise _no_lora(lora.name, model)
        if name in chosen:
            raise InvalidParams("loras", f"The LoRA {name} is given twice.")
        if not -LORA_WEIGHT <= lora.weight <= LORA_WEIGHT:
            raise InvalidParams(
                "loras",
                f"The weight of {name} is from {-LORA_WEIGHT:g} to {LORA_WEIGHT:g}, "
                f"not {lora.weight:g}.",
            )
        chosen[name] = Lora(name=name, weight=lora.weight)
    return tuple(chosen.values())


def unknown(
    noun: str, asked: str, offered: Sequence[str], *, option: str | None = None
) -> InvalidParams:
    """The refusal of a name that is not offered, with those that it may have meant."""
    shown = asked if len(asked) <= _SHOWN else asked[:_SHOWN] + "…"
    by_fold = {name.casefold(): name for name in offered}
    near = difflib.get_close_matches(asked[:80].casefold(), by_fold, n=3, cutoff=0.5)
    if near:
        hint = f"Did you mean {' or '.join(by_fold[name] for name in near)}?"
    elif offered:
        hint = f"Available: {', '.join(offered[:8])}{'…' if len(offered) > 8 else ''}."
    else:
        hint = "None is available."
    return InvalidParams(option or noun, f"There is no {noun} “{shown}”. {hint}")


def _no_lora(asked: str, model: ModelInfo) -> InvalidParams:
    for misfit in model.misfits:
        if misfit.name.casefold() == asked.casefold():
            made_for = f"made for {misfit.base}" if misfit.base else "made for another model"
            return InvalidParams(
                "loras", f"The LoRA {misfit.name} is {made_for}; {model.name} cannot use it."
            )
    if not model.loras:
        return InvalidParams("loras", f"The model {model.name} has no LoRAs here.")
    return unknown("LoRA", asked, [lora.name for lora in model.loras], option="loras")


def _agreeing(schedule: str | None, joined: str, sampler: str) -> str:
    if schedule not in {None, joined, _AUTOMATIC}:
        raise InvalidParams(
            "scheduler",
            f"The sampler {sampler} already names the schedule {joined}, but the scheduler says "
            f"{schedule}. Please keep only one.",
        )
    return joined


def _one_of(option: str, asked: str, offered: Iterable[str]) -> str:
    names = tuple(offered)
    for name in names:
        if _plain(name) == _plain(asked):
            return name
    raise unknown(option, asked, names)


def _plain(name: str) -> str:
    """The name as programs and people spell it alike: ``k_dpmpp_2m`` is ``DPM++ 2M``."""
    words = re.split(r"[\s_-]+", name.strip().casefold().replace("dpmpp", "dpm++"))
    if len(words) > 1 and words[0] in {"k", "sample"}:
        words = words[1:]
    return "".join("a" if word == "ancestral" else word for word in words)
