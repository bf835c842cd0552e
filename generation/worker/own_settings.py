"""The settings of models whose single files come without, by their kind."""

from __future__ import annotations

import inspect
import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import diffusers
import transformers

from generation.worker.checkpoints import Checkpoint
from generation.worker.clip_vocabulary import clip_tokenizer
from generation.worker.random_models.architectures import ARCHITECTURES
from generation.worker.random_models.parts import Architecture, Part, Tokens

_V = "v_prediction"
_BASE_CELLS = 64  # Stable Diffusion 2 that predicts noise is the one of 512 pixels


def settings_of(checkpoint: Checkpoint) -> Architecture | None:
    """The settings of that kind of model; None where we know none that need nothing beside."""
    if checkpoint.architecture is None:
        return None
    known = ARCHITECTURES[checkpoint.architecture]
    scheduler, unet = known.parts["scheduler"], known.parts["unet"]
    if not isinstance(scheduler, Part) or not isinstance(unet, Part):
        raise TypeError("single files with settings of ours have a UNet and a scheduler")
    config = {**scheduler.config, "prediction_type": checkpoint.predicts}
    if checkpoint.is_distilled:
        scheduler = replace(scheduler, kind="EulerDiscreteScheduler")
        config = {key: config[key] for key in _OF_EULER} | {"timestep_spacing": "trailing"}
    elif checkpoint.predicts == _V and checkpoint.architecture.startswith("sdxl"):
        config |= {"rescale_betas_zero_snr": True, "timestep_spacing": "trailing"}
    if checkpoint.architecture == "sd21" and checkpoint.predicts != _V:
        unet = replace(unet, config={**unet.config, "sample_size": _BASE_CELLS})
    changed = {"scheduler": replace(scheduler, config=config), "unet": unet}
    return replace(known, parts={**known.parts, **changed})


_OF_EULER = (
    *("beta_start", "beta_end", "beta_schedule", "num_train_timesteps", "steps_offset"),
    "prediction_type",
)


def tokenizers_of(architecture: Architecture) -> dict[str, Any]:
    """Its tokenizers, which are CLIP's."""
    return {
        name: clip_tokenizer(padding=part.padding) if part.padding else clip_tokenizer()
        for name, part in architecture.parts.items()
        if isinstance(part, Tokens)
    }


def write_folder(architecture: Architecture, folder: Path) -> None:
    """Write the settings as a folder in diffusers' layout, without weights and tokenizers."""
    index: dict[str, object] = {"_class_name": architecture.pipeline, **architecture.options}
    for name, part in architecture.parts.items():
        if part is None:
            index[name] = [None, None]
        elif isinstance(part, Tokens):
            index[name] = ["transformers", "CLIPTokenizer"]
        elif isinstance(part, Part):
            library, config = _config(part)
            index[name] = [library, part.kind]
            file = "scheduler_config.json" if name == "scheduler" else "config.json"
            _write(folder / name / file, config)
    _write(folder / "model_index.json", index)


def _config(part: Part) -> tuple[str, Mapping[str, object]]:
    of_transformers: Any = getattr(transformers, part.kind, None)
    if of_transformers is None:
        return "diffusers", {"_class_name": part.kind, **_defaults(part.kind), **part.config}
    config = of_transformers.config_class(**part.config).to_dict()
    return "transformers", {**config, "architectures": [part.kind]}


def _defaults(kind: str) -> dict[str, object]:
    """What a class of diffusers takes when nothing is said: its converters read all of it."""
    parameters = inspect.signature(getattr(diffusers, kind).__init__).parameters
    return {
        name: parameter.default
        for name, parameter in parameters.items()
        if parameter.default is not parameter.empty
    }


def _write(path: Path, content: Mapping[str, object]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content, indent=2), encoding="utf-8")
