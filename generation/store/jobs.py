"""Jobs in the database: admission under limits, guarded changes of state, and lookups."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from sqlalchemy import delete, func, insert, not_, select, update
from sqlalchemy.engine import Connection

from generation.errors import WorkerLost
from generation.limits import Limits
from generation.line import Waiting
from generation.store import pictures, tables
from generation.store.admission import admit
from generation.store.database import Database
from generation.store.rows import load_job, load_jobs, load_params, output_values
from generation.store.values import (
    CANCELLED,
    Admission,
    Ended,
    Interrupted,
    Line,
    Sample,
    Started,
)
from generation.types import (
    TRANSITIONS,
    BlobId,
    Fault,
    Job,
    JobId,
    JobState,
    OwnerId,
    Params,
    Request,
)

_SPEED_SAMPLES = 100
_FINAL = [state for state in JobState if state.is_final]

_jobs = tables.jobs


class Jobs:
    """The ``jobs`` table and what hangs on it. Each method is one transaction."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def admit(self, request: Request, *, defaults: Limits, bound: int) -> Admission:
        """Write the job down, if its key is new, the limits allow it and the queue has room.

        Check and insert cannot be split by another admission. Raises ``OverLimit`` and
        ``QueueFull``.
        """
        return await self._database.transact(lambda c: admit(c, request, defaults, bound))

    async def job(self, job_id: JobId) -> Job | None:
        """The job, or None if it is not stored."""
        return await self._database.transact(lambda c: load_job(c, job_id))

    async def unfinished(self) -> list[Job]:
        """Every job that is not final, in the order of admission."""
        states = [state for state in JobState if not state.is_final]
        return await self._database.transact(lambda c: _in_states(c, states))

    async def ids(self, state: JobState) -> list[JobId]:
        """The jobs in a state, in the order of admission."""
        query = select(_jobs.c.id).where(_jobs.c.state == state).order_by(_jobs.c.number)
        return await self._database.transact(
            lambda c: [JobId(job_id) for job_id in c.execute(query).scalars()]
        )

    async def recent(self, owner: OwnerId, *, count: int) -> list[Job]:
        """The owner's latest jobs, the latest first."""
        return await self._database.transact(lambda c: _recent(c, owner, count))

    async def params(self, job_ids: Sequence[JobId]) -> dict[JobId, Params]:
        """The parameters of those of the jobs that are stored."""
        return await self._database.transact(lambda c: load_params(c, job_ids))

    async def unfinished_of(self, owner: OwnerId, *, count: int) -> list[Job]:
        """The owner's first jobs that wait or run, in the order of admission."""
        return await self._database.transact(lambda c: _unfinished_of(c, owner, count))

    async def parked(self, owner: OwnerId, *, count: int) -> list[Job]:
        """The owner's latest jobs whose ending could not be shown, the latest first."""
        return await self._database.transact(lambda c: _parked(c, owner, count))

    async def shown(self, job_id: JobId, *, at: float) -> None:
        """Note that a parked job's ending has been shown after all."""
        parked = update(_jobs).where(_jobs.c.id == job_id, _jobs.c.state.in_(_FINAL))
        statement = parked.values(delivered_at=at)
        await self._database.transact(lambda c: c.execute(statement))

    async def earliest(self) -> float | None:
        """When the oldest stored job was accepted, as UNIX time; None without jobs."""
        query = select(func.min(_jobs.c.accepted_at))
        return await self._database.transact(lambda c: c.execute(query).scalar_one())

    async def line(self) -> Line:
        """The queue, what runs, and how fast recent jobs were."""
        return await self._database.transact(_line)

    async def interrupted(self) -> list[Interrupted]:
        """The running jobs, for whoever takes over from the process that ran them."""
        return await self._database.transact(_interrupted)

    async def start(self, job_id: JobId, *, backend: str, boot_id: str, at: float) -> Job | None:
        """Queued → running, one attempt more. None if the job was not queued any more."""

        def work(connection: Connection) -> Job | None:
            values = {
                "attempts": _jobs.c.attempts + 1,
                "backend": backend,
                "boot_id": boot_id,
                "started_at": at,
            }
            moved = _move(connection, job_id, JobState.QUEUED, JobState.RUNNING, values)
            return load_job(connection, job_id) if moved else None

        return await self._database.transact(work)

    async def requeue(self, job_id: JobId, fault: Fault) -> bool:
        """Running → queued, at its old place. False if it was not running, or is to be cancelled.

        ``fault`` says why the attempt came to nothing.
        """
        values = {
            "started_at": None,
            "fault_code": fault.code,
            "fault_sentence": fault.sentence,
        }
        return await self._database.transact(
            lambda c: _move(
                c, job_id, JobState.RUNNING, JobState.QUEUED, values, only_if_wanted=True
            )
        )

    async def end(self, job_id: JobId, expected: JobState, ended: Ended) -> Job | None:
        """Queued or running → delivering, with the outcome and its pictures.

        None, and nothing is written, if the job is not in the expected state: something else
        has ended it.
        """
        return await self._database.transact(lambda c: _end(c, job_id, expected, ended))

    async def cancel(self, job_id: JobId, *, at: float) -> Job | None:
        """A queued job goes to delivering, a running one is marked; any other stays as it is.

        Returns the job as it is then, None if it is not stored.
        """

        def work(connection: Connection) -> Job | None:
            ended = Ended(outcome=JobState.CANCELLED, at=at, fault=CANCELLED)
            if (job := _end(connection, job_id, JobState.QUEUED, ended)) is not None:
                return job
            connection.execute(
                update(_jobs)
                .where(_jobs.c.id == job_id, _jobs.c.state == JobState.RUNNING)
                .values(cancel_asked=True)
            )
            return load_job(connection, job_id)

        return await self._database.transact(work)

    async def delivered(self, job_id: JobId, delivery: str, *, at: float) -> Job | None:
        """Delivering → its outcome, shown at ``delivery``. None if it was not delivering."""
        return await self._database.transact(
            lambda c: _close(c, job_id, {"delivery": delivery, "delivered_at": at})
        )

    async def undeliverable(self, job_id: JobId) -> Job | None:
        """Delivering → its outcome, never shown; its pictures stay. None if not delivering."""
        return await self._database.transact(lambda c: _close(c, job_id, {}))

    async def set_delivery(self, job_id: JobId, delivery: str) -> bool:
        """Replace the delivery address. False if the job is not stored."""
        statement = update(_jobs).where(_jobs.c.id == job_id).values(delivery=delivery)
        return await self._database.transact(lambda c: c.execute(statement).rowcount == 1)

    async def discard(self, job_id: JobId) -> frozenset[BlobId] | None:
        """Forget the job's pictures. Returns the blobs nothing refers to now; None if unknown."""

        def work(connection: Connection) -> frozenset[BlobId] | None:
            number = _number(connection, job_id)
            if number is None:
                return None
            blobs = pictures.of_jobs(connection, [number])
            connection.execute(delete(tables.outputs).where(tables.outputs.c.job == number))
            return pictures.unreferenced(connection, blobs)

        return await self._database.transact(work)

    async def unreferenced(self, blobs: frozenset[BlobId]) -> frozenset[BlobId]:
        """Those of the blobs that no job refers to."""
        return await self._database.transact(lambda c: pictures.unreferenced(c, blobs))


