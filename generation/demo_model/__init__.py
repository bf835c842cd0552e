"""The small trained model that ships with Easel: where its files are and what suits it best.

Imports no torch; the training program lives in ``generation.demo_model.train``.
"""

from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

_WEIGHTS = Path(__file__).parent / "weights"

MODEL_DIR: Path = _WEIGHTS / "base"
"""A diffusers folder: ``StableDiffusionPipeline.from_pretrained(MODEL_DIR)`` loads it."""

LORAS: Mapping[str, Path] = MappingProxyType({"neon": _WEIGHTS / "neon.safetensors"})
"""Style adapters for it, by name, for ``pipeline.load_lora_weights``."""

DEFAULT_WIDTH = 256
DEFAULT_HEIGHT = 256
DEFAULT_STEPS = 20
DEFAULT_GUIDANCE = 3.0
DEFAULT_SAMPLER = "EulerDiscreteScheduler"

SMALLEST_SIDE = 128
LARGEST_SIDE = 384
SIDE_MULTIPLE = 64
"""Sides are multiples of this: the UNet halves the 16-pixel cells twice."""

__all__ = [
    "DEFAULT_GUIDANCE",
    "DEFAULT_HEIGHT",
    "DEFAULT_SAMPLER",
    "DEFAULT_STEPS",
    "DEFAULT_WIDTH",
    "LARGEST_SIDE",
    "LORAS",
    "MODEL_DIR",
    "SIDE_MULTIPLE",
    "SMALLEST_SIDE",
]
