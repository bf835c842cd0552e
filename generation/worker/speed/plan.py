"""Decides what is done to make a model faster: what was asked for, as far as it can be had here."""

from __future__ import annotations

import importlib.util
from collections.abc import Mapping
from dataclasses import dataclass, replace

import torch
from diffusers import CacheMixin

from generation.worker.settings import Speed

ATTENTION: Mapping[str, str] = {
    "native": "native",
    "cudnn": "_native_cudnn",
    "flash": "flash",
    "flash-3": "_flash_3",
    "sage": "sage",
    "xformers": "xformers",
}
"""Ways to compute attention: our names, and those of diffusers."""

FEW_STEPS = 10
"""A model that takes no more steps than this has none that a cache could skip unseen."""

_QUANTISED_ON: Mapping[str, tuple[int, int]] = {"fp8": (8, 9), "int8": (8, 0)}
_TF32_ON = (8, 0)


@dataclass(frozen=True, kw_only=True, slots=True)
class Plan:
    """What is done for one model. ``problems`` say what was asked for and cannot be had, and why.

    ``why_not_compiled`` is empty where it is compiled, and ``attention`` diffusers' own name.
    """

    why_not_compiled: str
    attention: str
    channels_last: bool
    fuse_qkv: bool
    tf32: bool
    quantise: str | None
    cache: str | None
    cache_threshold: float | None
    vae_tiles_above: int | None
    problems: tuple[str, ...] = ()

    @property
    def compiles(self) -> bool:
        """Whether the denoiser's blocks are compiled after the first picture."""
        return not self.why_not_compiled

    @property
    def suits_loras(self) -> bool:
        """Whether LoRAs reach all of the weights that are computed with."""
        return not self.fuse_qkv and self.quantise is None

    def without_programs(self, why: str) -> Plan:
        """The same without anything that needs compiling."""
        return replace(self, why_not_compiled=self.why_not_compiled or why, quantise=None)

    def describe(self) -> str:
        """All of it in one line for the operator."""
        parts = [f"compile off ({self.why_not_compiled})" if self.why_not_compiled else "compile"]
        parts.append(f"attention {_attention_name(self.attention)}")
        switches = {
            "channels last": self.channels_last,
            "fused QKV": self.fuse_qkv,
            "TF32": self.tf32,
            f"weights in {self.quantise}": self.quantise is not None,
            f"{self.cache} cache": self.cache is not None,
            f"VAE in tiles above {self.vae_tiles_above} pixels": self.vae_tiles_above is not None,
        }
        return ", ".join([*parts, *(name for name, is_on in switches.items() if is_on)])


@dataclass(frozen=True, kw_only=True, slots=True)
class Place:
    """The device and number type of a model. ``capability`` is the card's, None without CUDA."""

    device: torch.device
    dtype: torch.dtype
    capability: tuple[int, int] | None = None

    @classmethod
    def of(cls, device: torch.device, dtype: torch.dtype) -> Place:
        """The place with what the card says of itself."""
        capability = torch.cuda.get_device_capability(device) if device.type == "cuda" else None
        return cls(device=device, dtype=dtype, capability=capability)

    @property
    def is_card(self) -> bool:
        """Whether it is a card of NVIDIA's or AMD's."""
        return self.device.type == "cuda"


def make_plan(speed: Speed, place: Place, denoiser: type, steps: int) -> Plan:
    """What to do for a model whose denoiser is of that class and that takes so many steps."""
    problems: list[str] = []
    why_not_compiled = _why_not_compiled(speed, place)
    return Plan(
        why_not_compiled=why_not_compiled,
        attention=_attention(speed, place, problems),
        channels_last=_is_channels_last(speed, place),
        fuse_qkv=_is_fused(speed, denoiser, problems),
        tf32=_is_tf32(speed, place, problems),
        quantise=_quantised(speed, place, why_not_compiled, problems),
        cache=_cache(speed, denoiser, steps, problems),
        cache_threshold=speed.cache_threshold,
        vae_tiles_above=speed.vae_tiles_above,
        problems=tuple(problems),
    )


def _why_not_compiled(speed: Speed, place: Place) -> str:
    if speed.compile == "off":
        return "as configured"
    if speed.compile == "on":
        return ""
    if not place.is_card:
        return f"no gain on {place.device.type}"
    if importlib.util.find_spec("triton") is None:
        return "Triton is not installed"
    return ""


def _attention(speed: Speed, place: Place, problems: list[str]) -> str:
    if speed.attention == "native" or place.is_card:
        return ATTENTION[speed.attention]
    problems.append(f'attention = "{speed.attention}" is not used: it needs a graphics card')
    return ATTENTION["native"]


def _is_channels_last(speed: Speed, place: Place) -> bool:
    if speed.channels_last != "auto":
        return speed.channels_last == "on"
    return place.is_card and place.dtype != torch.float32


def _is_fused(speed: Speed, denoiser: type, problems: list[str]) -> bool:
    if not speed.fuse_qkv or hasattr(denoiser, "fuse_qkv_projections"):
        return speed.fuse_qkv
    problems.append(f"fuse_qkv is not used: {denoiser.__name__} has nothing to fuse")
    return False


def _is_tf32(speed: Speed, place: Place, problems: list[str]) -> bool:
    has_it = place.capability is not None and place.capability >= _TF32_ON
    if speed.tf32 == "on" and not has_it:
        problems.append('tf32 = "on" is not used: this device has no such numbers')
    if speed.tf32 == "auto":
        # Who asks for float32 throughout wants its precision.
        return has_it and place.dtype != torch.float32
    return has_it and speed.tf32 == "on"


def _quantised(
    speed: Speed, place: Place, why_not_compiled: str, problems: list[str]
) -> str | None:
    if speed.quantise == "off":
        return None
    why = None
    if why_not_compiled:
        why = f"it only pays when the model is compiled, and that is off ({why_not_compiled})"
    elif place.is_card and (place.capability or (0, 0)) < _QUANTISED_ON[speed.quantise]:
        why = "this card is too old for it"
    elif not place.is_card and speed.quantise == "fp8":
        why = "it needs a graphics card"
    elif importlib.util.find_spec("torchao") is None:
        why = "torchao is not installed; pip install torchao"
    if why is None:
        return speed.quantise
    problems.append(f'quantise = "{speed.quantise}" is not used: {why}')
    return None


def _cache(speed: Speed, denoiser: type, steps: int, problems: list[str]) -> str | None:
    if speed.cache == "off":
        return None
    why = None
    if not issubclass(denoiser, CacheMixin):
        why = f"diffusers has none for {denoiser.__name__}"
    elif steps <= FEW_STEPS:
        why = f"a model of {steps} steps has none to skip"
    if why is None:
        return speed.cache
    problems.append(f'cache = "{speed.cache}" is not used: {why}')
    return None


def _attention_name(name: str) -> str:
    return next(ours for ours, theirs in ATTENTION.items() if theirs == name)