def _end(connection: Connection, job_id: JobId, expected: JobState, ended: Ended) -> Job | None:
    fault = ended.fault
    values = {
        "outcome": ended.outcome,
        "ended_at": ended.at,
        "seconds": ended.seconds,
        "notes": list(ended.notes),
        "fault_code": fault.code if fault else None,
        "fault_sentence": fault.sentence if fault else None,
    }
    if not _move(connection, job_id, expected, JobState.DELIVERING, values):
        return None
    number = _number(connection, job_id)
    if number is not None and ended.outputs:
        rows = [output_values(number, index, output) for index, output in enumerate(ended.outputs)]
        connection.execute(insert(tables.outputs), rows)
    return load_job(connection, job_id)


def _close(connection: Connection, job_id: JobId, values: Mapping[str, object]) -> Job | None:
    job = load_job(connection, job_id)
    if job is None or job.outcome is None:
        return None
    moved = _move(connection, job_id, JobState.DELIVERING, job.outcome, values)
    return load_job(connection, job_id) if moved else None


def _move(
    connection: Connection,
    job_id: JobId,
    expected: JobState,
    target: JobState,
    values: Mapping[str, object],
    *,
    only_if_wanted: bool = False,
) -> bool:
    """The only place that changes a state. False if the job is not in the expected one."""
    if target not in TRANSITIONS[expected]:
        raise ValueError(f"a job cannot go from {expected} to {target}")
    statement = update(_jobs).where(_jobs.c.id == job_id, _jobs.c.state == expected)
    if only_if_wanted:
        statement = statement.where(not_(_jobs.c.cancel_asked))
    return connection.execute(statement.values(state=target, **values)).rowcount == 1


