"""The pictures that a job looks at: to edit them, or to draw something like them."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from PIL import Image

from generation.backends.base import Work
from generation.errors import Unavailable
from generation.types import Task
from generation.worker.families.base import Family


@dataclass(frozen=True, kw_only=True, slots=True)
class Sight:
    """Pictures in RGB, in their order. Equal where the files are."""

    digest: str
    pictures: tuple[Image.Image, ...] = field(compare=False, repr=False)

    def forgotten(self) -> Sight:
        """The same without its pictures, to be kept in memory."""
        return Sight(digest=self.digest, pictures=())


def sight_of(work: Work) -> Sight | None:
    """What the job looks at; None for nothing. Raises ``Unavailable`` where it is missing."""
    params, found = work.params, work.references
    if len(found) != params.references or (params.task is Task.EDIT and not found):
        raise Unavailable(detail=f"its pictures are missing from a job for {params.task}")
    if not found:
        return None
    digest = hashlib.sha256()
    for png in found:
        digest.update(hashlib.sha256(png).digest())
    return Sight(digest=digest.hexdigest(), pictures=tuple(map(_read, found)))


def arguments_for(family: Family, work: Work, sight: Sight | None, count: int) -> Mapping[str, Any]:
    """How the pipeline that draws ``count`` pictures is shown them. Raises ``Unavailable``."""
    params = work.params
    if sight is None:
        return {}
    if params.task not in family.looks or len(sight.pictures) > family.max_references:
        raise Unavailable(
            detail=f"{family.title} looks at {family.max_references} pictures, and not in every "
            f"task; a {params.task} job came with {len(sight.pictures)}"
        )
    return family.refer(sight.pictures, params, count)


def _read(png: bytes) -> Image.Image:
    with Image.open(io.BytesIO(png), formats=("PNG",)) as opened:
        return opened.convert("RGB")
