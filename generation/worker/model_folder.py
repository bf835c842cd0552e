"""A model as a folder in diffusers' layout: what it says about itself, and how it is loaded."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import diffusers
import torch
import transformers
from diffusers import pipelines
from diffusers.loaders.single_file_utils import SingleFileComponentError
from safetensors import SafetensorError

from generation.errors import Unavailable
from generation.worker.families import find_family
from generation.worker.families.base import Family, ModelFiles
from generation.worker.headers import BrokenFileError, Header, read_header

FAILURES = (
    *(OSError, ValueError, KeyError, TypeError, AttributeError, ImportError, RuntimeError),
    SafetensorError,
    SingleFileComponentError,
)
"""What the libraries raise at files that they cannot make a model of."""

_WEIGHTS = ".safetensors"
_PICKLES = ("*.bin", "*.ckpt", "*.pt", "*.pth")
_LIBRARIES = ("diffusers", "transformers")
_VARIANTS = ("fp16", "bf16")
_NEEDS_SCIPY = "use_beta_sigmas"


@dataclass(frozen=True, kw_only=True, slots=True)
class Folder:
    """A folder with ``model_index.json``, and a folder for each part that it names."""

    path: Path

    def examine(self) -> ModelFiles:
        """What the model is. Raises ``Unavailable`` for a folder that cannot be loaded."""
        files = examine_index(self.path)
        for part in files.configs:
            if (self.path / part / "config.json").is_file():
                check_weights(self.path, part)
        return files

    def weights(self) -> Mapping[str, int]:
        """How many weights each part has, by its files' headers."""
        return {part: count_weights(self.path / part) for part in self.examine().configs}

    def load(self, dtype: torch.dtype, device: torch.device) -> Any:
        """Its pipeline, on the device. Raises ``Unavailable``."""
        files = self.examine()
        family = find_family(files.class_name)
        kind: Any = getattr(diffusers, family.home)
        try:
            pipe = kind.from_pretrained(
                str(self.path),
                dtype=dtype,
                variant=variant_of(self.path / family.denoiser),
                local_files_only=True,
                use_safetensors=True,
                **dict.fromkeys((*family.plain_tokenizers, *family.processors)),
                **own_scheduler(files),
            )
            pipe.register_modules(**read_processors(self.path, family))
        except FAILURES as error:
            raise Unavailable(detail=f"it cannot be loaded: {error}") from error
        return pipe.to(device)


def load_part(folder: Path, part: str, dtype: torch.dtype) -> Any:
    """One module of a model's folder, on the processor. Raises ``Unavailable``, or ``FAILURES``."""
    check_weights(folder, part)
    library, name = _origins(_read_json(folder / "model_index.json"))[part]
    kind: Any = getattr(transformers if library == "transformers" else diffusers, name)
    return kind.from_pretrained(
        str(folder),
        subfolder=part,
        dtype=dtype,
        variant=variant_of(folder / part),
        local_files_only=True,
        use_safetensors=True,
    )


def check_weights(folder: Path, part: str) -> None:
    """A part needs weights in a form that cannot run code, and all of them whole.

    Raises ``Unavailable`` where it has not.
    """
    found = sorted((folder / part).glob(f"*{_WEIGHTS}"))
    if not found:
        pickled = [path for form in _PICKLES for path in (folder / part).glob(form)]
        cause = (
            f"has only {pickled[0].name}, which could run code when it is read; "
            f"take the model's {_WEIGHTS} files instead"
            if pickled
            else f"has no {_WEIGHTS} weights in {folder}"
        )
        raise Unavailable(detail=f"its {part} {cause}")
    for path in found:
        _header(path)
    variant = variant_of(folder / part)
    for index in (folder / part).glob(f"*{_WEIGHTS}.index*.json"):
        if not _is_of(index.name, variant):
            continue
        pieces = _read_json(index).get("weight_map")
        names = set(pieces.values()) if isinstance(pieces, dict) else set()
        lost = sorted(str(name) for name in names if not (index.parent / str(name)).is_file())
        if lost:
            raise Unavailable(detail=f"its {part} lacks {lost[0]}; download it again")


