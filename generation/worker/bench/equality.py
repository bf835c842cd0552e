"""Whether a job drawn together with others is the picture that it is alone."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from generation.backends.base import ModelInfo, Work
from generation.bench.jobs import new_work
from generation.bench.timeline import DECODER, DENOISER
from generation.types import new_job_id
from generation.worker.bench.lab import Lab
from generation.worker.bench.reporter import MeasureError
from generation.worker.bench.watch import Sight, watching

_SAMPLERS = ("Euler a", "DPM++ 2M", "UniPC", "Euler", "DDIM")
_JOBS = (
    ("a red circle on a blue background", 12, 1.0),
    ("a yellow star on a black background", 9, None),
    ("three small green hearts on a white background", 14, 1.5),
    ("a house and a tree, a sunny day", 8, 0.75),
    ("a boat on the sea at night", 10, 1.25),
    ("a white square in the snow", 6, None),
    ("a blue tree by the sea", 11, 1.0),
)
"""Prompt, steps, and guidance as a multiple of the model's own; None goes without."""
JOBS_AT_ONCE = len(_JOBS)
_FIRST = 4


@dataclass(frozen=True, kw_only=True, slots=True)
class _Seen:
    """What the decoder was given, a tensor for each picture, and how often the denoiser ran."""

    latents: list[torch.Tensor]
    steps: int


def step_batch_max_difference(lab: Lab) -> float:
    """The largest difference between latents drawn together and alone, in latents' own spread.

    Seven jobs with up to five samplers, other steps and scales; three come while the rest run.
    The same seven each time: how far a model carries a difference in the last bit depends on
    the picture. Raises ``MeasureError`` where the worker draws nothing together.
    """
    works = _seven(lab.info)
    alone = [_draw(lab, [work]) for work in works]
    if any(len(seen.latents) != 1 for seen in alone):
        raise MeasureError("a job's latents were not seen as they were decoded")
    together = _draw(lab, works)
    if together.steps == sum(seen.steps for seen in alone):
        raise MeasureError("the worker drew nothing together")
    if len(together.latents) != len(works):
        raise MeasureError(f"{len(together.latents)} latents were decoded for {len(works)} jobs")
    return furthest([seen.latents[0] for seen in alone], together.latents)


def furthest(wanted: list[torch.Tensor], found: list[torch.Tensor]) -> float:
    """How far the worst of either list is from its nearest in the other, over the spread."""
    table = torch.stack(
        [torch.stack([(one - other).abs().max() / one.std() for other in found]) for one in wanted]
    )
    return float(torch.maximum(table.amin(dim=0).max(), table.amin(dim=1).max()))


def _seven(info: ModelInfo) -> list[Work]:
    samplers = [name for name in _SAMPLERS if name in info.samplers] or [info.sampler]
    return [
        new_work(
            info,
            prompt=prompt,
            steps=steps,
            guidance_scale=1.0 if factor is None else factor * info.guidance_scale,
            sampler=samplers[index % len(samplers)],
            seed=1 + index,
        )
        for index, (prompt, steps, factor) in enumerate(_JOBS)
    ]


def _draw(lab: Lab, works: list[Work]) -> _Seen:
    again = [Work(job_id=new_job_id(), params=work.params) for work in works]
    seen: list[Sight] = []
    with watching(seen.append):
        runs = [lab.submit(work) for work in again[:_FIRST]]
        for work in again[_FIRST:]:
            runs[-1].await_step(1)
            runs.append(lab.submit(work))
        for run in runs:
            run.await_end()
    given = [sight.given for sight in seen if sight.call.part == DECODER]
    return _Seen(
        latents=[row.float().cpu() for rows in given if rows is not None for row in rows],
        steps=sum(sight.call.part == DENOISER for sight in seen),
    )
