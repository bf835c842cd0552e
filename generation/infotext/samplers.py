"""Sampler names of many tools, brought to A1111's: ``dpmpp_2m_karras`` is DPM++ 2M, Karras."""

from __future__ import annotations

from dataclasses import dataclass

_SCHEDULES = {
    "automatic": "Automatic",
    "karras": "Karras",
    "exponential": "Exponential",
    "sgmuniform": "SGM Uniform",
    "normal": "Normal",
    "simple": "Simple",
    "uniform": "Uniform",
    "polyexponential": "Polyexponential",
    "klo": "KL Optimal",
    "kloptimal": "KL Optimal",
    "alignyoursteps": "Align Your Steps",
    "ays": "Align Your Steps",
    "ddim": "DDIM",
    "ddimuniform": "DDIM",
    "beta": "Beta",
    "turbo": "Turbo",
    "linearquadratic": "Linear Quadratic",
}
"""Schedules by their squeezed names, as A1111 and Forge call them."""

_SAMPLERS = {
    "euler": "Euler",
    "eulera": "Euler a",
    "eulerancestral": "Euler a",
    "heun": "Heun",
    "dpm2": "DPM2",
    "dpm2a": "DPM2 a",
    "dpm2ancestral": "DPM2 a",
    "dpmfast": "DPM fast",
    "dpmadaptive": "DPM adaptive",
    "dpmpp2m": "DPM++ 2M",
    "dpmpp2msde": "DPM++ 2M SDE",
    "dpmpp2msdegpu": "DPM++ 2M SDE",
    "dpmpp2msdeheun": "DPM++ 2M SDE Heun",
    "dpmpp2s": "DPM++ 2S",
    "dpmpp2sa": "DPM++ 2S a",
    "dpmpp2sancestral": "DPM++ 2S a",
    "dpmppsde": "DPM++ SDE",
    "dpmppsdegpu": "DPM++ SDE",
    "dpmpp3msde": "DPM++ 3M SDE",
    "dpmpp3msdegpu": "DPM++ 3M SDE",
    "unipc": "UniPC",
    "unipcbh2": "UniPC",
    "deis": "DEIS",
    "ddim": "DDIM",
    "ddpm": "DDPM",
    "lcm": "LCM",
    "lms": "LMS",
    "plms": "PLMS",
    "ipndm": "IPNDM",
    "restart": "Restart",
}
"""Samplers by their squeezed names."""


@dataclass(frozen=True, kw_only=True, slots=True)
class SamplerChoice:
    """A sampler and its schedule by A1111's names, or as they were written; None if not told."""

    sampler: str | None = None
    schedule: str | None = None


def read_sampler(sampler: str | None, schedule: str | None = None) -> SamplerChoice:
    """Both names from what a text gives for each, either of which may hold the schedule.

    Knows A1111, Forge and ComfyUI, and k-diffusion's own names. Unknown names stay as they are.
    """
    written = _known(_SCHEDULES, schedule)
    if sampler is None or not sampler.strip():
        return SamplerChoice(schedule=written)
    squeezed = _squeezed(sampler)
    for name in (squeezed, squeezed.removeprefix("k").removeprefix("sample")):
        if name in _SAMPLERS:
            return SamplerChoice(sampler=_SAMPLERS[name], schedule=written)
        for ending, title in _SCHEDULES.items():
            stem = name.removesuffix(ending)
            if stem != name and stem in _SAMPLERS:
                told = None if written == "Automatic" else written
                return SamplerChoice(sampler=_SAMPLERS[stem], schedule=told or title)
    return SamplerChoice(sampler=sampler.strip(), schedule=written)


def _known(names: dict[str, str], written: str | None) -> str | None:
    if written is None or not written.strip():
        return None
    return names.get(_squeezed(written), written.strip())


def _squeezed(name: str) -> str:
    """Letters and digits alone, in lower case; a plus is a p, as ComfyUI spells it."""
    return "".join(letter for letter in name.lower().replace("+", "p") if letter.isalnum())
