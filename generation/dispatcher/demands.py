"""What jobs ask of an engine and where they failed: remembered, so that choosing stays cheap."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Set as AbstractSet
from dataclasses import dataclass, replace

from generation.line import Waiting
from generation.types import Control, JobId, Lora, Params


@dataclass(frozen=True, slots=True, eq=False)
class Demand:
    """Parameters without what no two engines differ in. Equal ones are the same object."""

    params: Params


class Demands:
    """The demand of every job that has been learned, and the backends to avoid for it."""

    def __init__(self) -> None:
        self._of_jobs: dict[JobId, Demand] = {}
        self._known: dict[Params, Demand] = {}
        self._failed_on: dict[JobId, frozenset[str]] = {}

    def of(self, job_id: JobId) -> Demand | None:
        """What the job asks for; None where that was not learned."""
        return self._of_jobs.get(job_id)

    def unknown(self, waiting: Iterable[Waiting]) -> list[JobId]:
        """Those of the jobs that are still to be learned."""
        return [item.id for item in waiting if item.id not in self._of_jobs]

    def learn(self, params: Mapping[JobId, Params]) -> None:
        """Remember what these jobs ask for."""
        for job_id, each in params.items():
            bare = _bare(each)
            self._of_jobs[job_id] = self._known.setdefault(bare, Demand(bare))

    def failed(self, job_id: JobId, backend: str) -> None:
        """Remember that the backend did not manage the job."""
        self._failed_on[job_id] = self.failed_on(job_id) | {backend}

    def failed_on(self, job_id: JobId) -> frozenset[str]:
        """The backends that did not manage the job, as far as is known since the start."""
        return self._failed_on.get(job_id, frozenset())

    def keep(self, job_ids: AbstractSet[JobId]) -> None:
        """Forget every other job."""
        self._failed_on = {
            job_id: names for job_id, names in self._failed_on.items() if job_id in job_ids
        }
        if not self._of_jobs.keys() <= job_ids:
            self._of_jobs = {
                job_id: demand for job_id, demand in self._of_jobs.items() if job_id in job_ids
            }
            self._known = {demand.params: demand for demand in self._of_jobs.values()}


def _bare(params: Params) -> Params:
    """No prompt, no seed, no strength: those are the same to every engine."""
    return replace(
        params,
        prompt="",
        negative_prompt="-" if params.negative_prompt else "",
        seed=0,
        subseed=0,
        strength=1.0,
        loras=tuple(Lora(name=lora.name) for lora in params.loras),
        controls=tuple(
            Control(kind=control.kind, prepare=control.prepare) for control in params.controls
        ),
        mask_blur=0,
        padding=None,
        hires_strength=0.0,
        reference_weight=1.0,
        exact=False,
    )
