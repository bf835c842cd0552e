"""Rows to values and back."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, fields
from typing import Any

from sqlalchemy import Table, select
from sqlalchemy.engine import Connection, RowMapping

from generation.store import tables
from generation.types import (
    BlobId,
    Control,
    Fault,
    Job,
    JobId,
    JobState,
    Lora,
    OwnerId,
    Params,
    Request,
    ScopeId,
    Setting,
    StoredOutput,
    Task,
)

_PARAMS = frozenset(field.name for field in fields(Params))
_IDS_PER_QUERY = 500  # below every build of SQLite's limit on bound values


def request_values(request: Request) -> dict[str, object]:
    """The columns of a freshly admitted job."""
    return {
        "id": request.id,
        "dedupe_key": request.dedupe_key,
        "owner": request.owner,
        "scope": request.scope,
        "params": asdict(request.params),
        "model": request.params.model,
        "pictures": request.params.count,
        "work": request.params.work(),
        "weight": request.weight,
        "delivery": request.delivery,
        "parent": request.parent,
        "accepted_at": request.accepted_at,
        "deadline": request.deadline,
        "state": JobState.QUEUED,
        "attempts": 0,
        "cancel_asked": False,
        "notes": [],
    }


def output_values(job: int, position: int, output: StoredOutput) -> dict[str, object]:
    """The columns of one finished picture."""
    return {
        "job": job,
        "position": position,
        "blob": output.blob,
        "media_type": output.media_type,
        "width": output.width,
        "height": output.height,
        "seed": output.seed,
        "flags": sorted(output.flags),
    }


def load_job(connection: Connection, job_id: JobId) -> Job | None:
    """The job with that id, if it is stored."""
    query = select(tables.jobs).where(tables.jobs.c.id == job_id)
    found = load_jobs(connection, connection.execute(query).mappings().all())
    return found[0] if found else None


def load_params(connection: Connection, job_ids: Sequence[JobId]) -> dict[JobId, Params]:
    """The parameters alone of those of the jobs that are stored."""
    found: dict[JobId, Params] = {}
    for start in range(0, len(job_ids), _IDS_PER_QUERY):
        some = job_ids[start : start + _IDS_PER_QUERY]
        query = select(tables.jobs.c.id, tables.jobs.c.params).where(tables.jobs.c.id.in_(some))
        for row in connection.execute(query).mappings():
            found[JobId(row["id"])] = _params(row["params"])
    return found


def load_jobs(connection: Connection, rows: Sequence[RowMapping]) -> list[Job]:
    """Whole jobs for rows of ``jobs``, in the order of the rows."""
    numbers = [row["number"] for row in rows]
    inputs: dict[int, list[BlobId]] = {number: [] for number in numbers}
    for row in _of_jobs(connection, tables.inputs, numbers):
        inputs[row["job"]].append(BlobId(row["blob"]))
    outputs: dict[int, list[StoredOutput]] = {number: [] for number in numbers}
    for row in _of_jobs(connection, tables.outputs, numbers):
        outputs[row["job"]].append(_output(row))
    return [_job(row, tuple(inputs[row["number"]]), tuple(outputs[row["number"]])) for row in rows]


def _of_jobs(connection: Connection, table: Table, numbers: list[int]) -> Iterator[RowMapping]:
    for start in range(0, len(numbers), _IDS_PER_QUERY):
        some = numbers[start : start + _IDS_PER_QUERY]
        query = select(table).where(table.c.job.in_(some)).order_by(table.c.job, table.c.position)
        yield from connection.execute(query).mappings()


def _output(row: RowMapping) -> StoredOutput:
    return StoredOutput(
        blob=BlobId(row["blob"]),
        media_type=row["media_type"],
        width=row["width"],
        height=row["height"],
        seed=row["seed"],
        flags=frozenset(row["flags"]),
    )


def _job(row: RowMapping, inputs: tuple[BlobId, ...], outputs: tuple[StoredOutput, ...]) -> Job:
    fault = None
    if row["fault_code"] is not None:
        fault = Fault(code=row["fault_code"], sentence=row["fault_sentence"])
    return Job(
        request=_request(row, inputs),
        state=JobState(row["state"]),
        attempts=row["attempts"],
        outcome=None if row["outcome"] is None else JobState(row["outcome"]),
        started_at=row["started_at"],
        ended_at=row["ended_at"],
        outputs=outputs,
        seconds=row["seconds"],
        backend=row["backend"],
        notes=tuple(row["notes"]),
        fault=fault,
    )


def _request(row: RowMapping, inputs: tuple[BlobId, ...]) -> Request:
    return Request(
        id=JobId(row["id"]),
        dedupe_key=row["dedupe_key"],
        owner=OwnerId(row["owner"]),
        scope=ScopeId(row["scope"]),
        params=_params(row["params"]),
        delivery=row["delivery"],
        accepted_at=row["accepted_at"],
        deadline=row["deadline"],
        inputs=inputs,
        parent=None if row["parent"] is None else JobId(row["parent"]),
        weight=row["weight"],
    )


def _params(stored: Mapping[str, Any]) -> Params:
    # A row may come from a version that had more parameters.
    values = {name: value for name, value in stored.items() if name in _PARAMS}
    task = Task(values.pop("task"))
    loras = tuple(Lora(**lora) for lora in values.pop("loras"))
    controls = tuple(Control(**control) for control in values.pop("controls", ()))
    options = tuple(Setting(**setting) for setting in values.pop("options", ()))
    return Params(task=task, loras=loras, controls=controls, options=options, **values)
