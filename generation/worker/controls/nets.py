"""Every class of ControlNets that can be used, by its name in diffusers."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from generation.worker.controls import (
    flux,
    qwen_image,
    stable_diffusion,
    stable_diffusion_3,
    z_image,
)
from generation.worker.controls.base import Net

NETS: Mapping[str, Net] = MappingProxyType(
    {
        "ControlNetModel": stable_diffusion.CONTROL_NET,
        "ControlNetUnionModel": stable_diffusion.UNION,
        "SD3ControlNetModel": stable_diffusion_3.CONTROL_NET,
        "FluxControlNetModel": flux.CONTROL_NET,
        "QwenImageControlNetModel": qwen_image.CONTROL_NET,
        "ZImageControlNetModel": z_image.CONTROL_NET,
    }
)
