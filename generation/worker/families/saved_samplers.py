"""The sampler and the schedule that a model was saved with, by the names that members choose."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from generation.worker.families.base import ModelFiles, Traits
from generation.worker.samplers import AUTOMATIC, Sampler

# What training programs leave behind, and nobody has chosen for drawing.
_OF_TRAINING = ("PNDMScheduler", "DDIMScheduler", "DDPMScheduler")


def with_saved_choice(traits: Traits, files: ModelFiles) -> Traits:
    """The traits with the model's own sampler and schedule as defaults, where they have names."""
    config = files.configs.get("scheduler", {})
    if config.get("_class_name") in _OF_TRAINING:
        return traits
    kit = traits.kit
    sampler = next(
        (name for name, each in kit.samplers.items() if _is_saved(each, config)), traits.sampler
    )
    switches = {key: value for key, value in config.items() if key.startswith("use_") and value}
    schedule = next(
        (name for name, options in kit.schedules.items() if switches.keys() & _switches(options)),
        AUTOMATIC,
    )
    return replace(traits, sampler=sampler, schedule=schedule)


def _is_saved(sampler: Sampler, config: Mapping[str, object]) -> bool:
    """Whether it is of the saved class, and nothing that was saved speaks against its options."""
    return config.get("_class_name") == sampler.kind and all(
        config.get(key, value) == value for key, value in sampler.options.items()
    )


def _switches(options: Mapping[str, object]) -> set[str]:
    return {key for key in options if key.startswith("use_")}
