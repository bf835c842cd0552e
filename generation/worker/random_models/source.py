"""Builds a model with random weights where it is to run: in its precision, on its device."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import diffusers
import torch
import transformers

from generation.errors import Unavailable
from generation.worker.families.base import ModelFiles
from generation.worker.families.seeing import QwenReader
from generation.worker.random_models.architectures import ARCHITECTURES, NAMES, PREFIX, TINY
from generation.worker.random_models.parts import Architecture, Eyes, Part, Tokens
from generation.worker.random_models.tokenizers import build_tokenizer

_SEED = 0


@dataclass(frozen=True, kw_only=True, slots=True)
class RandomModel:
    """One of ``NAMES``, as a place that holds a model. The same name gives the same weights."""

    name: str

    def examine(self) -> ModelFiles:
        """As a folder's files would say it. Raises ``Unavailable`` for a name there is not."""
        wanted, is_tiny = self._architecture()
        return files_of(wanted, is_tiny=is_tiny)

    def weights(self) -> Mapping[str, int]:
        """Nothing: there are no files that would tell."""
        return {}

    def load(self, dtype: torch.dtype, device: torch.device) -> Any:
        """Its pipeline. Raises ``Unavailable`` for a name there is not."""
        wanted, is_tiny = self._architecture()
        parts = {name: _build(part, is_tiny, dtype, device) for name, part in wanted.parts.items()}
        kind: Any = getattr(diffusers, wanted.pipeline)
        return kind(**parts, **wanted.options)

    def _architecture(self) -> tuple[Architecture, bool]:
        short = self.name.removeprefix(PREFIX)
        try:
            return ARCHITECTURES[short.removeprefix(TINY)], short.startswith(TINY)
        except KeyError:
            detail = f"there is no {self.name}; choose among: {', '.join(NAMES)}"
            raise Unavailable(detail=detail) from None


def files_of(architecture: Architecture, *, is_tiny: bool = False) -> ModelFiles:
    """What the files of a model of that architecture would say."""
    return ModelFiles(
        class_name=architecture.pipeline,
        options=dict(architecture.options),
        configs={
            name: {"_class_name": part.kind, **part.arguments(is_tiny=is_tiny)}
            for name, part in architecture.parts.items()
            if isinstance(part, Part)
        },
    )


def random_model(path: Path) -> RandomModel:
    """The model that such a path names."""
    return RandomModel(name=str(path))


def _build(
    part: Part | Tokens | Eyes | None, is_tiny: bool, dtype: torch.dtype, device: torch.device
) -> Any:
    if part is None:
        return None
    if isinstance(part, Tokens):
        return build_tokenizer(part)
    if isinstance(part, Eyes):
        return QwenReader(
            tokenizer=build_tokenizer(part.tokens),
            image_processor=transformers.Qwen2VLImageProcessorPil(),
        )
    arguments = part.arguments(is_tiny=is_tiny)
    of_transformers: Any = getattr(transformers, part.kind, None)
    if of_transformers is not None:
        config = of_transformers.config_class(**arguments)
        with _making(dtype, device):
            return of_transformers(config).eval()
    of_diffusers: Any = getattr(diffusers, part.kind)
    if not issubclass(of_diffusers, torch.nn.Module):
        return of_diffusers(**arguments)
    with _making(dtype, device):
        built = of_diffusers(**arguments).eval()
    _keep_precise(built)
    return built


def _keep_precise(module: Any) -> None:
    """What a model cannot do without float32 keeps it, as when it is loaded from a folder."""
    kept = set(module._keep_in_fp32_modules or ())  # noqa: SLF001  # where diffusers says so
    for name, part in module.named_modules():
        if kept.intersection(name.split(".")):
            part.float()


@contextlib.contextmanager
def _making(dtype: torch.dtype, device: torch.device) -> Iterator[None]:
    """Inside, torch makes weights there and in that precision, the same ones each time."""
    before = torch.get_default_dtype()
    # For the whole process, as the libraries' own loading does it.
    torch.set_default_dtype(dtype)
    try:
        with torch.random.fork_rng(devices=[device] if device.type == "cuda" else []), device:
            torch.manual_seed(_SEED)
            yield
    finally:
        torch.set_default_dtype(before)
