"""What operators add to their models, such as LoRAs and ControlNets, matched with those it fits."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import torch

from generation.backends.base import ModelInfo
from generation.worker.adapters import Adapters
from generation.worker.controls.base import Config
from generation.worker.controls.files import (
    ControlFile,
    find_controls,
    offered,
    read_named,
    unfitting as unfitting_controls,
)
from generation.worker.controls.preparing import PREPARERS
from generation.worker.embeddings import EmbeddingFile, find_embeddings
from generation.worker.families.base import Family, ModelFiles
from generation.worker.headers import BrokenFileError
from generation.worker.likeness import MOST_PICTURES, TASKS, Likeness, LikenessFile
from generation.worker.loras.files import LoraFile, find_loras, unfitting
from generation.worker.loras.kinds import Kind, kind_of_model
from generation.worker.settings import LocalModel, WorkerSettings


@dataclass(frozen=True, kw_only=True, slots=True)
class Extras:
    """What can be used with one model, and the LoRAs that were made for others.

    ``preparing`` are the kinds of controls that can be found in ordinary pictures here.
    """

    loras: Mapping[str, LoraFile] = field(default_factory=dict)
    misfits: Sequence[LoraFile] = ()
    embeddings: Sequence[EmbeddingFile] = ()
    controls: Mapping[str, ControlFile] = field(default_factory=dict)
    preparing: frozenset[str] = frozenset()
    likeness: LikenessFile | None = None

    def offered_with(self, info: ModelInfo) -> ModelInfo:
        """The model's description, with these."""
        if self.likeness is not None:
            info = replace(
                info,
                looks=TASKS & info.tasks,
                max_references=MOST_PICTURES,
                uses_reference_weight=True,
            )
        return replace(
            info,
            loras=tuple(lora.info() for lora in self.loras.values()),
            misfits=tuple(replace(lora.info(), title="", triggers=()) for lora in self.misfits),
            embeddings=tuple(each.name for each in self.embeddings),
            controls=offered(self.controls.values(), self.preparing),
        )

    def adapters_for(self, base: Any, denoiser: str, device: torch.device) -> Adapters:
        """Those of them that are put on a model and taken off again."""
        likeness = None
        if self.likeness is not None:
            likeness = Likeness(getattr(base, denoiser), self.likeness, device)
        return Adapters(base, denoiser, self.loras, likeness=likeness)


class ExtrasFinder:
    """Looks through the folders once, and then answers for one model after the other."""

    def __init__(self, settings: WorkerSettings) -> None:
        self._loras, lora_problems = find_loras(settings.lora_folders)
        self._embeddings, embedding_problems = find_embeddings(settings.embedding_folders)
        self._controls, control_problems = find_controls(settings.controls.folders)
        self._preparing = frozenset(PREPARERS)
        if settings.controls.depth_estimator is not None:
            self._preparing |= {"depth"}
        self._problems = [*lora_problems, *embedding_problems, *control_problems]
        self._denoisers: list[Config] = []
        self._kinds: list[Kind] = []
        self._used: set[str] = set()

    def of(self, model: LocalModel, files: ModelFiles, family: Family) -> Extras:
        """What fits the model: from the folders, and from what the model itself names."""
        kind = kind_of_model(files.configs.get(family.denoiser, {}))
        own, problems = find_loras(model.loras)
        self._problems += problems
        self._kinds.append(kind)
        loras = {lora.name: lora for lora in (*self._loras, *own)}
        fitting = {
            name: lora
            for name, lora in loras.items()
            if lora.kind is not None and lora.kind.suits(kind)
        }
        reads_words = family.weigh is not None
        embeddings = [each for each in self._embeddings if reads_words and each.suits(files)]
        self._used.update(each.name for each in embeddings)
        denoiser = files.configs.get(family.denoiser, {})
        if family.takes_controls:
            self._denoisers.append(denoiser)
        return Extras(
            loras=fitting,
            misfits=[lora for name, lora in loras.items() if name not in fitting],
            embeddings=embeddings,
            controls=self._controls_of(model, denoiser) if family.takes_controls else {},
            preparing=self._preparing,
            likeness=self._likeness_of(model, family, denoiser),
        )

    def _likeness_of(
        self, model: LocalModel, family: Family, denoiser: Config
    ) -> LikenessFile | None:
        """The model's IP-Adapter, if it has one that can be used."""
        if model.ip_adapter is None or model.image_encoder is None:
            return None
        file = LikenessFile(path=model.ip_adapter, encoder=model.image_encoder)
        problem = f"IP-Adapter {file.path.name} of the model {model.name}: "
        if family.denoiser != "unet" or family.looks:
            self._problems.append(problem + "none can be used with a model of its kind")
            return None
        try:
            file.check(denoiser)
        except BrokenFileError as error:
            self._problems.append(f"{problem}{error}")
            return None
        return file

    def _controls_of(self, model: LocalModel, denoiser: Config) -> Mapping[str, ControlFile]:
        """The ControlNets that fit a denoiser, by kind: what the model names comes first."""
        found: list[ControlFile] = []
        for place in model.controls:
            try:
                named = read_named(place)
            except BrokenFileError as error:
                self._problems.append(f"control {place.path.name}: {error}")
                continue
            if named.suits(denoiser):
                found.append(named)
            else:
                self._problems.append(
                    f"control {named.name}: it is made for {named.made_for} "
                    f"and does not fit the model {model.name}"
                )
        found += [each for each in self._controls if each.suits(denoiser)]
        return {kind: each for each in reversed(found) for kind in each.kinds}

    def problems(self) -> tuple[str, ...]:
        """What is wrong with files, and which of them no model can use. Ask after the models."""
        unused = [each.name for each in self._embeddings if each.name not in self._used]
        return (
            *self._problems,
            *unfitting(self._loras, self._kinds),
            *unfitting_controls(self._controls, self._denoisers),
            *(f"embedding {name}: it is made for none of the models here" for name in unused),
        )
