"""The admission of a job: its key, its owner's limits and the queue's bound, then its row."""

from __future__ import annotations

from sqlalchemy import and_, func, insert, or_, select
from sqlalchemy.engine import Connection

from generation.errors import QueueFull
from generation.limits import Limits, check_member, check_request
from generation.store import tables
from generation.store.rows import load_jobs, request_values
from generation.store.settings import limits_of
from generation.store.values import Admission
from generation.types import Job, JobState, Request

_DAY = 86_400

_jobs = tables.jobs

# What counts as one of the day's pictures: made, being made, or still to be made. Our failures
# do not, nor does what was cancelled before a backend spent anything on it.
_COUNTS_TODAY = or_(
    _jobs.c.state.in_([JobState.QUEUED, JobState.RUNNING]),
    _jobs.c.outcome == JobState.DONE,
    and_(_jobs.c.outcome == JobState.CANCELLED, _jobs.c.started_at.is_not(None)),
)


def admit(connection: Connection, request: Request, defaults: Limits, bound: int) -> Admission:
    """Inside one transaction of the caller's. Raises ``OverLimit`` and ``QueueFull``."""
    known = select(_jobs.c.number).where(_jobs.c.dedupe_key == request.dedupe_key)
    if (number := connection.execute(known).scalar_one_or_none()) is not None:
        return Admission(job=_stored(connection, number), duplicate=True)
    limits = limits_of(connection, request.scope, defaults)
    check_request(request.params, limits)
    queued, made_today = _member(connection, request)
    check_member(request.params, limits, queued=queued, made_today=made_today)
    waiting = select(func.count()).where(_jobs.c.state == JobState.QUEUED)
    if connection.execute(waiting).scalar_one() >= bound:
        raise QueueFull
    inserted = insert(_jobs).values(request_values(request)).returning(_jobs.c.number)
    number = connection.execute(inserted).scalar_one()
    if request.inputs:
        rows = [
            {"job": number, "position": position, "blob": blob}
            for position, blob in enumerate(request.inputs)
        ]
        connection.execute(insert(tables.inputs), rows)
    return Admission(job=_stored(connection, number), duplicate=False)


def _member(connection: Connection, request: Request) -> tuple[int, int]:
    """How many jobs the member has queued or running here, and pictures asked for today."""
    own = and_(_jobs.c.owner == request.owner, _jobs.c.scope == request.scope)
    active = _jobs.c.state.in_([JobState.QUEUED, JobState.RUNNING])
    queued = select(func.count()).where(own, active)
    midnight = request.accepted_at - request.accepted_at % _DAY
    made_today = select(func.coalesce(func.sum(_jobs.c.pictures), 0)).where(
        own, _jobs.c.accepted_at >= midnight, _COUNTS_TODAY
    )
    return connection.execute(queued).scalar_one(), connection.execute(made_today).scalar_one()


def _stored(connection: Connection, number: int) -> Job:
    query = select(_jobs).where(_jobs.c.number == number)
    return load_jobs(connection, [connection.execute(query).mappings().one()])[0]