def _number(connection: Connection, job_id: JobId) -> int | None:
    query = select(_jobs.c.number).where(_jobs.c.id == job_id)
    return connection.execute(query).scalar_one_or_none()


def _in_states(connection: Connection, states: Sequence[JobState]) -> list[Job]:
    query = select(_jobs).where(_jobs.c.state.in_(states)).order_by(_jobs.c.number)
    return load_jobs(connection, connection.execute(query).mappings().all())


def _interrupted(connection: Connection) -> list[Interrupted]:
    query = select(_jobs).where(_jobs.c.state == JobState.RUNNING).order_by(_jobs.c.number)
    rows = connection.execute(query).mappings().all()
    return [
        Interrupted(job=job, boot_id=row["boot_id"], cancel_asked=row["cancel_asked"])
        for job, row in zip(load_jobs(connection, rows), rows, strict=True)
    ]


def _recent(connection: Connection, owner: OwnerId, count: int) -> list[Job]:
    query = select(_jobs).where(_jobs.c.owner == owner).order_by(_jobs.c.number.desc()).limit(count)
    return load_jobs(connection, connection.execute(query).mappings().all())


def _unfinished_of(connection: Connection, owner: OwnerId, count: int) -> list[Job]:
    active = _jobs.c.state.in_([JobState.QUEUED, JobState.RUNNING])
    query = select(_jobs).where(_jobs.c.owner == owner, active).order_by(_jobs.c.number)
    return load_jobs(connection, connection.execute(query.limit(count)).mappings().all())


def _parked(connection: Connection, owner: OwnerId, count: int) -> list[Job]:
    query = (
        select(_jobs)
        .where(_jobs.c.owner == owner, _jobs.c.state.in_(_FINAL), _jobs.c.delivered_at.is_(None))
        .order_by(_jobs.c.number.desc())
        .limit(count)
    )
    return load_jobs(connection, connection.execute(query).mappings().all())


def _waiting(connection: Connection) -> list[Waiting]:
    columns = (
        *(_jobs.c.id, _jobs.c.owner, _jobs.c.scope),
        *(_jobs.c.model, _jobs.c.work, _jobs.c.weight),
    )
    is_suspect = _jobs.c.fault_code.is_not_distinct_from(WorkerLost.code)
    query = (
        select(*columns, _jobs.c.deadline, is_suspect.label("is_suspect"))
        .where(_jobs.c.state == JobState.QUEUED)
        .order_by(_jobs.c.number)
    )
    rows = connection.execute(query)
    names = tuple(rows.keys())
    # Not as mappings: with those a long queue takes twice as long.
    return [Waiting(**dict(zip(names, row, strict=True))) for row in rows.all()]


def _line(connection: Connection) -> Line:
    running = select(_jobs.c.model, _jobs.c.work, _jobs.c.started_at).where(
        _jobs.c.state == JobState.RUNNING
    )
    samples = (
        select(_jobs.c.backend, _jobs.c.model, _jobs.c.work, _jobs.c.seconds)
        .where(_jobs.c.outcome == JobState.DONE, _jobs.c.seconds > 0)
        .order_by(_jobs.c.number.desc())
        .limit(_SPEED_SAMPLES)
    )
    return Line(
        waiting=tuple(_waiting(connection)),
        running=tuple(Started(**row) for row in connection.execute(running).mappings()),
        samples=tuple(Sample(**row) for row in connection.execute(samples).mappings()),
    )