def _header(path: Path) -> Header:
    try:
        return read_header(path)
    except BrokenFileError as error:
        raise Unavailable(detail=f"{path}: {error}") from error


def count_weights(folder: Path) -> int:
    """How many weights a part's files hold, of the variant that would be read.

    Raises ``Unavailable`` for a broken one.
    """
    variant = variant_of(folder)
    files = [path for path in folder.glob(f"*{_WEIGHTS}") if _is_of(path.name, variant)]
    return sum(_header(path).weights for path in files)


def _is_of(name: str, variant: str | None) -> bool:
    if variant is not None:
        return f".{variant}." in name
    return not any(f".{other}." in name for other in _VARIANTS)


def variant_of(folder: Path) -> str | None:
    """The variant to ask for, where a part has no plain weights."""
    names = [path.name for path in folder.glob(f"*{_WEIGHTS}")]
    for variant in _VARIANTS:
        if names and all(f".{variant}." in name for name in names):
            return variant
    return None


def examine_index(folder: Path) -> ModelFiles:
    """What ``model_index.json`` and the parts' configs say, without asking for weights.

    Raises ``Unavailable`` for what is no model, of no known family, or needs code of its own.
    """
    if not folder.is_dir():
        raise Unavailable(detail=f"there is no folder {folder}")
    index = _read_json(folder / "model_index.json")
    class_name = index.get("_class_name")
    if not isinstance(class_name, str):
        raise Unavailable(detail="its pipeline is code of its own, which is never run")
    find_family(class_name)
    return ModelFiles(
        class_name=class_name,
        options={key: value for key, value in index.items() if not isinstance(value, list)},
        configs={part: _config(folder / part) for part in _origins(index)},
    )


def read_processors(folder: Path, family: Family) -> dict[str, Any]:
    """What takes texts and pictures apart, where the family has its own way to read it.

    Tokenizers that are saved inside of picture processors come without these.
    """
    own = {part: read(folder / part) for part, read in family.processors.items()}
    return own | {
        part: transformers.AutoTokenizer.from_pretrained(
            str(folder / part), local_files_only=True, trust_remote_code=False
        )
        for part in family.plain_tokenizers
    }


def own_scheduler(files: ModelFiles) -> dict[str, Any]:
    """The model's scheduler without the one schedule that diffusers needs SciPy for.

    Jobs ask for it by its name. Empty for other models.
    """
    config = files.configs.get("scheduler", {})
    if not files.is_set("scheduler", _NEEDS_SCIPY):
        return {}
    kind: Any = getattr(diffusers, files.text("scheduler", "_class_name"))
    return {"scheduler": kind.from_config({**config, _NEEDS_SCIPY: False})}


def _origins(index: Mapping[str, object]) -> dict[str, tuple[str, str]]:
    """Library and class of each part that is there. Raises ``Unavailable`` for foreign code."""
    origins: dict[str, tuple[str, str]] = {}
    for part, origin in index.items():
        if not isinstance(origin, list) or len(origin) != 2 or origin[0] is None:
            continue
        library, name = map(str, origin)
        if library not in _LIBRARIES and not hasattr(pipelines, library):
            raise Unavailable(
                detail=f"its {part} is code of its own ({library}), which is never run"
            )
        origins[part] = (library, name)
    return origins


def _config(folder: Path) -> Mapping[str, object]:
    for name in ("config.json", "scheduler_config.json"):
        if (folder / name).is_file():
            return _read_json(folder / name)
    return {}


def _read_json(path: Path) -> Mapping[str, object]:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise Unavailable(detail=f"{path} cannot be read: {error}") from error
    if not isinstance(content, dict):
        raise Unavailable(detail=f"{path} is not a JSON object")
    return content
